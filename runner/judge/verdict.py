"""The verdict on one gradient: what was found, against what is right."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.diagnose import Statement, diagnose, say, sentences
from runner.errors import FormulaError, reason
from runner.formula import Shape
from runner.judge import manual, reference
from runner.record import Row, spelled

MOST_EXPLAINED = 2**20  # elements

sentences.add({"too_large": "a gradient of more than {most} elements is not explained; try a smaller shape"})


@dataclass(frozen=True)
class Found:
    """What a derivation gives: in the experiment's dtype, and in the strongest that it supports."""

    derivation: str
    case: Case
    exact: Case
    here: Mapping[str, Tensor]
    strongest: Mapping[str, Tensor]
    note: str = ""
    unexplained: set[str] = field(default_factory=set)  # inputs by which it is wrong for no simple reason


def find(case: Case, derivation: str, references: "References") -> Found:
    """Run a derivation. Raises what it raises in the experiment's own dtype.

    In float64 correctness is decided. A kernel that has no float64 is judged in the next dtype that it
    has, down to the experiment's own, and its rows say so.
    """
    here = manual.gradients(case, derivation)
    own, refusal = case.dtype, ""
    for dtype in (torch.float64, torch.float32):
        if torch.finfo(dtype).eps >= torch.finfo(own).eps:
            break
        exact = references.exact if dtype == torch.float64 else case.to(case.device, dtype)
        try:
            found = manual.gradients(exact, derivation)
        except FormulaError:
            raise  # what breaks the contract breaks it in every dtype
        except Exception as error:  # a kernel may know its own dtype alone
            refusal = refusal or f"no {name_of(dtype)} ({reason(error)})"
            continue
        return Found(
            derivation, case, exact, here, found, refusal and f"{refusal}: decided in {name_of(dtype)}"
        )
    if own == torch.float64:
        return Found(derivation, case, references.exact, here, here)
    return Found(derivation, case, case, here, here, f"{refusal}: decided in {name_of(own)}")


@dataclass(frozen=True)
class References:
    """What autograd says in the experiment's dtype and in float64, and whether it can be trusted.

    Gradients and full Jacobians are kept by kind. `doubts` says, by input, which references disagree.
    """

    case: Case
    exact: Case
    shape: Shape
    here: Mapping[str, Mapping[str, Tensor]]
    truth: Mapping[str, Mapping[str, Tensor]]
    doubts: Mapping[str, str]
    floors: dict[tuple[str, str], float] = field(default_factory=dict)
    errors: dict[tuple[str, str], compare.Errors] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case, shape: Shape, derivations: set[str], level: str) -> "References":
        """Differentiate the case in both precisions, and ask the witnesses that a level of checks has."""
        exact = reference.in_float64(case)
        kinds = {"jacobian" if name in case.formula.jacobians else "gradient" for name in derivations}
        here = {"gradient": reference.autograd(case)} if "gradient" in kinds else {}
        truth = {"gradient": reference.plain_autograd(exact)}
        if "jacobian" in kinds:
            here["jacobian"], truth["jacobian"] = reference.jacobians(case), reference.jacobians(exact)
        asked = level != "off"
        doubts = reference.doubts(exact, truth["gradient"], thorough=level == "full") if asked else {}
        return cls(case, exact, shape, here, truth, doubts)

    def kind(self, derivation: str) -> str:
        """Return which of the two a derivation gives."""
        return "jacobian" if derivation in self.case.formula.jacobians else "gradient"

    def of_autograd(self, kind: str, wrt: str) -> compare.Errors:
        """Measure autograd's own error in the experiment's dtype."""
        if (kind, wrt) not in self.errors:
            self.errors[kind, wrt] = compare.measure(self.here[kind][wrt], self.truth[kind][wrt])
        return self.errors[kind, wrt]

    def bound(self, kind: str, wrt: str, dtype: torch.dtype, error: float) -> float:
        """Return the correctness bound; the noise of the truth is measured only if the error needs it."""
        size, upstream = self.of_autograd(kind, wrt).size, self.exact.upstream_size
        without = compare.correctness_bound(size, 0.0, upstream, dtype)
        if error <= without:
            return without
        if (kind, wrt) not in self.floors:
            differentiate = reference.jacobians if kind == "jacobian" else reference.plain_autograd
            truth = {wrt: self.truth[kind][wrt]}
            self.floors[kind, wrt] = reference.rounding_floor(self.exact, truth, differentiate)[wrt]
        return compare.correctness_bound(size, self.floors[kind, wrt], upstream, dtype)


