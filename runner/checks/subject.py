"""What a check is given, and what it gives back."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.inputs import sampled_names
from runner.case.spec import Spec, case_of, without_file
from runner.checks.dimensions import capped
from runner.diagnose import Statement, diagnose, say
from runner.errors import is_refusal, reason
from runner.formula.derivation import Derivation
from runner.formula.edge import Shape
from runner.formula.raw_backward import ForwardDiffersError
from runner.judge import manual, reference
from runner.judge.accuracy import Accuracy
from runner.judge.judgement import Outcome
from runner.judge.noise import widened
from runner.judge.sample import Sample
from runner.settings import LEVELS, Level
from runner.verdicts import Verdict

MOST_ELEMENTS = 2**18  # of a derivative that is compared at another shape
Tensors = Mapping[str, Tensor]
SMALL = 16  # other shapes start from the experiment's, with no dimension larger than this


@dataclass(frozen=True)
class Trial:
    """One more call on copies of the arguments, which are kept to be looked at."""

    values: Mapping[str, Any]
    gradients: Mapping[str, Tensor]


@dataclass(frozen=True)
class Spread:
    """How far two calls are apart, what rounding explains of it, and how large the truth is."""

    error: float
    excused: float
    size: float
    unit: float

    @property
    def is_rounding(self) -> bool:
        """Whether another order of a sum may have made it."""
        return self.error <= self.excused

    def told(self, wrt: str) -> Statement:
        """Say it in unit roundoffs of the truth, unless it is larger than that."""
        unit, name = (self.unit, " u") if self.error < self.size else (1.0, "")
        return say("other_bits", wrt=wrt, spread=self.error / unit, excused=self.excused / unit, unit=name)


@dataclass(frozen=True)
class Subject:
    """One derivation of an experiment under examination.

    `case` is the experiment's own, `gradients` what the derivation gave there, `strongest` the name of the
    dtype in which its correctness is decided. `shared` keeps what all derivations are examined on; `wrong`
    names the inputs whose gradient is wrong at the experiment's own point, and explained there; `failing`
    keeps the samples on which the derivation was found wrong, by check, condition and input.
    """

    spec: Spec
    case: Case
    derivation: Derivation
    gradients: Mapping[str, Tensor]
    strongest: str
    shared: dict[str, Any] = field(default_factory=dict)
    wrong: frozenset[str] = frozenset()
    failing: dict[tuple[str, str, str], Sample] = field(default_factory=dict)

    @cached_property
    def trial(self) -> Trial:
        """The second call."""
        values = {name: manual.copied(value) for name, value in self.case.values.items()}
        return Trial(values, manual.call(self.case, self.derivation, values))

    def differentiate(self, case: Case) -> dict[str, Tensor]:
        """Call the derivation on copies of a case's tensors."""
        return manual.gradients(case, self.derivation)

    @cached_property
    def sampled(self) -> set[str]:
        """The inputs that the formula draws itself, whose values are not free: masks, labels, matrices."""
        spec = self.small()
        return sampled_names(self.case.formula, spec.shape, spec.params)

    @property
    def has_integers(self) -> bool:
        """Whether there are labels, or ids that choose a row."""
        dtypes = {value.dtype for value in self.case.inputs.values()}
        return any(not dtype.is_floating_point and dtype != torch.bool for dtype in dtypes)

    def free(self, case: Case) -> list[str]:
        """Return the floating inputs of a case that may have any value; a small shape may have fewer."""
        inputs = case.inputs.items()
        return [name for name, v in inputs if v.is_floating_point() and name not in self.sampled]

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Make something for the first derivation of this kind that asks, and keep it for the others."""
        key = f"{name}, {self.strongest}, {self.derivation.kind.name}"
        if key not in self.shared:
            self.shared[key] = make()
        return self.shared[key]

    def small(self, **changes: Any) -> Spec:
        """Return the specification at a small shape, with a normal upstream gradient."""
        formula = self.case.formula
        shape: Shape = {name: capped(size, SMALL) for name, size in self.spec.shape.items()}
        try:
            formula.sizes(shape, self.spec.params)
        except ValueError:
            shape = self.spec.shape
        settings: dict[str, Any] = {"shape": shape, "dtype": self.strongest, "upstream": "normal", **changes}
        spec = without_file(self.spec)
        inputs = dataclasses.replace(spec.inputs, **settings.pop("inputs", {}))
        return dataclasses.replace(spec, inputs=inputs, **settings)

    def sample(
        self, condition: str, spec: Spec, *, shape: Shape | None = None, kink: bool = False
    ) -> Sample | None:
        """Draw a case and its truth; None where forward cannot be evaluated, or the truth is too large."""
        try:
            case = case_of(spec)
        except Exception:  # what forward refuses is no fault of the derivation
            return None
        if self.derivation.kind.order > 1 and case.terms**self.derivation.kind.order > MOST_ELEMENTS:
            return None
        sample = self.sample_at(condition, case, kink=kink)
        return sample and dataclasses.replace(sample, shape=shape, alone=(spec,))

    def sample_at(self, condition: str, case: Case, *, kink: bool = False) -> Sample | None:
        """Compute the truth of a case; None where forward cannot be evaluated."""
        try:
            return self.sample_of(condition, case, kink=kink)
        except Exception:  # what forward refuses is no fault of the derivation
            return None

    def sample_of(self, condition: str, case: Case, *, kink: bool = False) -> Sample:
        """Compute the truth of a case, of the kind that the derivation gives."""
        return Sample.of(condition, case, reference.of_kind(self.derivation.kind), kink=kink)

    def compare(
        self, sample: Sample, check: str, *, verdict: Verdict = "wrong", exact_nan: bool = False
    ) -> Iterator[Outcome]:
        """Compare the derivation with the truth of a sample; yield what came out, input by input.

        Where the truth is not finite it is no reference, unless `exact_nan` asks for its very NaN.
        """
        about: dict[str, Any] = {"condition": sample.condition, "shape": sample.shape}
        values = {name: manual.copied(value) for name, value in sample.case.values.items()}
        try:
            gradients = manual.call(sample.case, self.derivation, values)
        except ForwardDiffersError as error:  # at some numbers: no fault of the backward
            said = say("forward_differs", reason=str(error))
            yield Outcome(check=check, **about, broken=said, verdict=None)
            return
        except Exception as error:  # whatever a derivation raises is an outcome
            outcome = raised(error, check, verdict, **about)
            if not outcome.holds:
                self.failing.setdefault((check, sample.condition, ""), sample)
            yield outcome
            return
        for name in changed(sample.case, values):
            broken = say("changed_by_call", name=name)
            yield Outcome(check="unchanged_arguments", condition=sample.condition, broken=broken)
        for wrt, gradient in gradients.items():
            outcome = Outcome(check=check, wrt=wrt, **about, verdict=verdict, compared=True)
            outcome = self._compared(outcome, sample, gradient, exact_nan)
            if not outcome.holds:
                outcome = self.confirmed(outcome, sample, gradient)
                self.failing.setdefault((outcome.check, outcome.condition, wrt), sample)
            yield outcome

    def confirmed(self, outcome: Outcome, sample: Sample, gradient: Tensor) -> Outcome:
        """Make the same call again: what comes and goes is no fault of shape or value."""
        again = self.differentiate(sample.case).get(outcome.wrt)
        if again is not None and _alike(sample, outcome.wrt, again, gradient):
            return outcome
        unstable = not_repeated(outcome.wrt, gradient, again)
        return Outcome(check="repeatable", wrt=outcome.wrt, ratio=outcome.ratio, broken=unstable)

    def spread(self, case: Case, wrt: str, one: Tensors, other: Tensors) -> "Spread | None":
        """Measure how far two calls on a case are apart; None where they cannot be compared."""
        if wrt not in other or one[wrt].shape != other[wrt].shape:
            return None
        truth = self.sample_of("two calls", case).truth
        error, size = compare.max_abs_error(other[wrt], one[wrt]), compare.magnitude(truth[wrt])
        excused = Accuracy(case, self.derivation, truth).between_calls(wrt)
        return Spread(error, excused, size, compare.unit_roundoff(case.dtype) * size)

    def same(self, check: str, statement: str, case: Case, one: Tensors, other: Tensors) -> Iterator[Outcome]:
        """Yield, input by input, whether two calls on a case agree; the statement is what it means if not.

        Other bits that rounding explains are no matter here: `repeatable` tells them.
        """
        for outcome in same_bits(check, statement, one, other):
            spread = None if outcome.holds else self.spread(case, outcome.wrt, one, other)
            yield Outcome(check=check, wrt=outcome.wrt) if spread and spread.is_rounding else outcome

    def _compared(self, outcome: Outcome, sample: Sample, gradient: Tensor, exact_nan: bool) -> Outcome:
        """Fill in how near to its bound a gradient comes, and what is wrong with one that is beyond."""
        truth, case = sample.truth[outcome.wrt], sample.case
        if mismatch := compare.mismatch(gradient, truth.to(case.inputs[outcome.wrt])):
            broken = say("mismatch", **vars(mismatch))
            return dataclasses.replace(outcome, broken=broken, verdict="invalid")
        judged = gradient if exact_nan else _where_finite(gradient, truth)
        left_out = 0 if exact_nan else truth.numel() - int(truth.isfinite().sum())
        outcome = dataclasses.replace(outcome, uncompared=left_out)
        known = outcome.wrt in self.wrong
        fails = any(key[0] == outcome.check and key[2] == outcome.wrt for key in self.failing)
        ratio = self._ratio(sample, outcome.wrt, judged, widen=not (known or fails))
        if ratio <= 1:
            return dataclasses.replace(outcome, ratio=ratio)
        if known:
            return dataclasses.replace(outcome, ratio=ratio, broken=say("wrong_here_too", wrt=outcome.wrt))
        broken = self.diagnosed(sample, outcome.wrt, judged)
        return dataclasses.replace(outcome, ratio=ratio, broken=broken)

    def ratio(self, sample: Sample, wrt: str) -> float:
        """Return the error over its bound at a sample, infinite where the call raises: it tells no more."""
        truth = sample.truth[wrt]
        try:
            gradient = self.differentiate(sample.case)[wrt]
        except Exception:  # whatever a derivation raises
            return math.inf
        if compare.mismatch(gradient, truth.to(sample.case.device, sample.case.dtype)):
            return math.inf
        return self._ratio(sample, wrt, _where_finite(gradient, truth))

    def _ratio(self, sample: Sample, wrt: str, gradient: Tensor, *, widen: bool = True) -> float:
        """Return the error over its bound; whether rounding explains it is asked once for what fails."""
        error = compare.max_abs_error(gradient, sample.truth[wrt])
        ratio = sample.ratio(wrt, error)
        if widen and 1 < ratio < math.inf:
            size = compare.magnitude(sample.truth[wrt])
            ratio = error / widened(error / ratio, error, size, sample.case, self.derivation, wrt)
        return ratio

    def diagnosed(self, sample: Sample, wrt: str, gradient: Tensor) -> Statement:
        """Say what is wrong with a gradient at a sample."""
        case = sample.case
        return diagnose(
            gradient,
            sample.truth[wrt],
            sample.bound(wrt),
            value=case.inputs[wrt],
            upstream=next(iter(case.upstream.values())),
            dimensions=sample.shape or self.small().shape,
            params=case.params,
            others={name: other for name, other in sample.truth.items() if name != wrt},
            inputs=case.inputs,
        )


def raised(error: Exception, check: str, verdict: Verdict = "wrong", **about: Any) -> Outcome:
    """Return the outcome of a call that raises; what forward refuses is no fault of the derivation."""
    refused = is_refusal(error)
    said = say("forward_refuses" if refused else "raises", reason=reason(error))
    return Outcome(check=check, **about, broken=said, verdict=None if refused else verdict)


def _where_finite(gradient: Tensor, truth: Tensor) -> Tensor:
    """Return the gradient, and the truth where that is no reference as it is not finite."""
    return torch.where(truth.isfinite(), gradient, truth.to(gradient))


def _alike(sample: Sample, wrt: str, one: Tensor, other: Tensor) -> bool:
    """Tell whether two calls at a sample gave the same, but for the order in which numbers were added."""
    if compare.identical_bits(one, other):
        return True
    return one.shape == other.shape and sample.ratio(wrt, compare.max_abs_error(one, other)) <= 1


def changed(case: Case, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the tensors that a call was handed, and that are not as they were."""
    for name, value in case.values.items():
        if isinstance(value, Tensor) and not compare.identical_bits(values[name], value):
            yield name


