"""Run one experiment: a specification in, judgements out. No Hydra, no disk, no globals left behind."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from runner.case.case import Case
from runner.case.inputs import seeded
from runner.case.spec import Spec, case_of
from runner.checks import Subject, examine
from runner.checks.explain import explained
from runner.clock.compiled import compiled
from runner.clock.timing import clock
from runner.diagnose import say
from runner.errors import ENDS, FormulaError, reason
from runner.formula import lookup
from runner.formula.derivation import Derivation
from runner.judge.answer import answer
from runner.judge.findings import FURTHER, weighed
from runner.judge.judgement import Judgement
from runner.judge.references import References
from runner.judge.verdict import judge
from runner.process import kept
from runner.verdicts import RIGHT


def run(spec: Spec) -> list[Judgement]:
    """Judge and time every derivation of a specification: one judgement for each input it differentiates.

    What the formula's code raises becomes a judgement of status `failed`; nothing it raises gets out.
    """
    formula = lookup(spec.formula)
    derivations = [formula.derivations[name] for name in spec.derivations]
    with seeded(spec.seed), kept():
        try:
            case = case_of(spec)
            kinds = dict.fromkeys(derivation.kind for derivation in derivations)
            references = References.of(case, spec.shape, kinds, spec.check)
        except ENDS:
            raise
        except BaseException as error:  # whatever forward raises is its result, and nobody else's
            return [_without_reference(spec, error)]
        shared: dict[str, Any] = {}
        judgements: list[Judgement] = []
        for derivation in derivations:
            judgements += _judged(spec, derivation, references, shared)
        return [*judgements, *_uncovered(spec, case, judgements)]


def _judged(
    spec: Spec, written: Derivation, references: References, shared: dict[str, Any]
) -> list[Judgement]:
    """Run one derivation, give a verdict on each gradient, check its properties, and time it."""
    case = references.case
    try:
        derivation = compiled(written) if spec.execution == "compile" else written
        given = answer(derivation, references, spec.precision)
        judgements = [judge(given, wrt, references) for wrt in given.gradients]
        if judgements:
            strongest = judgements[0].judged_in
            wrong = frozenset(judgement.wrt for judgement in judgements if judgement.verdict in FURTHER)
            subject = Subject(spec, case, derivation, given.gradients, strongest, shared, wrong)
            if spec.check != "off":
                judgements = weighed(judgements, examine(subject, spec.check))
            judgements = [explained(subject, judgement) for judgement in judgements]
    except ENDS:
        raise
    except BaseException as error:  # whatever a derivation raises is its result
        return [_failed(written, error)]
    if spec.check == "off":
        judgements = [*map(_unchecked, judgements)]
    return _timed(spec, case, written, judgements) if judgements else []


def _unchecked(judgement: Judgement) -> Judgement:
    """Say no more than that the numbers agree at the experiment's own point: nothing else was asked."""
    agrees = judgement.verdict in ("exact", "correct")
    return replace(judgement, verdict="unchecked") if agrees else judgement


def _timed(
    spec: Spec, case: Case, derivation: Derivation, judgements: Sequence[Judgement]
) -> list[Judgement]:
    if spec.timing.level == "off" or not derivation.kind.is_timed:
        return [*judgements]
    try:
        wrt = [judgement.wrt for judgement in judgements]
        times = clock(case, derivation, wrt, spec.timing, spec.execution)
    except ENDS:
        raise
    except BaseException as error:  # a verdict that was reached is kept, whatever the clock runs into
        said = say("not_timed", reason=reason(error))
        return [replace(judgement, notes=(*judgement.notes, said)) for judgement in judgements]
    first, *others = judgements
    shared = replace(times, manual_blocks_ms=(), autograd_blocks_ms=())  # once is enough of these
    return [replace(first, times=times), *(replace(judgement, times=shared) for judgement in others)]


def _uncovered(spec: Spec, case: Case, judgements: Sequence[Judgement]) -> Iterator[Judgement]:
    """Report the inputs that no derivation differentiates, where all were asked to."""
    names = [name for name, derivation in case.formula.derivations.items() if derivation.kind.covers]
    if {*names} - {*spec.derivations} or any(judgement.status != "completed" for judgement in judgements):
        return
    covered = {judgement.wrt for judgement in judgements}
    for wrt in case.differentiable:
        if wrt not in covered:
            error = FormulaError(
                f"no derivation gives the gradient of {wrt}; {', '.join(names)} "
                f"give {', '.join(sorted(covered)) or 'none'}"
            )
            yield Judgement(wrt=wrt, status="failed", error=reason(error))


def _failed(derivation: Derivation, error: BaseException) -> Judgement:
    kind = derivation.kind.name
    return Judgement(derivation=derivation.name, kind=kind, status="failed", error=reason(error))


def _without_reference(spec: Spec, error: BaseException) -> Judgement:
    """Judge a formula whose forward, or autograd of it, raises: once, whatever derivations it has."""
    if isinstance(error, NotImplementedError) and _runs_in_float64(spec):
        return Judgement(status="unsupported", error=reason(error))
    return Judgement(status="failed", error=reason(error))


def _runs_in_float64(spec: Spec) -> bool:
    """Tell whether a forward that PyTorch has no kernel for works in another dtype, on the CPU."""
    try:
        return bool(case_of(replace(spec, dtype="float64", device="cpu")).results)
    except Exception:  # then its dtype is not what is wrong with it
        return False


def is_right(judgement: Judgement) -> bool:
    """Tell whether a gradient was judged, and its mathematics is right."""
    return judgement.status == "completed" and judgement.verdict in RIGHT
