"""Arguments come back as they went in."""

from collections.abc import Iterator

from torch import Tensor

from runner.checks.subject import Subject, changed, check
from runner.diagnose import say
from runner.judge.judgement import Outcome


@check("quick")
def unchanged_arguments(subject: Subject) -> Iterator[Outcome]:
    """Inputs, saved values and upstream gradients are the same bits after the call."""
    names = list(changed(subject.case, subject.trial.values))
    for name in names:
        yield Outcome(check="unchanged_arguments", broken=say("changed_by_call", name=name))
    if not names:
        yield Outcome(check="unchanged_arguments")


@check("quick")
def shared_memory(subject: Subject) -> Iterator[Outcome]:
    """Note a gradient that shares memory with an argument or another gradient, as PyTorch allows."""
    values = subject.trial.values
    owners = {_storage(value): name for name, value in values.items() if isinstance(value, Tensor)}
    for wrt, gradient in subject.trial.gradients.items():
        owner = owners.get(_storage(gradient)) if gradient.numel() else None
        broken = say("shares_memory", wrt=wrt, owner=owner) if owner else None
        yield Outcome(check="shared_memory", wrt=wrt, broken=broken, verdict=None)
        owners.setdefault(_storage(gradient), f"the gradient by {wrt}")


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
