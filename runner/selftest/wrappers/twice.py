"""A wrapper that applies the derivative twice, which shows wherever it is neither zero nor one."""

from runner.formula.signature import Function
from runner.selftest.mistake import Target
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, wrapper


@wrapper("derivative twice")
def applied_twice(target: Target) -> Body | str:
    """Take the gradient itself for an upstream gradient, and go backward once more."""
    if not target.kind.takes_upstream or len(target.formula.outputs) > 1:
        return "takes no upstream gradient, or more than one"
    (upstream,) = (f"grad_{output}" for output in target.formula.outputs)
    size = target.case.values[upstream].shape
    names = [name for name, grad in target.gradients.items() if grad.shape == size]
    if not names:
        return "no gradient has the shape of the upstream gradient"

    def called(function: Function, values: Values) -> Gradients:
        found = dict(function(**values))
        for name in names:
            if found[name].shape == values[upstream].shape:
                found[name] = function(**{**values, upstream: found[name]})[name]
        return found

    return called
