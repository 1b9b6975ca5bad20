"""Inputs like the example's, at any sizes: labels that stay within their range, masks, positive numbers."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

import torch
from torch import Tensor

from runner.doors.dimensions import Dimensions
from runner.formula.draw import Draw

Like = Callable[[Draw, tuple[int, ...], Mapping[str, tuple[int, ...]]], Tensor]


@dataclass(frozen=True)
class Integers:
    """Labels or ids: no larger than any axis that those of the example would have fitted into.

    Which axis they index is not known; what fits into each of them fits into that one. A `negative` number
    is none of them but a sign, as -100 of a label that is left out, and keeps its share.
    """

    least: int
    most: int
    within: tuple[tuple[str, int], ...]
    dtype: torch.dtype
    negative: tuple[int, ...] = ()
    share: float = 0.0

    def __call__(self, rng: Draw, size: tuple[int, ...], sizes: Mapping[str, tuple[int, ...]]) -> Tensor:
        """Draw integers of a size."""
        bounds = [sizes[name][i] for name, i in self.within] or [self.most + 1]
        drawn = rng.integers(size, self.least, max(min(bounds), self.least + 1)).to(self.dtype)
        for number in self.negative:
            drawn = torch.where(rng.boolean(size, self.share / len(self.negative)), number, drawn)
        return drawn


def samplers(
    tensors: Mapping[str, Tensor],
    base: torch.dtype,
    positive: frozenset[str] = frozenset(),
    constants: frozenset[str] = frozenset(),
) -> dict[str, Like]:
    """Return how each tensor is drawn that not every number will do for.

    Integers stay within the range of the example's, masks keep its share of True, and what is `positive`
    stays within its values. Among `constants`, floating numbers of two values are a mask, or labels where
    each row has one. Of several floating dtypes, `base` is the experiment's; others are kept.
    """
    found: dict[str, Like] = {}
    for name, tensor in tensors.items():
        if tensor.dtype == torch.bool:
            found[name] = _mask(float(tensor.float().mean()) if tensor.numel() else 0.5)
        elif not tensor.is_floating_point():
            found[name] = _integers(name, tensor, tensors)
        elif name in constants and len(values := tensor.unique()) == 2:  # type: ignore[no-untyped-call]
            found[name] = _two_valued(tensor, *values.tolist(), dtype=_kept(tensor, base))
        elif name in positive:
            found[name] = _between(*map(float, torch.aminmax(tensor.double())), dtype=_kept(tensor, base))
        elif tensor.dtype != base:
            found[name] = _normal(tensor.dtype)
    return found


def sample(dimensions: Dimensions, likes: Mapping[str, Like]) -> Callable[..., Any] | None:
    """Return what a formula calls `sample`, or None where every tensor may have any numbers."""
    if not likes:
        return None

    def drawn(rng: Draw, **sizes: int) -> dict[str, Tensor]:
        at = dimensions.at(**sizes)
        return {name: like(rng, at[name], at) for name, like in likes.items()}

    names = ("rng", *dimensions.axes)
    drawn.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    return drawn


def _kept(tensor: Tensor, base: torch.dtype) -> torch.dtype:
    return torch.float64 if tensor.dtype == base else tensor.dtype


def _mask(share: float) -> Like:
    return lambda rng, size, sizes: rng.boolean(size, min(max(share, 0.05), 0.95))


def _two_valued(tensor: Tensor, low: float, high: float, *, dtype: torch.dtype) -> Like:
    """Draw a mask of two values; or labels, of which each row has one."""
    share = float((tensor == high).double().mean())
    one_in_a_row = tensor.ndim > 0 and bool(((tensor == high).sum(-1) == 1).all())

    def drawn(rng: Draw, size: tuple[int, ...], sizes: Mapping[str, tuple[int, ...]]) -> Tensor:
        if one_in_a_row and size[-1]:
            chosen = torch.nn.functional.one_hot(rng.integers(size[:-1], 0, size[-1]), size[-1]).bool()
        else:
            chosen = rng.boolean(size, share)
        return torch.where(chosen, high, low).to(dtype)

    return drawn


def _integers(name: str, tensor: Tensor, tensors: Mapping[str, Tensor]) -> Integers:
    numbers, negative = tensor[tensor >= 0], tensor[tensor < 0]
    least, most = (int(t) for t in torch.aminmax(numbers)) if numbers.numel() else (0, 0)
    floating = {other: value.shape for other, value in tensors.items() if value.is_floating_point()}
    axes = {(n, i): size for n, sizes in floating.items() for i, size in enumerate(sizes) if size > most}
    others = [
        axis for axis, size in axes.items() if size not in tensor.shape
    ]  # its own axes it does not index
    return Integers(
        least,
        most,
        tuple(others or axes),
        tensor.dtype,
        tuple(sorted({*negative.tolist()})),
        negative.numel() / max(tensor.numel(), 1),
    )


def _between(low: float, high: float, *, dtype: torch.dtype) -> Like:
    return lambda rng, size, sizes: rng.uniform(size, low, high if high > low else low + 1).to(dtype)


def _normal(dtype: torch.dtype) -> Like:
    return lambda rng, size, sizes: rng.normal(size).to(dtype)
