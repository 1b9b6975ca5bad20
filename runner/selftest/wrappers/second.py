"""Wrappers that are right once, and not where the gradient is differentiated again."""

from torch import Tensor

from runner.selftest.mistake import Target, floating
from runner.selftest.second import second_derivative
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, wrapper

REFUSED = "the right derivation cannot be differentiated either"


@wrapper("second order")
def detached(target: Target) -> Body | str:
    """Return numbers that are right, and a constant to whoever differentiates them again."""
    return _where_it_can_be(target, lambda function, values: _each(function(**values), Tensor.detach))


@wrapper("second order")
def half_detached(target: Target) -> Body | str:
    """Give half of the second derivative."""
    return _where_it_can_be(
        target, lambda function, values: _each(function(**values), lambda grad: (grad + grad.detach()) / 2)
    )


@wrapper("second order")
def constant_upstream(target: Target) -> Body | str:
    """Take the upstream gradient for a constant: the second derivative by it is missing."""
    names = {f"grad_{output}" for output in target.formula.outputs}
    return _where_it_can_be(target, lambda function, values: function(**_detached(values, names)))


@wrapper("second order")
def constant_inputs(target: Target) -> Body | str:
    """Take inputs and saved tensors for constants: the second derivative by the inputs is missing."""
    names = {*target.case.inputs, *target.case.results}
    return _where_it_can_be(target, lambda function, values: function(**_detached(values, names)))


def _where_it_can_be(target: Target, body: Body) -> Body | str:
    return body if second_derivative(target, target.function) else REFUSED


def _each(found: Gradients, change: object) -> Gradients:
    return {name: change(grad) for name, grad in found.items()}  # type: ignore[operator]


def _detached(values: Values, names: set[str]) -> Values:
    return {n: v.detach() if n in names and floating(v) else v for n, v in values.items()}
