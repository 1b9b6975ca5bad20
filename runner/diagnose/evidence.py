"""What a diagnosis has to go by: gradient, truth and tolerance, and how much an agreement proves."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

CERTAIN = 6.0  # decimal digits of agreement beyond what a hypothesis can fit: one coincidence in a million
SAMPLE = 4096  # elements that are looked at where any would do
MARGIN = 10.0  # a number is told from zero where it is so many tolerances large


@dataclass(frozen=True, eq=False)
class Evidence:
    """A gradient and its truth in float64, with the names that may explain their difference.

    Where both are the same NaN or infinity, both are set to 0. `value` is None unless it has the truth's
    shape; `upstream` keeps its own.
    """

    gradient: Tensor
    truth: Tensor
    bound: float
    value: Tensor | None
    upstream: Tensor | None
    names: Mapping[str, Any]
    others: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    eps: float

    @classmethod
    def of(
        cls,
        gradient: Tensor,
        truth: Tensor,
        bound: float,
        value: Tensor | None,
        upstream: Tensor | None,
        names: Mapping[str, Any],
        others: Mapping[str, Tensor],
        inputs: Mapping[str, Tensor],
    ) -> "Evidence":
        """Bring everything to float64 on the truth's device."""

        def wide(tensor: Tensor) -> Tensor:
            return tensor.detach().to(truth.device, torch.float64)

        g, t = wide(gradient), wide(truth)
        if g.shape == t.shape:
            same = (~t.isfinite()) & ((g == t) | (g.isnan() & t.isnan()))
            g, t = g.masked_fill(same, 0), t.masked_fill(same, 0)
        usable = value is not None and value.shape == t.shape and not value.is_complex()
        value = wide(value) if value is not None and usable else None
        upstream = wide(upstream) if upstream is not None else None
        others = {name: wide(other) for name, other in others.items()}
        inputs = {name: wide(given) for name, given in inputs.items() if given.is_floating_point()}
        return cls(g, t, bound, value, upstream, names, others, inputs, _eps(gradient, truth))

    @property
    def same_shape(self) -> bool:
        """Whether elements can be compared at all."""
        return self.gradient.shape == self.truth.shape

    @cached_property
    def tolerance(self) -> float:
        """The bound, and a few rounding errors of the larger of gradient and truth."""
        rounding = 16 * self.eps * max(magnitude(self.gradient), magnitude(self.truth))
        return max(self.bound + rounding, torch.finfo(torch.float64).tiny)

    @cached_property
    def difference(self) -> Tensor:
        """Gradient minus truth."""
        return self.gradient - self.truth

    @cached_property
    def wrong(self) -> Tensor:
        """Where the gradient is off by more than the bound; NaN always is."""
        return ~(self.difference.abs() <= self.tolerance)

    @cached_property
    def live(self) -> Tensor:
        """Where gradient or truth is not zero: elsewhere being right proves nothing."""
        return ~((self.gradient.abs() <= self.tolerance) & (self.truth.abs() <= self.tolerance))

    @cached_property
    def count(self) -> int:
        """How many elements are wrong."""
        return int(self.wrong.sum())

    def agree(self, actual: Tensor, expected: Tensor, factor: float = 1.0) -> bool:
        """Tell whether two tensors are equal to within the tolerance, of an error that grew by a factor."""
        if actual.shape != expected.shape:
            return False
        limit = self.tolerance * max(1.0, abs(factor))
        pairs = ((few(actual), few(expected)), (actual, expected))  # a few are mostly enough to tell
        return all(bool(((a - b).abs() <= limit).all()) for a, b in pairs)

    def may_be_proportional(self, actual: Tensor, expected: Tensor) -> bool:
        """Tell whether the largest of a few numbers gives a factor that holds for the others."""
        a, b = few(actual).flatten(), few(expected).flatten()
        top = int(b.abs().argmax()) if b.numel() else 0
        if not b.numel() or not b[top].abs() > MARGIN * self.tolerance:
            return True
        c = a[top] / b[top]
        slack = 2 * self.tolerance * (1 + float(c.abs())) * (1 + (b / b[top]).abs())
        return bool(((a - c * b).abs() <= slack).all())

    def certain(self, numbers: Tensor, free: int = 0) -> bool:
        """Tell whether agreement in these numbers proves more than `free` fitted numbers could have made.

        A number that was met proves as many digits as it is larger than the tolerance. Equal numbers
        count once. Where the whole gradient has few levels (counts, masks), each number proves no
        more than which level it is.
        """
        sizes = sample(numbers).abs()
        sizes = sizes[sizes > MARGIN * self.tolerance]
        if self._few_levels:
            return (len(sizes) - free) * math.log10(self._few_levels) >= CERTAIN
        digits = (self.levels(sizes) / self.tolerance).log10().sort(descending=True).values
        return float(digits[free:].sum()) >= CERTAIN

    def certain_each(self, numbers: Tensor) -> bool:
        """Tell the same where each number is an agreement of its own, even if they are equal."""
        sizes = sample(numbers).abs()
        sizes = sizes[sizes > MARGIN * self.tolerance]
        if self._few_levels:
            return len(sizes) * math.log10(self._few_levels) >= CERTAIN
        return float((sizes / self.tolerance).log10().sum()) >= CERTAIN

    def levels(self, numbers: Tensor) -> Tensor:
        """Return the numbers that differ, each once, of a sample."""
        ordered = sample(numbers).sort().values
        if not len(ordered):
            return ordered
        fresh = ordered.diff() > MARGIN * self.tolerance
        return ordered[torch.cat([fresh.new_ones(1), fresh])]

    @cached_property
    def _few_levels(self) -> int:
        """How many levels a discrete truth has; 0 for one of arbitrary numbers."""
        numbers = sample(self.truth)
        levels = len(self.levels(numbers))
        is_round = bool((numbers * 8 == (numbers * 8).round()).all())
        return max(2, levels) if 2 * levels <= len(numbers) or is_round else 0


def _eps(gradient: Tensor, truth: Tensor) -> float:
    """Return the precision of float64, or, where shapes differ and no bound was made, that of the dtypes."""
    if gradient.shape == truth.shape:
        return torch.finfo(torch.float64).eps
    return max(
        [torch.finfo(d).eps for d in (gradient.dtype, truth.dtype) if d.is_floating_point], default=0.0
    )


def few(tensor: Tensor) -> Tensor:
    """Return some eight places along each axis: the same for every tensor of a shape."""
    return tensor[tuple(slice(None, None, max(1, n // 8)) for n in tensor.shape)]


def magnitude(tensor: Tensor) -> float:
    """Return the largest finite |x|, or 0."""
    finite = tensor[tensor.isfinite()]
    return float(finite.abs().amax()) if finite.numel() else 0.0


def sample(tensor: Tensor) -> Tensor:
    """Return no more than SAMPLE elements, evenly spread."""
    flat = tensor.flatten()
    return flat[:: max(1, -(-len(flat) // SAMPLE))]
