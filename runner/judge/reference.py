"""What a gradient should be: autograd in the same dtype, and autograd in float64 as the truth."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.case.case import Case
from runner.compare import magnitude

FLOOR_DRAWS = 4
UNIT = 2.0**-53  # float64's unit roundoff


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
    size = case.results[output].shape
    if not size.numel():  # autograd has no Jacobian of nothing
        return {name: leaf.new_zeros(*size, *leaf.shape) for name, leaf in zip(names, leaves, strict=True)}
    found = torch.autograd.functional.jacobian(forward, leaves)  # type: ignore[no-untyped-call]
    return dict(zip(names, found, strict=True))


def rounding_floor(
    case: Case,
    truth: Mapping[str, Tensor],
    differentiate: Callable[[Case], Mapping[str, Tensor]] = plain_autograd,
    *,
    upstream_only: bool = False,
) -> dict[str, float]:
    """Return how far each float64 gradient moves when every input moves by one unit roundoff.

    What the rounding of the inputs alone explains, nobody can blame on the gradient. The largest of a
    few draws of random signs; the draws are the same every time. At a kink, where moving an input
    would change sides, `upstream_only` moves the upstream gradient alone.
    """
    floor = dict.fromkeys(truth, 0.0)
    generator = torch.Generator().manual_seed(0)

    def nudge(tensor: Tensor) -> Tensor:
        signs = torch.randint(0, 2, tensor.shape, generator=generator).to(tensor) * 2 - 1
        return torch.where(tensor.isfinite(), tensor + tensor * (UNIT * signs), tensor)

    for _ in range(FLOOR_DRAWS):
        nudged = case.map(nudge)
        moved = differentiate(dataclasses.replace(nudged, inputs=case.inputs) if upstream_only else nudged)
        for name, gradient in truth.items():
            floor[name] = max(floor[name], magnitude(moved[name] - gradient))
    return floor


STEP = 1e-6
WITNESSES = 3


def doubts(case: Case, truth: Mapping[str, Tensor], *, thorough: bool) -> dict[str, str]:
    """Return, by input, which references disagree with float64 autograd of the plain forward.

    Central finite differences along random directions are asked first, all inputs at once; only where
    they disagree is each input asked alone. `thorough` asks the library function in float64 too.
    """
    found: dict[str, str] = {}
    asked = [wrt for wrt in truth if wrt not in case.formula.detached]
    if asked and _disagrees(case, truth, asked):
        found = {wrt: doubt for wrt in asked if (doubt := _disagrees(case, truth, [wrt]))}
    if thorough and case.formula.library is not None:
        for wrt, doubt in _library_doubts(case, truth).items():
            found.setdefault(wrt, doubt)
    return found


def _disagrees(case: Case, truth: Mapping[str, Tensor], wrt: Sequence[str]) -> str:
    """Return a sentence if several random directions all tell against the truth."""
    doubt = ""
    for seed in range(WITNESSES):
        doubt = _along(case, truth, wrt, seed)
        if not doubt:
            return ""
    return doubt


def _along(case: Case, truth: Mapping[str, Tensor], wrt: Sequence[str], seed: int) -> str:
    """Compare the slope along one random direction; at a kink, where it has two, say nothing."""
    generator = torch.Generator().manual_seed(seed)
    directions = {name: _direction(case.inputs[name], generator) for name in wrt}
    before, here, after = (_slice(case, directions, step) for step in (-STEP, 0.0, STEP))
    central, sides = (after[0] - before[0]) / (2 * STEP), (after[0] - 2 * here[0] + before[0]) / STEP
    products = [truth[name] * direction for name, direction in directions.items()]
    expected = sum(float(product.sum()) for product in products)
    size = sum(float(product.abs().sum()) for product in products)
    allowed = 1e-5 * size + 1e-8 * here[1]
    if not abs(sides) <= 100 * allowed or abs(central - expected) <= allowed or not math.isfinite(expected):
        return ""
    names = ", ".join(wrt)
    return (
        f"along a random direction of {names}, finite differences of forward give {central:.6g}, "
        f"float64 autograd {expected:.6g}"
    )


def _direction(value: Tensor, generator: torch.Generator) -> Tensor:
    """Return random numbers of the size of the value's own, so that the step is small beside it."""
    scale = float(value.abs().amax()) if value.numel() else 1.0
    drawn = torch.randn(value.shape, generator=generator, dtype=torch.float32)
    return drawn.to(value) * (scale if 0 < scale < math.inf else 1.0)


def _slice(case: Case, directions: Mapping[str, Tensor], step: float) -> tuple[float, float]:
    """Return <G, forward(x + step d)>, and the sum of its terms' sizes."""
    moved = {name: case.inputs[name] + step * direction for name, direction in directions.items()}
    with torch.no_grad():
        results = case.formula.apply(case.formula.forward, {**case.inputs, **moved}, case.params)
    terms = [case.upstream[name] * results[name] for name in case.formula.outputs]
    return sum(float(t.sum()) for t in terms), sum(float(t.abs().sum()) for t in terms)


def _library_doubts(case: Case, truth: Mapping[str, Tensor]) -> dict[str, str]:
    """Compare the library function's gradients; generous, as it may round more than the mathematics."""
    found = {}
    for wrt, gradient in autograd(case).items():
        error = magnitude(gradient - truth[wrt])
        if error > 1e-6 * magnitude(truth[wrt]) + 1e-12:
            found[wrt] = (
                f"in float64 the gradients of the library function and of forward differ by {error:.3g}"
            )
    return found
