"""Error measures, and the bounds that they are held to. NaN passes no comparison here."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

ACCUMULATOR_ROUNDOFF = 2.0**-24  # float32, in which low-precision kernels accumulate


@dataclass(frozen=True)
class Errors:
    """How far a gradient is from a reference, measured in float64.

    `in_u` is the normwise error max|e| / max|t| in units of unit roundoff of the gradient's dtype;
    the ulp percentiles are elementwise; `nonfinite` counts the NaN and Inf where the reference has
    another value; `size` is max|t|.
    """

    size: float
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


def accumulator_roundoff(dtype: torch.dtype) -> float:
    """Return the unit roundoff in which sums of a dtype are kept: float32's below float32."""
    return min(unit_roundoff(dtype), ACCUMULATOR_ROUNDOFF)


INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""What a number of so many bytes is read as, for its bits."""


def identical_bits(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors hold the same bits: -0.0 is not 0.0, and a NaN is the same NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.is_complex():
        one, other = torch.view_as_real(one), torch.view_as_real(other)
    bits = INTEGERS[one.element_size()]
    return torch.equal(one.view(bits), other.to(one.device).view(bits))


def other_bits(one: Tensor, other: Tensor) -> Tensor:
    """Tell for every element of two tensors of a shape and dtype whether the two hold other bits."""
    bits = INTEGERS[one.element_size()]
    return one.view(bits) != other.to(one.device).view(bits)


@dataclass(frozen=True)
class Mismatch:
    """What makes a gradient incomparable with the right one, before any number is looked at."""

    what: Literal["shape", "dtype", "device"]
    received: str
    expected: str


def mismatch(gradient: Tensor, right: Tensor) -> Mismatch | None:
    """Compare shape, dtype and device before values: broadcasting must not rescue a wrong gradient."""
    if gradient.shape != right.shape:
        return Mismatch("shape", str(tuple(gradient.shape)), str(tuple(right.shape)))
    if gradient.dtype != right.dtype:
        return Mismatch("dtype", str(gradient.dtype), str(right.dtype))
    if gradient.device != right.device:
        return Mismatch("device", str(gradient.device), str(right.device))
    return None


Array = npt.NDArray[np.float64]

CPU = torch.device("cpu")


def _numbers(tensor: Tensor) -> Array:
    """Return a tensor's numbers in float64, for NumPy: at small sizes it takes half of PyTorch's time."""
    numbers: Array = tensor.to(CPU, torch.float64).numpy(force=True)
    return numbers


def _differences(a: Array, b: Array) -> Array:
    """Return |a - b|; zero where both are the same infinity, or both NaN."""
    error: Array = np.abs(a - b)
    if not len(error) or math.isfinite(error.max()):
        return error
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, error)


@np.errstate(all="ignore")
def max_abs_error(gradient: Tensor, reference: Tensor) -> float:
    """Return max|gradient - reference|; NaN where one of them is NaN alone."""
    alike = gradient.dtype == reference.dtype and gradient.device == reference.device
    if alike and torch.equal(gradient, reference):  # as what right code gives in float64 often is
        return 0.0
    errors = (_differences(_numbers(a), _numbers(b)) for a, b in _blocks(gradient, reference))
    return max((float(error.max()) for error in errors if len(error)), key=_nan_last, default=0.0)


def largest(tensor: Tensor) -> float:
    """Return max|x|; NaN if there is one, 0 for an empty tensor."""
    return float(tensor.abs().amax()) if tensor.numel() else 0.0


def magnitude(tensor: Tensor) -> float:
    """Return the largest finite |x|, or 0."""
    if not tensor.numel():
        return 0.0
    low, high = torch.aminmax(tensor)
    size = abs(float(max(-low.item(), high.item())))
    if math.isfinite(size):
        return size
    finite = tensor[tensor.isfinite()]
    return largest(finite)


BLOCK = 2**22
"""Elements that are compared at a time, so that a float64 copy of a whole gradient is never made."""


def _blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    flat = tuple(tensor.reshape(-1) for tensor in tensors)
    if flat[0].numel() <= BLOCK:
        yield flat
        return
    for start in range(0, flat[0].numel(), BLOCK):
        yield tuple(tensor[start : start + BLOCK] for tensor in flat)


def _nan_last(error: float) -> tuple[bool, float]:
    """Order errors with NaN above all numbers; Python's max() would lose it."""
    return error != error, error


