"""How numbers lie in memory changes no result."""

import dataclasses
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.inputs import sampled_names
from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample


@check("full")
def layout(subject: Subject) -> Iterator[Outcome]:
    """Transposed, strided, shifted and expanded inputs and upstream gradients give the right result."""
    for sample in subject.once("layout", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "layout", verdict="invalid")


def transposed(tensor: Tensor) -> Tensor:
    """Return the same numbers, with the last two dimensions swapped in memory."""
    return tensor.mT.contiguous().mT if tensor.ndim > 1 else strided(tensor)


def strided(tensor: Tensor) -> Tensor:
    """Return the same numbers, with one of another between them."""
    if tensor.ndim == 0:
        return shifted(tensor)
    spaced = torch.stack([tensor, torch.full_like(tensor, 7)], dim=-1)
    return spaced[..., 0]


def shifted(tensor: Tensor) -> Tensor:
    """Return the same numbers, not at the beginning of their storage."""
    return torch.cat([tensor.flatten()[:1], tensor.flatten()])[min(1, tensor.numel()) :].view(tensor.shape)


def expanded(tensor: Tensor) -> Tensor:
    """Return the first slice in place of all, by a stride of 0."""
    return tensor[:1].expand(tensor.shape) if tensor.ndim and tensor.shape[0] else tensor


def _samples(subject: Subject) -> Iterator[Sample]:
    spec = subject.small()
    case = case_of(spec)
    plain = subject.sample_of("contiguous tensors", case)
    drawn = {*case.differentiable} - sampled_names(case.formula, spec.shape, spec.params)
    for change in (transposed, strided, shifted):
        inputs = _changed(case, change, {*case.inputs}, {})
        yield dataclasses.replace(plain, condition=f"{change.__name__} inputs", case=inputs)
        upstream = _changed(case, change, set(), case.upstream)
        condition = f"a {change.__name__} upstream gradient"
        yield dataclasses.replace(plain, condition=condition, case=upstream)
        saved = case.with_results(change)
        yield dataclasses.replace(plain, condition=f"{change.__name__} saved tensors", case=saved)
    yield subject.sample_of("an expanded upstream gradient", _changed(case, expanded, set(), case.upstream))
    if drawn:
        yield subject.sample_of("expanded inputs", _changed(case, expanded, drawn, {}))


def _changed(case: Case, change: Callable[[Tensor], Tensor], inputs: set[str], upstream: object) -> Case:
    return Case(
        case.formula,
        {name: change(value) if name in inputs else value for name, value in case.inputs.items()},
        case.params,
        {name: change(value) if upstream else value for name, value in case.upstream.items()},
    )
