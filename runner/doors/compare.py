"""Two implementations side by side: each against float64, both against each other, in time and memory."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from runner import compare as numbers
from runner.case.case import Case
from runner.case.spec import case_of
from runner.clock.memory import peak_mb
from runner.doors.adapt import Adapted, Handed, adapted
from runner.doors.functions import function_of, op_of
from runner.doors.judge import claimed, judged, specifications
from runner.doors.recorded import bad_input
from runner.doors.result import Result
from runner.formula.derivation import Derivation
from runner.formula.registry import lent
from runner.judge import manual
from runner.record import Cells
from runner.settings import Level

Memory = Mapping[tuple[str, str], float | None]
"""Megabytes, by derivation and dtype."""


@dataclass(frozen=True)
class Difference:
    """How far the gradients of two implementations by one input are apart, in one dtype."""

    wrt: str
    dtype: str
    apart: float
    size: float
    elements: int
    same_bits: int

    def __str__(self) -> str:
        what = f"{self.wrt} {self.dtype}"
        if self.same_bits == self.elements:
            return f"{what}: the same bits"
        return (
            f"{what}: {self.apart:.3g} apart, of {self.size:.3g}; the same bits in {self.same_bits} of "
            f"{self.elements} elements"
        )


class Comparison(Result):
    """The rows of two implementations, and how far they are apart."""

    def __init__(
        self,
        result: Result,
        differences: Sequence[Difference],
        memory: Memory,
    ) -> None:
        super().__init__(result.records, varied=result.varied, refused=result.refused, beside=result.beside)
        self.differences, self._memory = [*differences], memory

    @property
    def rows(self) -> list[Cells]:
        """One row for each gradient, implementation and dtype, with the memory that each needs."""
        return [
            {**row, "peak_memory_mb": self._memory.get((row["derivation"], row["dtype"]))}
            for row in super().rows
        ]

    def _lines(self) -> Iterable[str]:
        yield from (f"one against the other, {difference}" for difference in self.differences)
        yield from super()._lines()


def compare(
    old: Any,
    new: Any,
    *arguments: Any,
    reference: Any = None,
    dtypes: Any = None,
    check: Level = "quick",
    timing: bool = True,
    seed: int = 42,
    **named: Any,
) -> Comparison:
    """Judge two implementations of the same gradients, beside each other, as for replacing a kernel.

    Both are anything that `judge` takes, of the same arguments; so are the rest. Without a `reference`
    both are held against the old one in float64, where it is a function of tensors that autograd
    differentiates; else against finite differences of its forward. Raises BadInput as `judge` does.
    """
    claims, rest = claimed(named)
    reference = reference if reference is not None else _differentiable(old)
    with bad_input():
        one = adapted(Handed(old, reference, arguments, rest, claims))
        against = reference if reference is not None else one.maker.forward
        same = replace(claims, outputs=one.maker.outputs)
        other = adapted(Handed(new, against, arguments, rest, same))
        _told_apart(one, other)
        subject = one.made(other)
    specs = specifications(subject, claims, dtypes=dtypes, check=check, seed=seed, timing=timing)
    result = judged(subject, specs, {**one.beside, **other.beside})
    derivations = [*subject.formula.derivations.values()]
    differences: list[Difference] = []
    memory: dict[tuple[str, str], float | None] = {}
    with lent(subject.formula):
        for spec in specs:
            case = case_of(spec)
            differences += _differences(case, derivations, spec.dtype)
            memory |= {(d.name, spec.dtype): _peak(case, d) for d in derivations}
    return Comparison(result, differences, memory)


def _differentiable(old: Any) -> Callable[..., Any] | None:
    """Return what autograd differentiates by itself; a Function's or an op's backward is what is judged."""
    if isinstance(old, nn.Module):
        return old
    if function_of(old) or op_of(old) or isinstance(old, tuple | list) or not callable(old):
        return None
    is_backward = any(name.startswith("grad_") for name in inspect.signature(old).parameters)
    return None if is_backward else old


def _told_apart(one: Adapted, other: Adapted) -> None:
    """Name the two derivations after their implementations, or old and new where these have one name."""
    names = one.maker.title, other.maker.title
    if names[0] == names[1] or not all(name.isidentifier() for name in names):
        names = "old", "new"
    one.derivation.__name__, other.derivation.__name__ = names


def _differences(case: Case, derivations: Sequence[Derivation], dtype: str) -> list[Difference]:
    try:
        old, new = (manual.gradients(case, derivation) for derivation in derivations)
    except Exception:  # what one of them raises stands in its row
        return []
    return [
        _difference(wrt, dtype, old[wrt], new[wrt])
        for wrt in old
        if wrt in new and old[wrt].shape == new[wrt].shape
    ]


def _difference(wrt: str, dtype: str, old: Tensor, new: Tensor) -> Difference:
    return Difference(
        wrt,
        dtype,
        numbers.max_abs_error(new, old),
        numbers.magnitude(old),
        old.numel(),
        old.numel() - int(numbers.other_bits(new, old).sum()) if new.dtype == old.dtype else 0,
    )


def _peak(case: Case, derivation: Derivation) -> float | None:
    """Return the memory that a derivation alone needs; none where it cannot be called."""
    try:
        bound = derivation.bound(case.values, case.inputs)
        with torch.no_grad():
            return peak_mb(lambda: manual.result_of(case, derivation, bound), case.device)
    except Exception:  # what it raises stands in its row
        return None
