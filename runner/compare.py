"""Error measures, the bounds that they are held to, and the verdict. NaN passes no comparison here."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

VERDICTS = ("exact", "correct", "inaccurate", "suspect_reference", "invalid", "wrong")
"""From best to worst."""

ACCUMULATOR_ROUNDOFF = 2.0**-24  # float32, in which low-precision kernels accumulate


@dataclass(frozen=True)
class Errors:
    """How far a gradient is from a reference, measured in float64.

    `in_u` is the normwise error max|e| / max|t| in units of unit roundoff of the gradient's dtype;
    the ulp percentiles are elementwise; `nonfinite` counts the NaN and Inf where the reference has
    another value.
    """

    max_abs: float
    rel_l2: float
    in_u: float
    ulp_p50: float
    ulp_p99: float
    nonfinite: int
    worst_index: tuple[int, ...]
    at_worst: float
    reference_at_worst: float


def unit_roundoff(dtype: torch.dtype) -> float:
    """Return u, half the distance from 1 to the next number."""
    return torch.finfo(dtype).eps / 2


def identical_bits(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors hold the same bits: -0.0 is not 0.0, and a NaN is the same NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(_bits(one), _bits(other.to(one.device)))


def _bits(tensor: Tensor) -> Tensor:
    return tensor.flatten().clone(memory_format=torch.contiguous_format).view(torch.uint8)


def difference(gradient: Tensor, reference: Tensor) -> Tensor:
    """Return |gradient - reference| in float64; zero where both are the same infinity, or both NaN."""
    a, b = gradient.to(reference.device, torch.float64), reference.to(torch.float64)
    same = (a == b) | (a.isnan() & b.isnan())
    return torch.where(same, 0.0, (a - b).abs())


def max_abs_error(gradient: Tensor, reference: Tensor) -> float:
    """Return max|gradient - reference|; NaN where one of them is NaN alone."""
    return largest(difference(gradient, reference))


def largest(tensor: Tensor) -> float:
    """Return max|x|; NaN if there is one, 0 for an empty tensor."""
    return float(tensor.abs().amax()) if tensor.numel() else 0.0


def magnitude(tensor: Tensor) -> float:
    """Return the largest finite |x|, or 0."""
    finite = tensor[tensor.isfinite()]
    return float(finite.abs().amax()) if finite.numel() else 0.0


def measure(gradient: Tensor, truth: Tensor) -> Errors:
    """Measure a gradient of any dtype against its float64 truth, which has the same shape."""
    error = difference(gradient, truth)
    if not error.numel():
        return Errors(0.0, 0.0, 0.0, 0.0, 0.0, 0, (), math.nan, math.nan)
    gradient = gradient.to(error.device)
    scale = magnitude(truth)
    worst = int(torch.where(error.isnan(), math.inf, error).argmax())
    max_abs = largest(error)
    ulps = (error / _ulp(truth, gradient.dtype)).flatten()
    norm = float(truth[truth.isfinite()].norm())
    return Errors(
        max_abs=max_abs,
        rel_l2=_ratio(float(error.norm()), norm),
        in_u=_ratio(max_abs, unit_roundoff(gradient.dtype) * scale),
        ulp_p50=_percentile(ulps, 0.50),
        ulp_p99=_percentile(ulps, 0.99),
        nonfinite=int((~gradient.isfinite() & (error != 0)).sum()),
        worst_index=tuple(int(i) for i in np.unravel_index(worst, tuple(error.shape))),
        at_worst=float(gradient.flatten()[worst]),
        reference_at_worst=float(truth.flatten()[worst]),
    )


def _ulp(truth: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the distance between neighbouring numbers of a dtype at |truth|."""
    info = torch.finfo(dtype)
    exponent = torch.frexp(truth.abs().clamp(min=info.tiny)).exponent - 1
    return torch.ldexp(torch.full_like(truth, info.eps), exponent)


def _percentile(values: Tensor, share: float) -> float:
    if values.isnan().any():
        return math.nan
    return float(values.kthvalue(max(1, math.ceil(share * values.numel()))).values)


def _ratio(error: float, scale: float) -> float:
    """Divide; an error where there should be nothing at all is infinitely large."""
    return error / scale if scale else (0.0 if error == 0 else math.copysign(math.inf, error))


def correctness_bound(truth: Tensor, floor: float, upstream: float) -> float:
    """Return the largest error of a right formula in float64.

    64 (floor + eps max|t|) + 1e-12 max|G|: what the rounding of the inputs explains, what the
    arithmetic adds, and what cancels out of an upstream gradient of that size.
    """
    eps = torch.finfo(torch.float64).eps
    return 64 * (floor + eps * magnitude(truth)) + 1e-12 * upstream


def accuracy_bound(truth: Tensor, dtype: torch.dtype, terms: int, autograd_error: float) -> float:
    """Return the largest error that a dtype excuses: min(3 e_auto, 4um + 4 sqrt(n) u_acc m) + 2um + 4 tiny.

    m is max|t|, n the number of terms that are summed, u_acc the accumulator's unit roundoff.
    Autograd's own error helps only up to the cap, so that its faults are not inherited.
    """
    info, m = torch.finfo(dtype), magnitude(truth)
    u = unit_roundoff(dtype)
    cap = 4 * u * m + 4 * math.sqrt(terms) * min(u, ACCUMULATOR_ROUNDOFF) * m
    helped = min(3 * autograd_error, cap) if autograd_error == autograd_error else cap
    return helped + 2 * u * m + 4 * info.smallest_normal * info.eps


def worst(*verdicts: str) -> str:
    """Return the worst of several verdicts."""
    return max(verdicts, key=VERDICTS.index)
