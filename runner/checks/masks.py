"""Right for every mask: a row in which all is masked, and a mask that lets nothing or everything pass."""

from collections.abc import Iterator

import torch
from torch import Tensor

from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

FEWEST = 4  # numbers, below which two values are a coincidence


@check("full")
def other_masks(subject: Subject) -> Iterator[Outcome]:
    """An input of two values, boolean or sampled, has one of them in a row, in a column, or everywhere."""
    for sample in subject.once("masks", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "other_masks")


def _samples(subject: Subject) -> Iterator[Sample]:
    case = case_of(subject.small())
    for name, mask in case.inputs.items():
        for value in _values(mask, name in subject.sampled):
            for where, changed in _set_to(mask, value):
                condition = f"{name} {value:g} {where}"
                if sample := subject.sample_at(condition, case.with_inputs({name: changed})):
                    yield sample


def _values(mask: Tensor, sampled: bool) -> list[float]:
    """Return the two values that a mask has; nothing for another tensor."""
    if mask.dtype == torch.bool:
        return [0, 1]
    if not sampled or mask.numel() < FEWEST:
        return []
    values = {*mask.flatten().tolist()}
    return sorted(values) if len(values) == 2 and not _is_one_hot(mask) else []


def _is_one_hot(tensor: Tensor) -> bool:
    """Tell whether each row has one number that is not zero: a label, which is one of them and no mask."""
    return tensor.ndim > 0 and bool(((tensor != 0).sum(-1) == 1).all())


def _set_to(mask: Tensor, value: float) -> Iterator[tuple[str, Tensor]]:
    yield "everywhere", torch.full_like(mask, value)
    if mask.ndim:
        yield "in its first column", _filled(mask, -1, value)
    if mask.ndim > 1:
        yield "in its first row", _filled(mask, -2, value)


def _filled(mask: Tensor, axis: int, value: float) -> Tensor:
    """Set the first slice along an axis to a value."""
    changed = mask.clone()
    changed.narrow(axis, 0, min(1, mask.shape[axis])).fill_(value)
    return changed