@np.errstate(all="ignore")
def measure(gradient: Tensor, truth: Tensor) -> Errors:
    """Measure a gradient of any dtype against its float64 truth, which has the same shape.

    The percentiles of a gradient larger than a block are those of evenly spaced elements.
    """
    if not truth.numel():
        return Errors(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, (), math.nan, math.nan)
    worst, squares, norm, nonfinite = (0.0, 0), 0.0, 0.0, 0
    ulps, step = [], -(-truth.numel() // BLOCK)
    for i, (found, right) in enumerate(_blocks(gradient, truth)):
        numbers, reference = _numbers(found), _numbers(right)
        error = _differences(numbers, reference)
        at = int(error.argmax())  # a NaN is the largest
        worst = max(worst, (float(error[at]), i * BLOCK + at), key=lambda pair: _nan_last(pair[0]))
        squares += float(error @ error)
        norm += _square_sum(reference)
        if not math.isfinite(error[at]):
            nonfinite += int((~np.isfinite(numbers) & (error != 0)).sum())
        ulps.append(error[::step] / _ulp(reference[::step], torch.finfo(gradient.dtype)))
    (max_abs, index), size = worst, magnitude(truth)
    p50, p99 = _percentiles(np.concatenate(ulps), 0.50, 0.99)
    return Errors(
        size=size,
        max_abs=max_abs,
        rel_l2=_ratio(math.sqrt(squares), math.sqrt(norm)),
        in_u=_ratio(max_abs, unit_roundoff(gradient.dtype) * size),
        ulp_p50=p50,
        ulp_p99=p99,
        nonfinite=nonfinite,
        worst_index=tuple(map(int, np.unravel_index(index, tuple(truth.shape)))),
        at_worst=float(gradient.reshape(-1)[index].item()),
        reference_at_worst=float(truth.reshape(-1)[index].item()),
    )


def _square_sum(flat: Array) -> float:
    """Return the sum of the squares of what is finite."""
    total = float(flat @ flat)
    return total if math.isfinite(total) else float(np.square(flat[np.isfinite(flat)]).sum())


def _ulp(truth: Array, info: torch.finfo) -> Array:
    """Return the distance between neighbouring numbers of a dtype at |truth|."""
    _, exponent = np.frexp(np.maximum(np.abs(truth), info.tiny))
    distance: Array = np.ldexp(info.eps, exponent - 1)
    return distance


def _percentiles(values: Array, *shares: float) -> list[float]:
    """Return percentiles that are elements; all NaN if one is."""
    ordered = np.sort(values)  # NaN is sorted last
    if np.isnan(ordered[-1]):
        return [math.nan] * len(shares)
    return [float(ordered[max(1, math.ceil(share * len(values))) - 1]) for share in shares]


def _ratio(error: float, scale: float) -> float:
    """Divide; an error where there should be nothing at all is infinitely large."""
    return error / scale if scale else (0.0 if error == 0 else math.copysign(math.inf, error))


SLACK = 64
"""Right code comes to 6 of them (`python -m tests.bench.bounds`), a relative error of 1e-5 to 4.5e10."""
SLACK_BELOW = 8
"""In float32 right code came to 6.05 and the subtlest mistake to 7.9: no number parts the two by much."""
CANCELLED = 1e-12
"""4500 eps: the sum of as many terms of the upstream's size, each rounded once, that cancel to nothing."""


def slack(dtype: torch.dtype) -> int:
    """Return how many times what one rounding explains a right formula may be off."""
    return SLACK if dtype == torch.float64 else SLACK_BELOW


def correctness_bound(
    size: float, floor: float, upstream: float, dtype: torch.dtype = torch.float64
) -> float:
    """Return the largest error of a right formula, whose truth is as large as `size`, max|t|.

    In float64, SLACK (floor + eps max|t|) + CANCELLED max|G|: what the rounding of the inputs explains, what
    the arithmetic adds, and what cancels out of an upstream gradient of that size. A formula that has no
    float64 is held to SLACK_BELOW (floor + u max|t|) in the units of its own dtype, which tells less apart.
    `docs/judge.md` derives it.
    """
    if dtype != torch.float64:
        u = unit_roundoff(dtype)
        size = size or upstream  # where the truth is zero, what cancels to it has the upstream's
        return SLACK_BELOW * (floor * u / unit_roundoff(torch.float64) + u * size)
    eps = torch.finfo(torch.float64).eps
    return SLACK * (floor + eps * size) + CANCELLED * upstream


def accuracy_bound(size: float, dtype: torch.dtype, terms: int, autograd_error: float) -> float:
    """Return the largest error that a dtype excuses: min(3 e_auto, 4um + 4 sqrt(n) u_acc m) + 2um + 4 tiny.

    m is the `size` of the truth, max|t|, n the number of terms that are summed, u_acc the accumulator's unit
    roundoff. Autograd's own error helps only up to the cap, so that its faults are not inherited.
    """
    info, u, m = torch.finfo(dtype), unit_roundoff(dtype), size
    cap = 4 * u * m + 4 * math.sqrt(terms) * accumulator_roundoff(dtype) * m
    helped = min(3 * autograd_error, cap) if autograd_error == autograd_error else cap
    return helped + 2 * u * m + 4 * info.smallest_normal * info.eps
