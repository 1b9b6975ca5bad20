"""Finds the name of a factor: a constant, a dimension, a product of dimensions, a hyper-parameter."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations

from torch import Tensor

from runner.diagnose.evidence import Evidence
from runner.diagnose.words import axes, joined

COINCIDENCE = 0.1  # the largest share of all factors that the candidates together may cover
MOST_AXES = 4  # of the upstream gradient, whose sizes are multiplied
CONSTANTS = {
    "sqrt(2)": math.sqrt(2), "1/sqrt(2)": math.sqrt(0.5), "ln 2": math.log(2), "1/ln 2": 1 / math.log(2),
    "pi": math.pi, "1/pi": 1 / math.pi,
}  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A factor that someone may have meant. The lower its level, the sooner it is believed."""

    level: int
    value: float
    text: str


def fitted(found: Tensor, expected: Tensor) -> float:
    """Return the c for which c * expected is nearest to found; NaN where expected is zero."""
    return float((found * expected).sum() / expected.square().sum())


def relation(evidence: Evidence, found: Tensor, expected: Tensor) -> str | None:
    """Return "" where two tensors are equal, `, times 1/5 (m)` where a named factor apart; else None."""
    if found.shape != expected.shape:
        return None
    if evidence.agree(found, expected):
        return ""
    if not evidence.may_be_proportional(found, expected):
        return None
    c = fitted(found, expected)
    if c and math.isfinite(c) and evidence.agree(found, c * expected, c):
        named = name(evidence, c, expected)
        return f", times {named}" if named else None
    return None


def name(evidence: Evidence, factor: float, expected: Tensor, levels: int = 3) -> str | None:
    """Return `2`, or `1/5 (m or n)`: every simple candidate that a factor is; None if there is none.

    `expected` is what the factor multiplies, whose size tells how well it is known. A name must not be
    one of so many that a factor known so badly would meet one by chance.
    """
    uncertainty = 2 * evidence.tolerance * max(1.0, abs(factor)) / float(expected.abs().amax())
    candidates = [c for c in candidates_of(evidence) if c.level <= levels]
    matching = [c for c in candidates if abs(abs(factor) - c.value) <= uncertainty]
    matching = [c for c in matching if c.value != 1 or (c.level == 0 and factor < 0)]
    if not matching:
        return None
    lowest = min(c.level for c in matching)
    relative = uncertainty / abs(factor)
    if relative * sum(c.level <= lowest for c in candidates) > COINCIDENCE:
        return None
    last = max(lowest, 1)  # beside a constant, a dimension of the same size is named too
    return spelled(math.copysign(matching[0].value, factor), [c for c in matching if c.level <= last])


def spelled(factor: float, matching: list[Candidate]) -> str:
    """Return the number, and its names in brackets."""
    number = in_figures(factor)
    sign = "-" if factor < 0 else ""
    texts = dict.fromkeys(c.text for c in sorted(matching, key=lambda c: c.level))
    constant = any(c.level == 0 for c in matching)
    names = [text for text in texts if sign + text != number and text != number][:3]
    if not names:
        return number
    return f"{number} ({'or ' if constant else ''}{joined(names, 'or')})"


def in_figures(factor: float) -> str:
    """Return a simple fraction as such, anything else as a decimal number."""
    fraction = Fraction(factor).limit_denominator(10**6)
    simple = min(abs(fraction.numerator), fraction.denominator) <= 32
    if fraction and simple and abs(float(fraction) - factor) <= 1e-14 * abs(factor):
        return str(fraction)
    return f"{factor:.6g}"


def candidates_of(evidence: Evidence) -> list[Candidate]:
    """Return every candidate for these dimensions and hyper-parameters, lowest level first."""
    sizes, numbers = dimensions(evidence), parameters(evidence)
    simple = [Candidate(0, 1.0, "1"), Candidate(0, 2.0, "2"), Candidate(0, 0.5, "1/2")]
    simple += [Candidate(1, n, f"{n}") for n in (3, 4)] + [Candidate(1, 1 / n, f"1/{n}") for n in (3, 4)]
    found = [*simple, *_of_sizes(sizes), *_of_parameters(numbers), *_of_pairs(sizes)]
    found += _of_upstream(evidence)
    found += [Candidate(3, value, text) for text, value in CONSTANTS.items()]
    return sorted(found, key=lambda candidate: candidate.level)


def dimensions(evidence: Evidence) -> dict[str, int]:
    """Return the sizes that have a name, those in lists one by one and as products."""
    found: dict[str, int] = {}
    for key, size in evidence.names.items():
        if isinstance(size, list | tuple) and all(isinstance(part, int) for part in size):
            found |= {f"{key}[{i}]": part for i, part in enumerate(size)}
            found |= {f"the product of {key}": math.prod(size)} if len(size) > 1 else {}
        elif isinstance(size, int) and not isinstance(size, bool):
            found[key] = size
    if evidence.truth.numel() not in found.values():
        found["numel"] = evidence.truth.numel()
    return {key: size for key, size in found.items() if size > 1}


def parameters(evidence: Evidence) -> dict[str, float]:
    """Return the hyper-parameters that are numbers, and an upstream gradient that is one number."""
    found = {key: value for key, value in evidence.names.items() if isinstance(value, float)}
    if evidence.upstream is not None and evidence.upstream.numel() == 1:
        found["the upstream gradient"] = float(evidence.upstream)
    usable = {key: abs(value) for key, value in found.items() if math.isfinite(value)}
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
            text = f"the size of the upstream gradient along {axes(some)}"
            yield Candidate(3, n, text)
            yield Candidate(3, 1 / n, text)


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
