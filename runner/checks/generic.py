"""Right at a generic point, whatever was asked for: signed numbers that use all digits."""

from collections.abc import Iterator
from dataclasses import replace

from runner.case.case import Case
from runner.case.inputs import with_all_digits as more_digits
from runner.case.spec import Spec, case_of
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample
from runner.record import spelled

MOST_ELEMENTS = 2**16  # of inputs and outputs together, at the experiment's own shape
CONDITION = "signed inputs of all digits"


@check("quick")
def generic_point(subject: Subject) -> Iterator[Outcome]:
    """Normal inputs and upstream gradients, which hide neither a branch at zero nor a factor of one."""
    sample = sample_of(subject)
    if sample is not None:
        yield from subject.compare(sample, "generic_point")
        shape = sample.alone[0].shape
        if shape != subject.spec.shape and subject.spec.check == "quick" and not _is_generic(subject.spec):
            smaller = say("generic_point_smaller", settings=spelled(shape))
            yield Outcome(check="generic_point", broken=smaller, verdict=None)


def _is_generic(spec: Spec) -> bool:
    """Tell whether the experiment's own point, of whatever size, has signed inputs and upstream gradients."""
    drawn = spec.inputs.file is None and spec.inputs.distribution == "normal" and not spec.inputs.offset
    return drawn and spec.upstream == "normal"


def sample_of(subject: Subject) -> Sample | None:
    """Return the point, which is drawn once."""
    found: Sample | None = subject.once("generic point", lambda: _sample(subject))
    return found


def _sample(subject: Subject) -> Sample | None:
    """Draw the point; where forward refuses signed inputs, those of the experiment's own distribution."""
    for inputs in ({"distribution": "normal", "scale": 1.0, "offset": 0.0}, {}):
        try:
            spec = _own_shape(subject, subject.small(inputs=inputs))
            return replace(subject.sample_of(CONDITION, with_all_digits(spec)), alone=(spec,))
        except Exception:  # what forward refuses is no fault of the derivation
            continue
    return None


def _own_shape(subject: Subject, small: Spec) -> Spec:
    """Return the specification at the experiment's own shape where that costs little."""
    elements = subject.case.terms**subject.derivation.kind.order
    return replace(small, shape=subject.spec.shape) if elements <= MOST_ELEMENTS else small


def with_all_digits(spec: Spec) -> Case:
    """Draw a case whose numbers float32 does not hold, so that a float32 step inside shows what it loses."""
    return more_digits(case_of(spec), spec.shape, spec.seed)
