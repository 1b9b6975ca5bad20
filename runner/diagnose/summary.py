"""Puts the verdicts on several gradients, conditions and shapes into one sentence."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from runner.diagnose.words import joined

Shape = Mapping[str, int | list[int]]
MOST_RULES = 3
MOST_SHAPES = 3
TILES = (4, 8, 16, 32, 64, 128)


def summarise(
    inputs: Mapping[str, bool] | None = None,
    conditions: Mapping[str, bool] | None = None,
    shapes: Sequence[tuple[Shape, bool]] = (),
) -> str:
    """Return what tells the right from the wrong ones; "" where nothing is wrong, or nothing right.

    `inputs` says of each gradient whether it is right; `conditions` the same of circumstances, named as
    they read after "wrong only for" (`a non-contiguous input`, `ties`); `shapes` of dimensions by name.
    """
    sentences = (_inputs(inputs or {}), _conditions(conditions or {}), _shapes(list(shapes)))
    return "; ".join(sentence for sentence in sentences if sentence)


def _inputs(inputs: Mapping[str, bool]) -> str:
    right, wrong = _parted(inputs)
    if not right or not wrong:
        return ""
    verb = "is" if len(right) == 1 else "are"
    return f"{joined(right, 'and')} {verb} right, only {joined(wrong, 'and')} {_be(wrong)} wrong"


def _conditions(conditions: Mapping[str, bool]) -> str:
    right, wrong = _parted(conditions)
    if not right or not wrong:
        return ""
    return f"wrong only for {joined(wrong, 'and')} (right for {joined(right, 'and')})"


def _parted(verdicts: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    return [n for n, right in verdicts.items() if right], [n for n, right in verdicts.items() if not right]


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _shapes(shapes: Sequence[tuple[Shape, bool]]) -> str:
    right = [_flat(shape) for shape, verdict in shapes if verdict]
    wrong = [_flat(shape) for shape, verdict in shapes if not verdict]
    if not right or not wrong:
        return ""
    start = f"wrong at {len(wrong)} of {len(shapes)} shapes"
    rules = [
        name for name, holds in _rules(wrong + right) if holds == [True] * len(wrong) + [False] * len(right)
    ]
    if 0 < len(rules) <= MOST_RULES:
        return f"{start}, only where {joined(rules, 'or')}"
    return f"{start}: at {_some(wrong)}, and not at {_some(right)}"


def _flat(shape: Shape) -> dict[str, int]:
    """Return every size by name; those of a list as `batch[0]`."""
    found: dict[str, int] = {}
    for name, size in shape.items():
        found |= {f"{name}[{i}]": n for i, n in enumerate(size)} if isinstance(size, list) else {name: size}
    return found


def _some(shapes: Sequence[Mapping[str, int]]) -> str:
    spelled = [" ".join(f"{name}={n}" for name, n in sizes.items()) for sizes in shapes[:MOST_SHAPES]]
    return joined([*spelled, *(["others"] if len(shapes) > MOST_SHAPES else [])], "and")


def _rules(shapes: Sequence[Mapping[str, int]]) -> Iterator[tuple[str, list[bool]]]:
    """Yield rules that may tell shapes apart, and which shapes follow them.

    Sizes of 0 and 1, tails of a tile, unequal sizes.
    """
    sizes = {name: [shape.get(name, -1) for shape in shapes] for name in shapes[0]}
    sizes = {name: column for name, column in sizes.items() if -1 not in column}
    for name, column in sizes.items():
        yield f"{name} = 0", [n == 0 for n in column]
        yield f"{name} = 1", [n == 1 for n in column]
        yield f"{name} > 1", [n > 1 for n in column]
        yield f"{name} is odd", [n % 2 > 0 for n in column]
        for tile in TILES:
            yield f"{name} is no multiple of {tile}", [n % tile > 0 for n in column]
    for (a, m), (b, n) in combinations(sizes.items(), 2):
        pairs = list(zip(m, n, strict=True))
        yield f"{a} = {b}", [i == j for i, j in pairs]
        yield f"{a} != {b}", [i != j for i, j in pairs]
        yield f"{a} < {b}", [i < j for i, j in pairs]
        yield f"{a} > {b}", [i > j for i, j in pairs]
