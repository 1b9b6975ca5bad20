"""The verdict on one gradient: what a derivation gave, against what is right."""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from runner import compare
from runner.compare import Mismatch
from runner.diagnose import Statement, diagnose, say
from runner.formula.formula import Formula
from runner.formula.kind import GRADIENT
from runner.judge.accuracy import Accuracy
from runner.judge.answer import Answer, name_of
from runner.judge.doubt import contradicted
from runner.judge.judgement import Judgement
from runner.judge.loss import loss
from runner.judge.noise import widened
from runner.judge.references import References
from runner.verdicts import Verdict

MOST_EXPLAINED = 2**20  # elements


def judge(answer: Answer, wrt: str, references: References) -> Judgement:
    """Judge the gradient by one input: mismatch, then errors and bound, then correctness and accuracy."""
    derivation, gradient = answer.derivation, answer.gradients[wrt]
    blank = Judgement(
        derivation=derivation.name,
        kind=derivation.kind.name,
        wrt=wrt,
        size=tuple(gradient.shape),
        judged_in=name_of(answer.decided.dtype),
        notes=(*([answer.note] if answer.note else []), *_stated(references.case.formula)),
    )
    target = references.of_autograd[derivation.kind.name][wrt]
    if mismatch := compare.mismatch(gradient, target):
        return _refused(blank, mismatch, gradient, target, references)
    return _decided(_measured(blank, answer, references), answer, references)


def _stated(formula: Formula) -> Iterator[Statement]:
    """Say what the formula's author asks to be excused."""
    if formula.tolerance and not formula.remarks:  # which say where it comes from
        yield say("within_tolerance", tolerance=formula.tolerance)
    if formula.recomputes:
        yield say("recomputes")
    yield from formula.remarks


def _measured(blank: Judgement, answer: Answer, references: References) -> Judgement:
    """Fill in the errors, against autograd and against the truth."""
    kind, gradient = answer.derivation.kind, answer.gradients[blank.wrt]
    target, truth = (of_kind[kind.name][blank.wrt] for of_kind in (references.of_autograd, references.truth))
    of_autograd = references.errors_of_autograd(kind, blank.wrt)
    same = compare.identical_bits(gradient, target)
    errors = of_autograd if same else compare.measure(gradient, truth)
    accuracy = Accuracy(answer.case, answer.derivation, references.truth[kind.name])
    bound = accuracy.bound(blank.wrt, of_autograd.max_abs, errors.max_abs)
    # The truth has noise of its own, which in float64 is all there is.
    noise = (
        0.0 if answer.case.dtype == torch.float64 else references.bound(kind, blank.wrt, torch.float64, 0.0)
    )
    return replace(
        blank,
        verdict="exact" if same else None,
        max_abs_error=0.0 if same else compare.max_abs_error(gradient, target),
        errors=errors,
        autograd_truth_error=of_autograd.max_abs,
        bound=max(bound, noise),
    )


def _decided(measured: Judgement, answer: Answer, references: References) -> Judgement:
    """Decide correctness in the strongest dtype, and accuracy in the experiment's own."""
    kind, wrt = answer.derivation.kind, measured.wrt
    truth, strongest = references.truth[kind.name][wrt], answer.strongest[wrt]
    target = truth.to(answer.decided.device, answer.decided.inputs[wrt].dtype)
    if mismatch := compare.mismatch(strongest, target):
        refused = _refused(measured, mismatch, strongest, target, references)
        is_float32 = mismatch.what == "dtype" and strongest.dtype == torch.float32
        name = "in_float32_alone" if is_float32 else "in_dtype"
        said = say(name, dtype=measured.judged_in, what=refused.diagnosis[0])
        return replace(refused, diagnosis=(said,))
    error = compare.max_abs_error(strongest, truth)
    bound = references.bound(kind, wrt, strongest.dtype, error)
    size = compare.magnitude(truth)
    bound = widened(bound, error, size, answer.decided, answer.derivation, wrt)
    assert measured.bound is not None
    if answer.case.dtype == strongest.dtype == torch.float64:
        measured = replace(measured, bound=max(measured.bound, bound))
    if doubt := references.doubts.get(wrt) or _no_truth(error, strongest, truth):
        return replace(measured, verdict="suspect_reference", diagnosis=(doubt,))
    if not error <= bound and (doubt := contradicted(references.exact, truth, strongest, wrt)):
        return replace(measured, verdict="suspect_reference", diagnosis=(doubt,))
    if not error <= bound:
        return replace(
            measured, verdict="wrong", diagnosis=(_explained(strongest, truth, bound, wrt, references),)
        )
    verdict = _accuracy(measured)
    if verdict == "exact":
        return measured
    if verdict == "inaccurate":
        said = _lost(measured, answer.case.dtype)
        if measured.verdict == "exact":
            said = say("as_autograd_itself", loss=said)
        return replace(measured, verdict=verdict, diagnosis=(said,))
    if verdict == "correct" and not measured.max_abs_error:
        said = _other_bits(answer.gradients[wrt], references.of_autograd[kind.name][wrt])
        return replace(measured, verdict=verdict, notes=(*measured.notes, said))
    return replace(measured, verdict=verdict)


def _other_bits(gradient: Tensor, of_autograd: Tensor) -> Statement:
    """Say why a gradient that equals autograd's is not exact: zeros have a sign, and NaN has many bits."""
    others = compare.other_bits(gradient, of_autograd)
    zeros, nans = ((others & kind).sum() for kind in (gradient == 0, gradient.isnan()))
    return say("equal_but_for_bits", zeros=int(zeros), nans=int(nans))


def _accuracy(measured: Judgement) -> Verdict:
    """Tell how accurate a gradient is; bits that are autograd's own are no excuse for its faults."""
    assert measured.errors is not None
    assert measured.bound is not None
    if not measured.errors.max_abs <= measured.bound:
        return "inaccurate"
    return "exact" if measured.verdict == "exact" else "correct"


def _lost(measured: Judgement, dtype: torch.dtype) -> Statement:
    assert measured.errors is not None
    assert measured.bound is not None
    return loss(measured.errors, measured.bound, dtype)


def _refused(
    blank: Judgement, mismatch: Mismatch, gradient: Tensor, target: Tensor, references: References
) -> Judgement:
    """Judge a gradient whose shape, dtype or device is another: no number is compared."""
    said = say("mismatch", **vars(mismatch))
    if mismatch.what == "shape":
        said = _explained(gradient, target, 0.0, blank.wrt, references)
    return replace(blank, verdict="invalid", failed=(mismatch.what,), diagnosis=(said,))


def _explained(gradient: Tensor, truth: Tensor, bound: float, wrt: str, references: References) -> Statement:
    """Diagnose a wrong gradient; a very large one is not worth the minutes and the memory."""
    if gradient.numel() > MOST_EXPLAINED:
        return say("too_large_to_explain", most=MOST_EXPLAINED)
    exact, gradients = references.exact, references.truth.get(GRADIENT.name, {})
    return diagnose(
        gradient,
        truth,
        bound,
        value=exact.inputs[wrt],
        upstream=next(iter(exact.upstream.values())),
        dimensions=references.shape,
        params=exact.params,
        others={name: other for name, other in gradients.items() if name != wrt},
        inputs=exact.inputs,
    )


def _no_truth(error: float, gradient: Tensor, truth: Tensor) -> Statement | None:
    """Say where autograd gives no number and the gradient does."""
    if math.isfinite(error):
        return None
    count = int((~truth.isfinite() & gradient.to(truth.device).isfinite()).sum())
    return say("truth_not_finite", count=count) if count else None
