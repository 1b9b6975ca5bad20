"""Puts the verdicts on several gradients, conditions and shapes into one statement."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from runner.diagnose.statement import Statement, say

Shape = Mapping[str, int | list[int]]
MOST_RULES = 3
MOST_SHAPES = 3
TILES = (4, 8, 16, 32, 64, 128)


def summarise(
    inputs: Mapping[str, bool] | None = None,
    conditions: Mapping[str, bool] | None = None,
    shapes: Sequence[tuple[Shape, bool]] = (),
) -> Statement | None:
    """Say what tells the right from the wrong ones; None where nothing is wrong, or nothing right.

    `inputs` says of each gradient whether it is right; `conditions` the same of circumstances, named as
    they read after "wrong only for" (`a non-contiguous input`, `ties`); `shapes` of dimensions by name.
    """
    parts = (_some("some_inputs", inputs), _some("some_conditions", conditions), _shapes(shapes))
    statements = list(filter(None, parts))
    return say("several", statements=statements) if len(statements) > 1 else next(iter(statements), None)


def _some(name: str, verdicts: Mapping[str, bool] | None) -> Statement | None:
    right, wrong = _parted(verdicts or {})
    return say(name, right=right, wrong=wrong) if right and wrong else None


def _parted(verdicts: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    return [n for n, right in verdicts.items() if right], [n for n, right in verdicts.items() if not right]


def _shapes(shapes: Sequence[tuple[Shape, bool]]) -> Statement | None:
    right = [_flat(shape) for shape, verdict in shapes if verdict]
    wrong = [_flat(shape) for shape, verdict in shapes if not verdict]
    if not right or not wrong:
        return None
    counts = {"count": len(wrong), "total": len(shapes)}
    parting = [True] * len(wrong) + [False] * len(right)
    rules = [rule for rule, holds in _rules(wrong + right) if holds == parting]
    if 0 < len(rules) <= MOST_RULES:
        return say("shapes_by_rule", **counts, rules=rules)
    return say("some_shapes", **counts, wrong=_examples(wrong), right=_examples(right))


def rules_at(shapes: Sequence[Shape]) -> dict[str, list[bool]]:
    """Return every rule that may tell shapes apart, as it reads, with the shapes that follow it."""
    return {str(rule): holds for rule, holds in _rules([_flat(shape) for shape in shapes])}


def _flat(shape: Shape) -> dict[str, int]:
    """Return every size by name; those of a list as `batch[0]`."""
    sizes: dict[str, int] = {}
    for name, size in shape.items():
        sizes |= {f"{name}[{i}]": n for i, n in enumerate(size)} if isinstance(size, list) else {name: size}
    return sizes


def _examples(shapes: Sequence[Mapping[str, int]]) -> list[Statement]:
    """Give the first few shapes, and whether there are others."""
    first = [say("sizes", names=[*shape], sizes=[*shape.values()]) for shape in shapes[:MOST_SHAPES]]
    return [*first, say("others")] if len(shapes) > MOST_SHAPES else first


def _rules(shapes: Sequence[Mapping[str, int]]) -> Iterator[tuple[Statement, list[bool]]]:
    """Yield rules that may tell shapes apart, and which shapes follow them.

    Sizes of 0 and 1, tails of a tile, unequal sizes.
    """
    sizes = {name: [shape.get(name, -1) for shape in shapes] for name in shapes[0]}
    sizes = {name: column for name, column in sizes.items() if -1 not in column}
    for name, column in sizes.items():
        yield _relation(name, "=", 0), [n == 0 for n in column]
        yield _relation(name, "=", 1), [n == 1 for n in column]
        yield _relation(name, ">", 1), [n > 1 for n in column]
        yield say("odd", dimension=name), [n % 2 > 0 for n in column]
        for tile in TILES:
            yield say("no_multiple", dimension=name, tile=tile), [n % tile > 0 for n in column]
    for (a, m), (b, n) in combinations(sizes.items(), 2):
        pairs = list(zip(m, n, strict=True))
        yield _relation(a, "=", b), [i == j for i, j in pairs]
        yield _relation(a, "!=", b), [i != j for i, j in pairs]
        yield _relation(a, "<", b), [i < j for i, j in pairs]
        yield _relation(a, ">", b), [i > j for i, j in pairs]


def _relation(left: str, relation: str, right: str | int) -> Statement:
    return say("relation", left=left, relation=relation, right=right)