def row(found: Found, wrt: str, references: References, blank: Row) -> Row:
    """Fill the row of one gradient: error, bound, verdict."""
    kind = references.kind(found.derivation)
    gradient, target = found.here[wrt], references.here[kind][wrt]
    blank.wrt = wrt
    blank.gradient_shape = "x".join(map(str, gradient.shape)) or "scalar"
    blank.notes = found.note
    if compare.mismatch(gradient, target):
        _refuse(blank, gradient, target, references)
        return blank
    _measure(blank, gradient, target, references)
    _decide(blank, found, references)
    return blank


def _measure(row: Row, gradient: Tensor, target: Tensor, references: References) -> None:
    kind = references.kind(row.derivation)
    truth = references.truth[kind][row.wrt]
    of_autograd = references.of_autograd(kind, row.wrt)
    autograd_error = of_autograd.max_abs
    same = compare.identical_bits(gradient, target)
    row.verdict = "exact" if same else ""
    row.max_abs_error = 0.0 if same else compare.max_abs_error(gradient, target)
    errors = of_autograd if same else compare.measure(gradient, truth)
    row.truth_error = errors.max_abs
    row.autograd_truth_error = autograd_error
    row.error_ratio = errors.max_abs / autograd_error if autograd_error else None
    row.error_u = errors.in_u
    row.ulp_p50, row.ulp_p99 = errors.ulp_p50, errors.ulp_p99
    row.rel_l2_error = errors.rel_l2
    row.bound = compare.accuracy_bound(errors.size, gradient.dtype, references.case.terms, autograd_error)
    row.worst_index = spelled({"": list(errors.worst_index)})[1:]
    row.manual_at_worst, row.reference_at_worst = errors.at_worst, errors.reference_at_worst
    row.nonfinite = errors.nonfinite


def _decide(row: Row, found: Found, references: References) -> None:
    """Decide correctness in the strongest dtype, and accuracy in the experiment's own."""
    kind = references.kind(found.derivation)
    truth, strongest = references.truth[kind][row.wrt], found.strongest[row.wrt]
    right = truth.to(found.exact.device, found.exact.dtype)
    if compare.mismatch(strongest, right):
        _refuse(row, strongest, right, references)
        row.diagnosis = f"in {name_of(found.exact.dtype)} {row.diagnosis}"
        return
    error = compare.max_abs_error(strongest, truth)
    bound = references.bound(kind, row.wrt, strongest.dtype, error)
    assert row.bound is not None
    assert row.truth_error is not None
    # The truth has noise of its own, which in float64 is all there is.
    noise = (
        bound if found.case.dtype == torch.float64 else references.bound(kind, row.wrt, torch.float64, 0.0)
    )
    row.bound = max(row.bound, noise)
    doubt = references.doubts.get(row.wrt, "")
    if not doubt and not math.isfinite(error):
        doubt = _no_truth(strongest, truth)
    if doubt:
        row.verdict, row.diagnosis = "suspect_reference", doubt
    elif not error <= bound:
        row.verdict = "wrong"
        statement = _explained(strongest, truth, bound, row.wrt, references)
        row.diagnosis = str(statement)
        found.unexplained.update([row.wrt] if statement.name == "unexplained" else [])
    elif not row.verdict:
        row.verdict = "correct" if row.truth_error <= row.bound else "inaccurate"


def _refuse(row: Row, gradient: Tensor, right: Tensor, references: References) -> None:
    """Fill the row of a gradient whose shape, dtype or device is another: no number is compared."""
    what, _, _ = compare.mismatch(gradient, right) or ("", None, None)
    row.failed_checks, row.verdict = what, "invalid"
    row.diagnosis = compare.mismatch_in_words(gradient, right)
    if what == "shape":
        row.diagnosis = str(_explained(gradient, right, 0.0, row.wrt, references))


def _explained(gradient: Tensor, truth: Tensor, bound: float, wrt: str, references: References) -> Statement:
    """Diagnose a wrong gradient; a very large one is not worth the minutes and the memory."""
    if gradient.numel() > MOST_EXPLAINED:
        return say("too_large", most=MOST_EXPLAINED)
    exact = references.exact
    return diagnose(
        gradient,
        truth,
        bound,
        value=exact.inputs[wrt],
        upstream=next(iter(exact.upstream.values())),
        dimensions=references.shape,
        params=exact.params,
        others={name: other for name, other in references.truth["gradient"].items() if name != wrt},
    )


def _no_truth(gradient: Tensor, truth: Tensor) -> str:
    """Say where autograd gives no number and the gradient does."""
    count = int((~truth.isfinite() & gradient.to(truth.device).isfinite()).sum())
    return f"float64 autograd is not finite at {count} elements where the gradient is" if count else ""


def name_of(dtype: torch.dtype) -> str:
    """Return a dtype's name without the module."""
    return str(dtype).removeprefix("torch.")
