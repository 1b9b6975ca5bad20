"""A door for elementwise functions: from the slope alone, everything else that a formula has."""

import inspect
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from runner.formula.edge import Edge
from runner.formula.formula import Formula
from runner.formula.pieces import of_module
from runner.formula.precision import decorated, in_float32
from runner.formula.registry import register
from runner.formula.signature import Function, Gradients, Sizes

Slope = Tensor | tuple[Tensor, ...]
"""dy/dx of each element: as numbers, as factors, or as booleans that say where a gradient passes."""


def register_elementwise(
    *, slopes: Iterable[Function], edges: Mapping[str, Edge] | None = None, **record: Any
) -> Formula:
    """Register y = f(x), element by element, by its slopes, each of which makes a derivation of its name.

    A slope asks by name for x, y and hyper-parameters. The formula gets the gradients `grad_y * slope`, the
    Jacobian `diagonal`, the one dimension `size`, and the edges that every such function has. `record` and
    what is read from the calling file are as in `register`. Raises FormulaError.
    """
    slopes = list(slopes)
    pieces = of_module(sys._getframe(1).f_globals, {"shapes": of_any_size, **record})
    return register(
        gradients=map(gradient, slopes),
        jacobians=map(diagonal, slopes[:1]),
        edges={**EDGES, **(edges or {})},
        **pieces,
    )


def through(grad_y: Tensor, slope: Slope) -> Tensor:
    """Take a gradient from the output of an elementwise function to its input.

    Factors are multiplied from left to right. A mask chooses: an infinite gradient times 0 would be NaN.
    """
    for factor in slope if isinstance(slope, tuple) else (slope,):
        grad_y = torch.where(factor, grad_y, 0) if factor.dtype == torch.bool else grad_y * factor
    return grad_y


def gradient(slope: Function) -> Function:
    """Return the derivation `grad_y * slope`."""
    return in_float32(_product(slope))


def _product(slope: Function) -> Function:
    def product(grad_y: Tensor, **values: Any) -> Gradients:
        return {"x": through(grad_y, slope(**values))}

    grad_y = inspect.Parameter("grad_y", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return _asking(decorated(product, slope, _product), (grad_y, *_parameters(slope)))


def diagonal(slope: Function) -> Function:
    """Return the explicit Jacobian, which has the slopes on its diagonal, and zeros elsewhere."""
    return in_float32(_diagonal(slope))


def _diagonal(slope: Function) -> Function:
    def jacobian(**values: Any) -> Gradients:
        x = next(value for value in values.values() if isinstance(value, Tensor))  # or y, of the same size
        each_output = torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(x.shape + x.shape)
        return {"x": through(each_output, slope(**values))}

    made = _asking(decorated(jacobian, slope, _diagonal), _parameters(slope))
    made.__name__ = made.__qualname__ = "diagonal"
    return made


def _parameters(slope: Function) -> Iterable[inspect.Parameter]:
    return inspect.signature(slope).parameters.values()


def _asking(function: Function, parameters: Iterable[inspect.Parameter]) -> Function:
    function.__signature__ = inspect.Signature(list(parameters))  # type: ignore[attr-defined]
    return function


def of_any_size(size: list[int]) -> Sizes:
    """Return the size of x."""
    return {"x": tuple(size)}


def _infinite(x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.copysign(torch.full_like(x, math.inf), x)}


EDGES = {
    "zeros": Edge.zeros("x"),
    "negative_zeros": Edge.filled("x", -0.0),
    "nan": Edge.filled("x", math.nan),
    "infinite": Edge(inputs=_infinite),
    "empty": Edge.empty("size"),
}
