"""Arguments come back as they went in."""

from collections.abc import Iterator

from torch import Tensor

from runner.checks.subject import Subject, changed, check
from runner.judge.findings import Finding


@check("quick")
def unchanged_arguments(subject: Subject) -> Iterator[Finding]:
    """Inputs, saved values and upstream gradients are the same bits after the call."""
    for name in changed(subject.case, subject.trial.values):
        yield Finding("unchanged_arguments", f"{name} is changed by the call")


@check("quick")
def shared_memory(subject: Subject) -> Iterator[Finding]:
    """Note a gradient that shares memory with an argument or another gradient, as PyTorch allows."""
    values = subject.trial.values
    owners = {_storage(value): name for name, value in values.items() if isinstance(value, Tensor)}
    for wrt, gradient in subject.trial.gradients.items():
        if gradient.numel() and (owner := owners.get(_storage(gradient))):
            yield Finding("shared_memory", f"the gradient by {wrt} shares memory with {owner}", wrt, "")
        owners.setdefault(_storage(gradient), f"the gradient by {wrt}")


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
