"""What a check is given, and what it gives back."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import Spec, draw, drawn
from runner.diagnose import diagnose
from runner.errors import reason
from runner.formula import Shape
from runner.judge import manual, reference
from runner.judge.findings import Finding, Outcome
from runner.judge.sample import Sample

LEVELS = ("off", "quick", "full")
MOST_OF_A_JACOBIAN = 2**18  # elements
SMALL = 16  # other shapes start from the experiment's, with no dimension larger than this


@dataclass(frozen=True)
class Trial:
    """One more call on copies of the arguments, which are kept to be looked at."""

    values: Mapping[str, Any]
    gradients: Mapping[str, Tensor]


@dataclass(frozen=True)
class Subject:
    """One derivation of an experiment under examination.

    `case` is the experiment's own, `found` what the derivation gave there, `strongest` the name of the
    dtype in which its correctness is decided. `shared` keeps what all derivations are examined on.
    """

    spec: Spec
    case: Case
    derivation: str
    found: Mapping[str, Tensor]
    strongest: str
    shared: dict[str, Any] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    @cached_property
    def trial(self) -> Trial:
        """The second call."""
        values = {name: manual.copied(value) for name, value in self.case.values.items()}
        return Trial(values, manual.call(self.case, self.derivation, values))

    @property
    def is_jacobian(self) -> bool:
        """Whether it returns full Jacobians, which know no upstream gradient."""
        return self.derivation in self.case.formula.jacobians

    def gradients(self, case: Case) -> dict[str, Tensor]:
        """Call the derivation."""
        return manual.gradients(case, self.derivation)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Make something for the first derivation of this kind that asks, and keep it for the others."""
        key = f"{name}, {self.strongest}{', Jacobians' if self.is_jacobian else ''}"
        if key not in self.shared:
            self.shared[key] = make()
        return self.shared[key]

    def small(self, **changes: Any) -> Spec:
        """Return the specification at a small shape, with a normal upstream gradient."""
        formula = self.case.formula
        shape: Shape = {name: _capped(size) for name, size in self.spec.shape.items()}
        try:
            formula.sizes(shape, self.spec.params)
        except ValueError:
            shape = self.spec.shape
        settings: dict[str, Any] = {"shape": shape, "dtype": self.strongest, "upstream": "normal", **changes}
        spec = drawn(self.spec)
        inputs = dataclasses.replace(spec.inputs, **settings.pop("inputs", {}))
        return dataclasses.replace(spec, inputs=inputs, **settings)

    def sample(
        self, condition: str, spec: Spec, *, shape: Shape | None = None, kink: bool = False
    ) -> Sample | None:
        """Draw a case and its truth; None where forward cannot be evaluated, or a Jacobian is too large."""
        try:
            case = draw(spec)
            if self.is_jacobian and case.terms**2 > MOST_OF_A_JACOBIAN:
                return None
            return dataclasses.replace(self.sample_of(condition, case, kink=kink), shape=shape)
        except Exception:  # what forward refuses is no fault of the derivation
            return None

    def sample_of(self, condition: str, case: Case, *, kink: bool = False) -> Sample:
        """Compute the truth of a case, of the kind that the derivation gives."""
        differentiate = reference.jacobians if self.is_jacobian else reference.plain_autograd
        return Sample.of(condition, case, differentiate, kink=kink)

    def compare(
        self, sample: Sample, check: str, *, verdict: str = "wrong", exact_nan: bool = False
    ) -> Iterator[Finding]:
        """Compare the derivation with the truth of a sample, input by input, and note the outcome.

        Where the truth is not finite it is no reference, unless `exact_nan` asks for its very NaN.
        """
        values = {name: manual.copied(value) for name, value in sample.case.values.items()}
        try:
            found = manual.call(sample.case, self.derivation, values)
        except Exception as error:  # whatever a derivation raises is a finding
            yield Finding(check, f"for {sample.condition} it raises {reason(error)}", verdict=verdict)
            return
        for name in changed(sample.case, values):
            yield Finding("unchanged_arguments", f"for {sample.condition} {name} is changed by the call")
        for wrt, gradient in found.items():
            right = sample.truth[wrt].to(sample.case.device, sample.case.dtype)
            if compare.mismatch(gradient, right):
                broken, worst = compare.mismatch_in_words(gradient, right), "invalid"
            else:
                broken, worst = self._broken(sample, wrt, gradient, exact_nan), verdict
            self.outcomes.append(Outcome(check, wrt, not broken, sample.condition, sample.shape))
            if broken:
                yield Finding(check, f"for {sample.condition}: {broken}", wrt, worst, compared=True)

    def _broken(self, sample: Sample, wrt: str, gradient: Tensor, exact_nan: bool) -> str:
        """Say what is wrong with a gradient; nothing if it is right."""
        truth, case = sample.truth[wrt], sample.case
        judged = gradient if exact_nan else torch.where(truth.isfinite(), gradient, truth.to(gradient))
        if sample.allows(wrt, compare.max_abs_error(judged, truth)):
            return ""
        bound = sample.bound(wrt)
        upstream = next(iter(case.upstream.values()))
        names = {"dimensions": sample.shape or self.small().shape, "params": case.params}
        return str(diagnose(judged, truth, bound, value=case.inputs[wrt], upstream=upstream, **names))


def changed(case: Case, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the tensors that a call was handed, and that are not as they were."""
    for name, value in case.values.items():
        if isinstance(value, Tensor) and not compare.identical_bits(values[name], value):
            yield name


Run = Callable[[Subject], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """A registered check."""

    name: str
    level: str
    run: Run


registered: dict[str, Check] = {}


def check(level: str) -> Callable[[Run], Run]:
    """Register a function as a check that is run from a level on."""

    def add(run: Run) -> Run:
        name = run.__name__
        if level not in LEVELS[1:] or name in registered:
            raise ValueError(f"check {name}: level {level!r} is none of {LEVELS[1:]}, or the name is taken")
        registered[name] = Check(name, level, run)
        return run

    return add


def _capped(size: int | list[int]) -> int | list[int]:
    return [min(n, SMALL) for n in size] if isinstance(size, list) else min(size, SMALL)
