"""Finite differences in place of a reference: a forward that knows nothing but its own values."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from runner.compare import magnitude
from runner.errors import BadInput

Values = Mapping[str, Any]
Evaluate = Callable[[Values], Mapping[str, Tensor]]

MOST_ELEMENTS = 2**10  # of the inputs together: each costs four evaluations of forward
MOST_ELSEWHERE = 2**7  # at other shapes, of which there are many
STEPS = [10.0**-k for k in range(1, 7)]
"""Of the size of the inputs. The best is found by trial: a forward in float32 needs a larger one."""
COEFFICIENTS = ((1, 2 / 3), (2, -1 / 12))
"""Of the central difference of fourth order, at one and at two steps (Fornberg, 1988)."""
MARGIN = 16
"""Times the difference between two neighbouring steps: what the better of them is trusted to."""


@dataclass(frozen=True)
class Differences:
    """A forward whose derivatives are finite differences of its values, good to a relative `tolerance`."""

    evaluate: Evaluate
    outputs: Sequence[str]
    step: float
    tolerance: float
    most: int = MOST_ELEMENTS

    def __call__(self, values: Values) -> dict[str, Tensor]:
        """Return the results, by output; they can be differentiated, once."""
        names = [n for n, v in values.items() if isinstance(v, Tensor) and v.requires_grad]
        found = _Differentiable.apply(self, values, names, *(values[name] for name in names))  # type: ignore[no-untyped-call]
        return dict(zip(self.outputs, found, strict=True))

    def gradient(self, values: Values, name: str, upstream: Sequence[Tensor], step: float) -> Tensor:
        """Return the gradient by one input, element by element."""
        value = values[name]
        flat, found = value.flatten(), torch.zeros(value.numel(), dtype=torch.float64)
        size = step * (magnitude(value) or 1.0)
        for i in range(value.numel()):
            for count, coefficient in COEFFICIENTS:
                for sign in (1, -1):
                    moved = flat.clone()
                    moved[i] += sign * count * size
                    product = self._product({**values, name: moved.view(value.shape)}, upstream)
                    found[i] += sign * coefficient * product
        return (found / size).view(value.shape)

    def settled(self, values: Values, name: str, upstream: Sequence[Tensor]) -> Tensor:
        """Return the gradient by one input; raises ValueError where twice the step does not agree with it.

        The numbers there are too small, or too far apart, for differences of any one step. Asked is along one
        direction, of all elements together; twice a step is off by 16 times as much, in the fourth order.
        """
        found = self.gradient(values, name, upstream, self.step)
        generator = torch.Generator().manual_seed(0)
        direction = torch.randn(found.shape, generator=generator, dtype=torch.float64).sign()
        size = 2 * self.step * (magnitude(values[name]) or 1.0)
        slope = sum(
            sign * coefficient * self._product({**values, name: values[name] + move * direction}, upstream)
            for count, coefficient in COEFFICIENTS
            for sign in (1, -1)
            for move in [sign * count * size]
        )
        off = abs(slope / size - float((found * direction).sum()))
        if not off <= MARGIN * self.tolerance * (float(found.abs().sum()) or 1.0):
            raise ValueError(f"finite differences by {name} do not settle here")
        return found

    def _product(self, values: Values, upstream: Sequence[Tensor]) -> float:
        results = self.evaluate(values)
        pairs = zip(self.outputs, upstream, strict=True)
        return sum(float((results[name].double() * grad).sum()) for name, grad in pairs)


class _Differentiable(Function):
    """Values as they are; gradients by differences, in float64 whatever the dtype."""

    @staticmethod
    def forward(ctx: Any, of: Differences, values: Values, names: Sequence[str], *leaves: Tensor) -> Any:
        given = {**values, **dict(zip(names, leaves, strict=True))}
        ctx.of, ctx.names = of, names
        ctx.values = {n: _strong(v.detach()) if isinstance(v, Tensor) else v for n, v in given.items()}
        if sum(leaf.numel() for leaf in leaves) > of.most:
            raise ValueError(f"finite differences of more than {of.most} elements take too long")
        results = of.evaluate(given)
        return tuple(results[name] for name in of.outputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        of: Differences = ctx.of
        strong = [_strong(grad) for grad in upstream]
        found = [
            of.settled(ctx.values, name, strong) if needed else None
            for name, needed in zip(ctx.names, ctx.needs_input_grad[3:], strict=True)
        ]
        return None, None, None, *found


def _strong(value: Tensor) -> Tensor:
    return value.double() if value.is_floating_point() else value


def by_differences(
    evaluate: Evaluate, outputs: Sequence[str], values: Values, wrt: Sequence[str]
) -> Differences:
    """Return a forward with the step at which two neighbouring ones agree best, and how well they do.

    Raises BadInput for more elements than finite differences can be asked for, and where they do not settle.
    """
    count = sum(values[name].numel() for name in wrt)
    if count > MOST_ELEMENTS:
        raise BadInput(
            f"without a reference, finite differences are all there is, and {count} elements take too long "
            f"(at most {MOST_ELEMENTS}): hand over a reference, or smaller tensors"
        )
    strong = {n: _strong(v) if isinstance(v, Tensor) else v for n, v in values.items()}
    results = evaluate(strong)
    generator = torch.Generator().manual_seed(0)
    upstream = [torch.randn(results[n].shape, generator=generator, dtype=torch.float64) for n in outputs]
    trial = Differences(evaluate, outputs, 0.0, 0.0)
    found = [{name: trial.gradient(strong, name, upstream, step) for name in wrt} for step in STEPS]
    apart = [max(_relative(one[name], other[name]) for name in wrt) for one, other in pairwise(found)]
    best = min(range(len(apart)), key=lambda i: apart[i] if apart[i] == apart[i] else math.inf)
    tolerance = max(MARGIN * apart[best], 1e-10)
    if not tolerance < 1e-2:
        raise BadInput(
            "without a reference, finite differences are all there is, and they do not settle at any step: "
            "forward is not smooth here, or not the same at two calls; hand over a reference"
        )
    return Differences(evaluate, outputs, STEPS[best + 1], tolerance, max(count, MOST_ELSEWHERE))


def _relative(one: Tensor, other: Tensor) -> float:
    return magnitude(one - other) / (magnitude(other) or 1.0)
