"""The factors that someone may have meant: constants, dimensions and hyper-parameters, products of them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

from runner.diagnose.evidence import Evidence
from runner.diagnose.words import axes

MOST_AXES = 4  # of the upstream gradient, whose sizes are multiplied
CONSTANTS = {
    "sqrt(2)": math.sqrt(2), "1/sqrt(2)": math.sqrt(0.5), "ln 2": math.log(2), "1/ln 2": 1 / math.log(2),
    "pi": math.pi, "1/pi": 1 / math.pi,
}  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A factor that someone may have meant. The lower its level, the sooner it is believed.

    A number that stands for itself has no name.
    """

    level: int
    value: float
    name: str = ""


def candidates_of(evidence: Evidence) -> list[Candidate]:
    """Return every candidate for these dimensions and hyper-parameters, lowest level first."""
    sizes, numbers = dimensions(evidence), parameters(evidence)
    candidates = [Candidate(0, n) for n in (1.0, 2.0, 0.5)] + [Candidate(1, n) for n in (3, 4, 1 / 3, 1 / 4)]
    candidates += [*_of_sizes(sizes), *_of_parameters(numbers), *_of_pairs(sizes), *_of_upstream(evidence)]
    candidates += [Candidate(3, value, name) for name, value in CONSTANTS.items()]
    return sorted(candidates, key=lambda candidate: candidate.level)


def dimensions(evidence: Evidence) -> dict[str, int]:
    """Return the sizes that have a name, those in lists one by one and as products."""
    sizes: dict[str, int] = {}
    for key, size in evidence.names.items():
        if isinstance(size, list | tuple) and all(isinstance(part, int) for part in size):
            sizes |= {f"{key}[{i}]": part for i, part in enumerate(size)}
            sizes |= {f"the product of {key}": math.prod(size)} if len(size) > 1 else {}
        elif isinstance(size, int) and not isinstance(size, bool):
            sizes[key] = size
    if evidence.truth.numel() not in sizes.values():
        sizes["numel"] = evidence.truth.numel()
    return {key: size for key, size in sizes.items() if size > 1}


def parameters(evidence: Evidence) -> dict[str, float]:
    """Return the hyper-parameters that are numbers, and an upstream gradient that is one number."""
    numbers = {key: value for key, value in evidence.names.items() if isinstance(value, float)}
    if evidence.upstream is not None and evidence.upstream.numel() == 1:
        numbers["the upstream gradient"] = float(evidence.upstream)
    usable = {key: abs(value) for key, value in numbers.items() if math.isfinite(value)}
    return {key: value for key, value in usable.items() if value not in (0.0, 1.0)}


def _of_sizes(sizes: Mapping[str, int]) -> Iterator[Candidate]:
    for key, n in sizes.items():
        yield Candidate(1, n, key)
        yield Candidate(1, 1 / n, key)
        yield Candidate(2, math.sqrt(n), f"sqrt({key})")
        yield Candidate(2, 1 / math.sqrt(n), f"1/sqrt({key})")
        yield Candidate(2, n * n, f"{key}^2")
        yield Candidate(2, 1 / (n * n), f"1/{key}^2")
        yield Candidate(2, n - 1, f"{key}-1")
        yield Candidate(2, 1 / (n - 1), f"1/({key}-1)")
        yield Candidate(2, 2 / n, f"2/{key}")
        yield Candidate(2, n / 2, f"{key}/2")
        yield Candidate(2, n / (n - 1), f"{key}/({key}-1)")
        yield Candidate(2, (n - 1) / n, f"({key}-1)/{key}")


def _of_upstream(evidence: Evidence) -> Iterator[Candidate]:
    """Yield how many elements the upstream gradient has along some of its axes: what a mean divides by."""
    size = () if evidence.upstream is None else evidence.upstream.shape
    dims = {axis: n for axis, n in enumerate(size) if n > 1}
    for count in range(1, 1 + min(len(dims), MOST_AXES)):
        for some in combinations(dims, count):
            n = math.prod(dims[axis] for axis in some)
            name = f"the size of the upstream gradient along {axes(some)}"
            yield Candidate(3, n, name)
            yield Candidate(3, 1 / n, name)


def _of_parameters(numbers: Mapping[str, float]) -> Iterator[Candidate]:
    for key, p in numbers.items():
        yield Candidate(1, p, key)
        yield Candidate(1, 1 / p, f"1/{key}")
        yield Candidate(2, abs(1 - p), f"1-{key}")
        yield Candidate(2, 1 / abs(1 - p), f"1/(1-{key})")
        yield Candidate(2, math.sqrt(p), f"sqrt({key})")
        yield Candidate(2, 1 / math.sqrt(p), f"1/sqrt({key})")
        yield Candidate(2, p * p, f"{key}^2")
        yield Candidate(3, abs(1 - p) ** 2, f"(1-{key})^2")
        yield Candidate(3, p / abs(1 - p), f"{key}/(1-{key})")
        yield Candidate(3, abs(1 - p) / p, f"(1-{key})/{key}")


def _of_pairs(sizes: Mapping[str, int]) -> Iterator[Candidate]:
    named = {key: n for key, n in sizes.items() if key != "numel"}
    for (a, m), (b, n) in combinations(named.items(), 2):
        yield Candidate(2, m * n, f"{a}*{b}")
        yield Candidate(2, 1 / (m * n), f"1/({a}*{b})")
    for (a, m), (b, n) in permutations(named.items(), 2):
        yield Candidate(3, m / n, f"{a}/{b}")
        yield Candidate(3, 2 * m / n, f"2 {a}/{b}")
