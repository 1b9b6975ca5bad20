"""The kinds of derivatives: all that the runner must know of a derivation beside its numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from runner.formula.autograd import Evaluate, Tensors, jacobians, vector_jacobian_products

KindName = Literal["gradient", "jacobian"]
Size = tuple[int, ...]


@dataclass(frozen=True)
class Kind:
    """What a derivation asks for, what the truth is, and which shape is right.

    One that takes an upstream gradient is linear in it. Those that `cover` must together give every
    differentiable input. The elements of a derivative grow with the `order`-th power of the inputs'.
    `differentiate` is autograd's answer, from a forward, inputs, the names by which to differentiate, and
    upstream gradients by output name; `size` is that of the derivative, from output's and input's;
    `product` that of the derivative and an upstream gradient.
    """

    name: KindName
    symbol: str
    takes_upstream: bool
    covers: bool
    is_timed: bool
    order: int
    differentiate: Callable[[Evaluate, Tensors, Sequence[str], Tensors], dict[str, Tensor]]
    size: Callable[[Size, Size], Size]
    product: Callable[[Tensor, Tensor], Tensor]


GRADIENT = Kind(
    name="gradient",
    symbol="dL/d",
    takes_upstream=True,
    covers=True,
    is_timed=True,
    order=1,
    differentiate=vector_jacobian_products,
    size=lambda output, given: given,
    product=lambda gradient, upstream: gradient,
)
JACOBIAN = Kind(
    name="jacobian",
    symbol="Jacobian by ",
    takes_upstream=False,
    covers=False,
    is_timed=False,
    order=2,
    differentiate=jacobians,
    size=lambda output, given: (*output, *given),
    product=lambda jacobian, upstream: torch.tensordot(upstream, jacobian, upstream.ndim),
)
