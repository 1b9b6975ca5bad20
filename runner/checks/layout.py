"""How numbers lie in memory changes no result."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

Change = Callable[[Tensor], Tensor]


@check("full")
def layout(subject: Subject) -> Iterator[Outcome]:
    """Inputs, upstream gradients and saved tensors give the right result however they lie in memory."""
    for sample in subject.once("layout", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "layout", verdict="invalid")
    for same, sample in subject.once("expanded", lambda: list(_expanded(subject))):
        by_value = [*subject.compare(same, "other_values")]
        yield from by_value
        if all(outcome.holds for outcome in by_value):  # else it is the numbers, and not where they lie
            yield from subject.compare(sample, "layout", verdict="invalid")


def transposed(tensor: Tensor) -> Tensor:
    """Return the same numbers, with the last two dimensions swapped in memory, if there are two."""
    return tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor


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


def permuted(order: Sequence[int]) -> Change:
    """Return the change that leaves the numbers as they are, and their axes in memory in another order."""
    back = [list(order).index(axis) for axis in range(len(order))]

    def change(tensor: Tensor) -> Tensor:
        fits = tensor.ndim == len(order)
        return tensor.permute(*order).contiguous().permute(*back) if fits else tensor

    return change


def _changes(case: Case) -> Iterator[tuple[str, Change]]:
    """Yield the layouts, by name: channels_last and views of heads are orders of axes in memory."""
    yield from ((change.__name__, change) for change in (transposed, strided, shifted))
    ranks = {tensor.ndim for tensor in (*case.inputs.values(), *case.upstream.values())}
    if 5 in ranks:
        yield "channels_last_3d", permuted((0, 2, 3, 4, 1))
    for rank in sorted(ranks & {3, 4}):
        for order in permutations(range(rank)):
            if order not in (tuple(range(rank)), (*range(rank - 2), rank - 1, rank - 2)):
                name = "channels_last" if order == (0, 2, 3, 1) else f"stored as {list(order)}"
                yield name, permuted(order)


def _samples(subject: Subject) -> Iterator[Sample]:
    case = case_of(subject.small())
    plain = subject.sample_of("contiguous tensors", case)
    for name, change in _changes(case):
        inputs = _changed(case, change, {*case.inputs}, {})
        if _accepts(inputs):
            yield replace(plain, condition=f"{name} inputs", case=inputs)
        if change is transposed and len(case.inputs) > 1:
            yield from _one_alone(plain, case)
        upstream = _changed(case, change, set(), case.upstream)
        yield replace(plain, condition=f"a {name} upstream gradient", case=upstream)
        saved = case.with_results(partial(_unnamed, change))
        yield replace(plain, condition=f"{name} saved tensors", case=saved)


def _one_alone(plain: Sample, case: Case) -> Iterator[Sample]:
    """Yield a case for each input that lies otherwise than all others, whose strides are not its own."""
    for name, value in case.inputs.items():
        alone = case.with_inputs({name: strided(transposed(value))})
        if value.ndim and _accepts(alone):
            yield replace(plain, condition=f"{name} alone strided", case=alone)


def _expanded(subject: Subject) -> Iterator[tuple[Sample, Sample]]:
    """Yield equal slices that lie one after another, and the same as one slice with a stride of 0."""
    case = case_of(subject.small())
    drawn = {*case.differentiable} & {*subject.free(case)}
    upstream = _changed(case, expanded, set(), case.upstream)
    changed = [("an expanded upstream gradient", "an upstream gradient of equal slices", upstream)]
    inputs = _changed(case, expanded, drawn, {})
    if drawn and _accepts(inputs):
        changed.append(("expanded inputs", "inputs of equal slices", inputs))
    for condition, same, one in changed:
        yield (
            subject.sample_of(same, one.map(torch.Tensor.contiguous)),
            subject.sample_of(condition, one),
        )


def _accepts(case: Case) -> bool:
    """Tell whether forward takes a layout; what it refuses is no fault of the derivation."""
    try:
        return bool(case.results)
    except Exception:  # a forward may refuse with anything
        return False


def _unnamed(change: Callable[[Tensor], Tensor], _: str, value: Tensor) -> Tensor:
    return change(value)


def _changed(case: Case, change: Change, inputs: set[str], upstream: object) -> Case:
    return Case(
        case.formula,
        {name: change(value) if name in inputs else value for name, value in case.inputs.items()},
        case.params,
        {name: change(value) if upstream else value for name, value in case.upstream.items()},
    )
