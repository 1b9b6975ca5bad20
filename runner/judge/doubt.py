"""The references are judged too: witnesses that may tell against float64 autograd of the plain forward."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from runner.case.case import Case
from runner.compare import CANCELLED, magnitude
from runner.diagnose import Statement, say
from runner.judge.reference import by_library

STEP = 1e-6  # the cube root of eps, where a central difference rounds as much as it truncates, is 6e-6
WITNESSES = 3  # a direction may by chance be one in which forward has a kink; that three are is no chance
TRUNCATED = 1e-5  # of the slope: gradcheck's rtol is 1e-3, and STEP^2 times a third derivative is far below
ROUNDED = 1e-8  # of the terms of <G, y>: they are rounded to eps each, and divided by 2 STEP: 1e-10
KINK = 100  # times what is allowed: two slopes that differ by more belong to a kink, not to a curve
UNSETTLED = 100  # times what twice the step changes: an error that is no larger may be the step's own
STEPS = (1e-4, 1e-5, 1e-7, 1e-8)
"""Where forward is flat a longer one sees more, and a shorter where it is steep."""
FINE_STEPS = (1e-2, 1e-3, 1e-4, 1e-5)  # of an input's size; the two that agree best tell how well
FINE = 1e-5  # relative: a larger difference is seen by the random directions
DECIDES = 10  # times less than the difference in question must a slope be uncertain by
LIBRARY = 1e-6  # relative: half of float64's digits may go where a fused kernel sums in another order


def doubts(case: Case, truth: Mapping[str, Tensor], *, thorough: bool) -> dict[str, Statement]:
    """Return, by input, which references disagree with the truth.

    Central finite differences along random directions are asked first, all inputs at once; only where
    they disagree is each input asked alone. `thorough` asks the library function in float64 too.
    """
    doubted: dict[str, Statement] = {}
    asked = [wrt for wrt in truth if wrt not in case.formula.detached]
    if asked and _disagreement(case, truth, asked):
        doubted = {wrt: doubt for wrt in asked if (doubt := _disagreement(case, truth, [wrt]))}
    if thorough and case.formula.library is not None:
        for wrt, doubt in _library_doubts(case, truth).items():
            doubted.setdefault(wrt, doubt)
    return doubted


def _disagreement(case: Case, truth: Mapping[str, Tensor], wrt: Sequence[str]) -> Statement | None:
    """Return what one witness says, if several random directions all tell against the truth."""
    said = None
    for seed in range(WITNESSES):
        said = _along(case, truth, wrt, seed)
        if said is None:
            return None
    return said


def _along(case: Case, truth: Mapping[str, Tensor], wrt: Sequence[str], seed: int) -> Statement | None:
    """Compare the slope along one random direction; where it is not one number, say nothing.

    At a kink it is another on each side. At a point so flat that nothing but the step's own curvature is
    seen, as of x^3 at 0, it is another at twice the step.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    directions = {name: _direction(case.inputs[name], generator) for name in wrt}
    products = [truth[name] * direction for name, direction in directions.items()]
    expected = sum(float(product.sum()) for product in products)
    size = sum(float(product.abs().sum()) for product in products)
    slope, sides, terms = _slope(case, directions, STEP)
    allowed = TRUNCATED * max(size, abs(slope)) + ROUNDED * terms
    error = abs(slope - expected)
    if not abs(sides) <= KINK * allowed or error <= allowed or not math.isfinite(expected):
        return None
    if error <= UNSETTLED * abs(_slope(case, directions, 2 * STEP)[0] - slope):
        return None
    if any(abs(_slope(case, directions, step)[0] - expected) <= allowed for step in STEPS):
        return None
    return say("finite_differences_disagree", wrt=list(wrt), slope=slope, expected=expected)


def _slope(case: Case, directions: Mapping[str, Tensor], step: float) -> tuple[float, float, float]:
    """Return the central difference, by how much those of the two sides differ, and the size of the terms."""
    (before, _), (after, _) = (_product(case, _moved(case, directions, at)) for at in (-step, step))
    middle, terms = _product(case, case.results)
    return (after - before) / (2 * step), (after - 2 * middle + before) / step, terms


def _direction(value: Tensor, generator: torch.Generator) -> Tensor:
    """Return random numbers of the size of the value's own, so that the step is small beside it."""
    scale = float(value.abs().amax()) if value.numel() else 1.0
    drawn = torch.randn(value.shape, generator=generator, dtype=torch.float32, device=generator.device)
    return drawn.to(value) * (scale if 0 < scale < math.inf else 1.0)


def _moved(case: Case, directions: Mapping[str, Tensor], step: float) -> Mapping[str, Tensor]:
    """Return forward(x + step d)."""
    moved = {name: case.inputs[name] + step * direction for name, direction in directions.items()}
    with torch.no_grad():
        return case.evaluate({**case.inputs, **moved})


def _product(case: Case, results: Mapping[str, Tensor]) -> tuple[float, float]:
    """Return <G, results>, and the sum of its terms' sizes."""
    terms = [case.upstream[name] * results[name] for name in case.formula.outputs]
    return sum(float(t.sum()) for t in terms), sum(float(t.abs().sum()) for t in terms)


def contradicted(case: Case, truth: Tensor, gradient: Tensor, wrt: str) -> Statement | None:
    """Say where finite differences of forward side with a gradient, and not with its float64 reference.

    They are taken along the very difference of the two, if that is small, at several steps; the two which
    agree best have to tell the one from the other.
    """
    difference = gradient.to(truth) - truth
    largest = magnitude(difference)
    if not 0 < largest <= FINE * magnitude(truth) or not bool(difference.isfinite().all()):
        return None
    direction = difference / largest
    gap = float((difference * direction).sum())
    expected = float((truth * direction).sum())
    scale = magnitude(case.inputs[wrt]) or 1.0
    try:
        slopes = [_slope(case, {wrt: direction}, step * scale)[0] for step in FINE_STEPS]
    except Exception:  # forward refuses what lies beside the point
        return None
    uncertain, slope = min((abs(a - b), b) for a, b in pairwise(slopes))
    if DECIDES * uncertain > gap or not abs(slope - expected - gap) < abs(slope - expected) / 2:
        return None
    return say("finite_differences_side", wrt=wrt, error=largest, slope=slope, expected=expected)


def _library_doubts(case: Case, truth: Mapping[str, Tensor]) -> dict[str, Statement]:
    """Compare the library function's gradients; generous, as it may round more than the mathematics."""
    errors = {wrt: magnitude(gradient - truth[wrt]) for wrt, gradient in by_library(case).items()}
    return {
        wrt: say("library_disagrees", error=error)
        for wrt, error in errors.items()
        if error > LIBRARY * magnitude(truth[wrt]) + CANCELLED
    }
