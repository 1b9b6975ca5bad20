"""What the gradients of one experiment are held against, made once for all of its derivations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.diagnose import Statement
from runner.formula.edge import Shape
from runner.formula.kind import GRADIENT, Kind, KindName
from runner.judge import reference
from runner.judge.doubt import doubts
from runner.settings import Level

OfKind = Mapping[KindName, Mapping[str, Tensor]]


@dataclass(frozen=True)
class References:
    """What autograd says in the experiment's dtype and in float64, and whether it can be trusted.

    Derivatives are kept by kind, then by input. `doubts` says, by input, which references disagree;
    `exact` is the case in float64.
    """

    case: Case
    exact: Case
    shape: Shape
    of_autograd: OfKind
    truth: OfKind
    doubts: Mapping[str, Statement]
    _floors: dict[tuple[KindName, str], float] = field(default_factory=dict)
    _errors: dict[tuple[KindName, str], compare.Errors] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case, shape: Shape, kinds: Iterable[Kind], level: Level) -> "References":
        """Differentiate the case in both precisions, and ask the witnesses that a level of checks has."""
        exact, asked = reference.in_float64(case), list(kinds)
        of_autograd = {kind.name: reference.by_library(case, kind) for kind in asked}
        truth = {kind.name: reference.by_forward(exact, kind) for kind in asked}
        doubted: dict[str, Statement] = {}
        if level != "off" and GRADIENT in asked:
            doubted = doubts(exact, truth[GRADIENT.name], thorough=level == "full")
        return cls(case, exact, shape, of_autograd, truth, doubted)

    def errors_of_autograd(self, kind: Kind, wrt: str) -> compare.Errors:
        """Measure autograd's own error in the experiment's dtype."""
        if (kind.name, wrt) not in self._errors:
            measured = compare.measure(self.of_autograd[kind.name][wrt], self.truth[kind.name][wrt])
            self._errors[kind.name, wrt] = measured
        return self._errors[kind.name, wrt]

    def bound(self, kind: Kind, wrt: str, dtype: torch.dtype, error: float) -> float:
        """Return the correctness bound; the noise of the truth is measured only if the error needs it."""
        size = self.errors_of_autograd(kind, wrt).size
        without = reference.correctness_bound(self.exact, size, 0.0, dtype)
        if error <= without:
            return without
        if (kind.name, wrt) not in self._floors:
            truth = {wrt: self.truth[kind.name][wrt]}
            floors = reference.rounding_floor(self.exact, truth, reference.of_kind(kind))
            self._floors[kind.name, wrt] = floors[wrt]
        return reference.correctness_bound(self.exact, size, self._floors[kind.name, wrt], dtype)
