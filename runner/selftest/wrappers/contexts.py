"""Functions whose contexts are not their own: a workspace for all, or one that a backward uses up."""

from typing import Any

from torch import Tensor

from runner.selftest.mistake import Target, floating
from runner.selftest.wrappers.context import Context, Saved, context, copies
from runner.selftest.wrappers.wrapper import Gradients, Values


@context("contexts")
def one_workspace(target: Target) -> Context | str:
    """Save into one workspace for each shape, which the next forward writes to."""
    workspace: dict[Any, Tensor] = {}

    def place(name: str, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        return workspace.setdefault((name, value.shape, value.dtype), value.clone()).copy_(value)

    return Context(
        target, lambda values: {n: place(n, v) for n, v in values.items()}, lambda run, saved: run()
    )


@context("contexts")
def last_forward(target: Target) -> Context | str:
    """Go backward through whichever forward ran last."""
    last: Values = {}

    def save(values: Values) -> Values:
        last.update(copies(values))
        return last

    return Context(target, save, lambda run, saved: run())


@context("contexts")
def scaled_in_place(target: Target) -> Context | str:
    """Scale in place what forward saved, so that a second backward finds something else."""

    def backward(run: Any, saved: Saved) -> Gradients:
        found = {name: grad.clone() for name, grad in run().items()}
        for value in filter(floating, saved.values.values()):
            value.mul_(2)
        return found

    return Context(target, copies, backward)


@context("contexts")
def added_to(target: Target) -> Context | str:
    """Add to what an earlier backward of the same context has returned."""
    return Context(target, copies, lambda run, saved: {n: saved.calls * grad for n, grad in run().items()})


@context("contexts")
def unguarded(target: Target) -> Context | str:
    """Keep the tensors themselves and not their versions: what is written to them in between goes unseen."""
    return Context(target, dict, lambda run, saved: run())
