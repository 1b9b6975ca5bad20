"""A planted mistake, the derivation that it is planted into, and the registry while it is there."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import Spec, case_of
from runner.formula import Formula, registry
from runner.formula.derivation import Derivation
from runner.formula.kind import Kind
from runner.formula.signature import Function
from runner.judge import manual, reference
from runner.selftest.due import Due
from runner.selftest.state import kept

ACCURACY = ("low-precision accumulation", "cancellation", "overflow")
"""Mistakes of the arithmetic: the mathematics is right, and a dtype shows them as `inaccurate`."""

KINDS = (
    "algebra", "scale", "reduction axis", "transpose", "missing broadcast sum", "dropped term",
    "wrong saved tensor", "pre- against post-activation", "missing output", "swapped gradients",
    "forward/backward mismatch", "eps", "ties and zeros", "part of the domain", "hard-coded dimension",
    "parameter ignored", "approximation", "not finite", "tail of a tile", "beyond a tile",
    "non-contiguous input", "non-contiguous upstream", "in-place damage", "aliased result", "wrong dtype",
    "wrong device", *ACCURACY, "upstream ignored", "derivative twice", "sparse upstream", "scaled upstream",
    "non-determinism", "state between calls", "contexts", "frozen inputs", "global state", "second order",
)  # fmt: skip
"""Every class of mistake, in the order of the table."""


@dataclass(frozen=True)
class Target:
    """One derivation of an experiment, which is right."""

    spec: Spec
    formula: Formula
    derivation: Derivation

    @property
    def function(self) -> Function:
        """What a mistake is planted into."""
        return self.derivation.function

    @property
    def kind(self) -> Kind:
        """What the derivation gives."""
        return self.derivation.kind

    @cached_property
    def case(self) -> Case:
        """The experiment's own inputs, in float64."""
        return reference.in_float64(case_of(self.spec))

    @cached_property
    def gradients(self) -> dict[str, Tensor]:
        """What it returns for them."""
        return manual.gradients(self.case, self.derivation)

    @property
    def complete(self) -> bool:
        """Whether it differentiates by every input, so that leaving one out is a mistake."""
        return self.kind.covers and {*self.gradients} == {*self.case.differentiable}


@dataclass(frozen=True)
class Mistake:
    """One way to get a derivation wrong.

    `make` returns a fresh function each time, with no memory of earlier calls; `change` shows what was
    done, as a diff of the source or as a sentence. `due` is what a right diagnosis says, where the class
    does not say it well enough.
    """

    kind: str
    name: str
    change: str
    make: Callable[[], Function]
    due: Due | None = None


@contextmanager
def planted(target: Target, function: Function) -> Iterator[Spec]:
    """Register a copy of the formula in which one derivation is replaced, and yield its specification.

    Where the derivation covers every input it stands alone, so that an input which it leaves out is missed.
    It claims the same bits at every call, as all of the registry give: other bits are a mistake here.
    """
    formula, derivation = target.formula, target.derivation
    others = {} if target.complete else {n: d for n, d in formula.derivations.items() if d.kind.covers}
    name = f"{formula.name}~{derivation.name}"
    changed = dataclasses.replace(derivation, function=function, formula=name)
    registry._registry[name] = dataclasses.replace(
        formula, name=name, derivations={**others, derivation.name: changed}, deterministic=True
    )
    try:
        with kept():
            yield dataclasses.replace(target.spec, formula=name, derivations=(derivation.name,))
    finally:
        registry._registry.pop(name, None)


def same(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors could stand for each other: same shape, both floating."""
    return one.shape == other.shape and one.is_floating_point() and other.is_floating_point()


def floating(values: object) -> bool:
    """Tell whether a value is a floating tensor."""
    return isinstance(values, Tensor) and torch.is_floating_point(values)