def cloned(gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy gradients whose memory a later call may use."""
    return {wrt: gradient.clone() for wrt, gradient in gradients.items()}


def same_bits(check: str, statement: str, one: Tensors, other: Tensors) -> Iterator[Outcome]:
    """Yield, input by input, whether two calls gave the same bits; the statement is what it means if not."""
    for wrt, gradient in one.items():
        holds = wrt in other and compare.identical_bits(gradient, other[wrt])
        yield Outcome(check=check, wrt=wrt, broken=None if holds else say(statement, wrt=wrt))


def not_repeated(wrt: str, one: Tensor, other: Tensor | None) -> Statement:
    """Say that two calls with the same arguments gave other bits, and how far apart if that is a number."""
    if other is None or one.shape != other.shape:
        return say("not_repeated_bits", wrt=wrt)
    apart = compare.max_abs_error(one, other)
    return say("not_repeated_bits", wrt=wrt, **({"apart": apart} if math.isfinite(apart) else {}))


Run = Callable[[Subject], Iterable[Outcome]]


@dataclass(frozen=True)
class Check:
    """A registered check."""

    name: str
    level: Level
    run: Run


registered: dict[str, Check] = {}


def check(level: Level) -> Callable[[Run], Run]:
    """Register a function as a check that is run from a level on."""

    def add(run: Run) -> Run:
        name = run.__name__
        if level not in LEVELS[1:] or name in registered:
            raise ValueError(f"check {name}: level {level!r} is none of {LEVELS[1:]}, or the name is taken")
        registered[name] = Check(name, level, run)
        return run

    return add
