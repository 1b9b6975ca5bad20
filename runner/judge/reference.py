"""What a derivative should be: autograd in the same dtype, and autograd in float64 as the truth."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.compare import magnitude
from runner.formula.autograd import Graph
from runner.formula.kind import GRADIENT, Kind
from runner.judge.rounding import DRAWS, UNIT, Nudge

Differentiate = Callable[[Case], Mapping[str, Tensor]]


def truth_device(case: Case) -> torch.device:
    """Return where float64 runs: on the case's own device, or on the CPU where that has no float64."""
    return torch.device("cpu") if case.device.type == "mps" else case.device


def in_float64(case: Case) -> Case:
    """Return the same numbers in float64, so that truth belongs to the rounded inputs."""
    return case.to(truth_device(case), torch.float64)


def recorded(case: Case) -> Graph:
    """Record what a user would call, by every differentiable input."""
    return Graph.record(case.evaluate_library, case.inputs, case.differentiable, case.upstream)


def by_library(case: Case, kind: Kind = GRADIENT) -> dict[str, Tensor]:
    """Return autograd's derivatives of what a user would call, by every differentiable input."""
    return kind.differentiate(case.evaluate_library, case.inputs, case.differentiable, case.upstream)


def by_forward(case: Case, kind: Kind = GRADIENT) -> dict[str, Tensor]:
    """Return autograd's derivatives of the plain forward: in float64, the truth."""
    return kind.differentiate(case.evaluate_leaves, case.inputs, case.differentiable, case.upstream)


def of_kind(kind: Kind) -> Differentiate:
    """Return the function that gives the truth of a kind, for a case in float64."""
    return partial(by_forward, kind=kind)


def correctness_bound(case: Case, size: float, floor: float, dtype: torch.dtype) -> float:
    """Return the bound at a case, of a truth as large as `size`; no less than the tolerance stated."""
    bound = compare.correctness_bound(size, floor, case.upstream_size, dtype)
    return max(bound, case.formula.tolerance * size)


def rounding_floor(
    case: Case,
    truth: Mapping[str, Tensor],
    differentiate: Differentiate = by_forward,
    *,
    upstream_only: bool = False,
) -> dict[str, float]:
    """Return how far each float64 gradient moves when every input moves by one unit roundoff.

    What the rounding of the inputs alone explains, nobody can blame on the gradient. The largest of a
    few draws of random signs; the draws are the same every time. At a kink, where moving an input
    would change sides, `upstream_only` moves the upstream gradient alone.
    """
    floor = dict.fromkeys(truth, 0.0)
    nudge = Nudge()
    for _ in range(DRAWS):
        nudged = case.map(lambda tensor: nudge(tensor, UNIT))
        moved = differentiate(dataclasses.replace(nudged, inputs=case.inputs) if upstream_only else nudged)
        for name, gradient in truth.items():
            floor[name] = max(floor[name], magnitude(moved[name] - gradient))
    return floor
