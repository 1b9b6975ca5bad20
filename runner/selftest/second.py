"""The derivative of a derivation, as is taken for a Hessian-vector product."""

import torch
from torch import Tensor

from runner.formula.signature import Function, signature
from runner.selftest.mistake import Target


def second_derivative(target: Target, function: Function) -> dict[str, Tensor] | None:
    """Differentiate the sum of all gradients by every input; None for one that cannot be differentiated."""
    if not target.kind.takes_upstream:
        return None
    case = target.case.map(lambda tensor: tensor.detach().to(torch.float64, copy=True))  # it may be damaged
    leaves = {name: case.inputs[name].detach().clone().requires_grad_() for name in case.differentiable}
    try:
        with torch.enable_grad():
            inputs = {**case.inputs, **leaves}
            results = case.formula.apply(case.formula.forward, inputs, case.params)
            values = {**case.values, **inputs, **results}
            found = function(**signature(function).pick(values, rest=inputs))
            total = torch.stack([gradient.square().sum() for gradient in found.values()]).sum()
        second = torch.autograd.grad(total, [*leaves.values()], materialize_grads=True)
    except Exception:  # in-place work, or nothing that has a graph
        return None
    return dict(zip(leaves, second, strict=True))
