"""What PyTorch makes of a forward by itself: vector-Jacobian products and full Jacobians, by input name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]
Evaluate = Callable[[Tensors], Tensors]
"""A forward: inputs by name in, outputs by name out, the first of them first."""


@dataclass(frozen=True)
class Graph:
    """A forward that was recorded, ready to be differentiated any number of times."""

    outputs: Sequence[Tensor]
    leaves: Mapping[str, Tensor]
    upstream: Sequence[Tensor] | None  # None as in loss.backward(), where it is the one number 1

    @classmethod
    def record(cls, evaluate: Evaluate, inputs: Tensors, wrt: Sequence[str], upstream: Tensors) -> "Graph":
        """Run a forward on leaves that require a gradient; `upstream` is by output name."""
        leaves = {name: inputs[name].detach().clone().requires_grad_() for name in wrt}
        with torch.enable_grad():
            results = evaluate({**inputs, **leaves})
        connected = [name for name in upstream if results[name].requires_grad]
        given = [upstream[name] for name in connected]
        is_loss = all(grad.numel() == 1 and grad.item() == 1 for grad in given)
        return cls([results[name] for name in connected], leaves, None if is_loss else given)

    def bound(self, wrt: Sequence[str]) -> Callable[[], Sequence[Tensor]]:
        """Return what gives the gradients of some leaves, in their order, and does nothing else."""
        leaves = [self.leaves[name] for name in wrt]
        if not self.outputs:  # no output depends on a leaf
            return lambda: [torch.zeros_like(leaf) for leaf in leaves]
        outputs, upstream = self.outputs, self.upstream
        return lambda: torch.autograd.grad(
            outputs, leaves, upstream, retain_graph=True, materialize_grads=True
        )

    def gradients(self) -> dict[str, Tensor]:
        """Return the vector-Jacobian products; zeros for an input that no output depends on.

        As those of the inner product with the upstream gradients: where PyTorch is handed these itself, it
        imports sympy, which takes longer than a small experiment.
        """
        if not self.outputs:
            return {name: torch.zeros_like(leaf) for name, leaf in self.leaves.items()}
        with torch.enable_grad():
            products = [(y * g).sum() for y, g in zip(self.outputs, self.upstream or (), strict=False)]
        found = torch.autograd.grad(
            products or self.outputs, [*self.leaves.values()], retain_graph=True, materialize_grads=True
        )
        return dict(zip(self.leaves, found, strict=True))


def vector_jacobian_products(
    evaluate: Evaluate, inputs: Tensors, wrt: Sequence[str], upstream: Tensors
) -> dict[str, Tensor]:
    """Return the gradient by every input of `wrt`, of that input's shape."""
    return Graph.record(evaluate, inputs, wrt, upstream).gradients()


def jacobians(
    evaluate: Evaluate, inputs: Tensors, wrt: Sequence[str], upstream: Tensors
) -> dict[str, Tensor]:
    """Return the full Jacobian of the first output by every input of `wrt`: output + input."""
    first = next(iter(upstream))

    def output(*leaves: Tensor) -> Tensor:
        return evaluate({**inputs, **dict(zip(wrt, leaves, strict=True))})[first]

    leaves = tuple(inputs[name].detach() for name in wrt)
    size = upstream[first].shape
    if not size.numel():  # autograd has no Jacobian of nothing
        return {name: leaf.new_zeros(*size, *leaf.shape) for name, leaf in zip(wrt, leaves, strict=True)}
    found = torch.autograd.functional.jacobian(output, leaves)  # type: ignore[no-untyped-call]
    return dict(zip(wrt, found, strict=True))
