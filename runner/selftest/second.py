"""The derivative of a derivation, as is taken for a Hessian-vector product."""

import torch
from torch import Tensor

from runner.formula.signature import Function
from runner.selftest.measure import as_derivation
from runner.selftest.mistake import Target


def second_derivative(target: Target, function: Function) -> dict[str, Tensor] | None:
    """Differentiate the sum of all squared gradients by every input and upstream gradient.

    None for a derivation that cannot be differentiated.
    """
    if not target.kind.takes_upstream:
        return None
    case = target.case.map(lambda tensor: tensor.detach().to(torch.float64, copy=True))  # it may be damaged
    upstream = [f"grad_{output}" for output in case.formula.outputs]
    names = [*case.differentiable, *upstream]
    leaves = {name: case.values[name].detach().clone().requires_grad_() for name in names}
    try:
        with torch.enable_grad():
            inputs = {name: leaves.get(name, value) for name, value in case.inputs.items()}
            results = case.formula.apply(case.formula.forward, inputs, case.params)
            values = {**case.values, **inputs, **results, **{name: leaves[name] for name in upstream}}
            found = as_derivation(function)(values, inputs)
            total = torch.stack([gradient.square().sum() for gradient in found.values()]).sum()
        second = torch.autograd.grad(total, [*leaves.values()], materialize_grads=True)
    except Exception:  # in-place work, or nothing that has a graph
        return None
    return dict(zip(leaves, second, strict=True))
