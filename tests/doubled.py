"""A mean of squares whose gradient lacks the division by the number of elements."""

from torch import Tensor

from runner.formula import Example, Gradients, Sizes, register


def shapes(n: int) -> Sizes:
    return {"x": (n,)}


def forward(x: Tensor) -> Tensor:
    return (x * x).mean()


def not_divided(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": 2 * grad_y * x}


register(gradients=[not_divided], name="doubled", example=Example(shape={"n": 20}))
