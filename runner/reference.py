"""What a gradient should be: autograd in the same dtype, and autograd in float64 as the truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.inputs import Case

FLOOR_DRAWS = 4


def truth_device(case: Case) -> torch.device:
    """Return where float64 runs: on the case's own device, or on the CPU where that has no float64."""
    device = next(iter(case.inputs.values())).device
    return torch.device("cpu") if device.type == "mps" else device


def in_float64(case: Case) -> Case:
    """Return the same numbers in float64, so that truth belongs to the rounded inputs."""
    return case.to(truth_device(case), torch.float64)


@dataclass(frozen=True)
class Graph:
    """A forward that was recorded, ready to be differentiated any number of times."""

    outputs: Sequence[Tensor]
    leaves: dict[str, Tensor]
    upstream: Sequence[Tensor] | None  # None as in loss.backward(), where it is the one number 1

    @classmethod
    def record(cls, case: Case, *, library: bool = True) -> "Graph":
        """Run the library function, or the plain forward, on leaves that require a gradient."""
        formula = case.formula
        leaves = {n: case.inputs[n].detach().clone().requires_grad_() for n in case.differentiable}
        function = (formula.library if library else None) or formula.forward
        with torch.enable_grad():
            results = formula.apply(function, {**case.inputs, **leaves}, case.params)
        connected = [name for name in formula.outputs if results[name].requires_grad]
        upstream = [case.upstream[name] for name in connected]
        is_loss = all(grad.numel() == 1 and grad.item() == 1 for grad in upstream)
        return cls([results[name] for name in connected], leaves, None if is_loss else upstream)

    def gradients(self, wrt: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Return the vector-Jacobian products; zeros for an input that no output depends on."""
        names = list(self.leaves) if wrt is None else list(wrt)
        leaves = [self.leaves[name] for name in names]
        if not self.outputs:
            return {name: torch.zeros_like(leaf) for name, leaf in zip(names, leaves, strict=True)}
        found = torch.autograd.grad(
            self.outputs, leaves, self.upstream, retain_graph=True, materialize_grads=True
        )
        return dict(zip(names, found, strict=True))


def autograd(case: Case, *, library: bool = True) -> dict[str, Tensor]:
    """Return autograd's gradient of every differentiable input."""
    return Graph.record(case, library=library).gradients()


def plain_autograd(case: Case) -> dict[str, Tensor]:
    """Return autograd's gradients of the plain forward, the mathematics itself."""
    return autograd(case, library=False)


def jacobians(case: Case) -> dict[str, Tensor]:
    """Return the full Jacobian of the first output by every differentiable input: output + input."""
    output = case.formula.outputs[0]
    names = case.differentiable

    def forward(*leaves: Tensor) -> Tensor:
        inputs = {**case.inputs, **dict(zip(names, leaves, strict=True))}
        return case.formula.apply(case.formula.forward, inputs, case.params)[output]

    leaves = tuple(case.inputs[name].detach() for name in names)
    found = torch.autograd.functional.jacobian(forward, leaves)  # type: ignore[no-untyped-call]
    return dict(zip(names, found, strict=True))


def rounding_floor(
    case: Case,
    truth: Mapping[str, Tensor],
    differentiate: Callable[[Case], Mapping[str, Tensor]] = plain_autograd,
) -> dict[str, float]:
    """Return how far each float64 gradient moves when every input moves by one unit roundoff.

    What the rounding of the inputs alone explains, nobody can blame on the gradient. The largest of a
    few draws of random signs; the draws are the same every time.
    """
    floor = dict.fromkeys(truth, 0.0)
    generator = torch.Generator().manual_seed(0)
    u = torch.finfo(torch.float64).eps / 2

    def nudge(tensor: Tensor) -> Tensor:
        signs = torch.randint(0, 2, tensor.shape, generator=generator).to(tensor) * 2 - 1
        return torch.where(tensor.isfinite(), tensor + tensor * (u * signs), tensor)

    for _ in range(FLOOR_DRAWS):
        moved = differentiate(case.map(nudge))
        for name, gradient in truth.items():
            change = (moved[name] - gradient).abs()
            largest = change[change.isfinite()].amax().item() if change.isfinite().any() else 0.0
            floor[name] = max(floor[name], largest)
    return floor
