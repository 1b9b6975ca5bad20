"""Complex numbers: where a conjugate is missing, or is one too many."""

from torch import Tensor

from runner.checks.subject import Subject
from runner.compare import max_abs_error
from runner.diagnose import Statement, say
from runner.judge import reference
from runner.judge.sample import Sample


def conjugated(subject: Subject, wrt: str) -> Statement | None:
    """Say which conjugate makes a wrong gradient by complex numbers right; None where none does.

    PyTorch's gradient of f is the upstream gradient times the conjugate of f', for holomorphic f.
    """
    pairs = {*subject.case.formula.pairs}
    if wrt not in pairs:
        return None
    case = reference.in_float64(subject.case)
    differentiate = reference.of_kind(subject.derivation.kind)
    sample = Sample.of("conjugates", case, differentiate)
    gradient, truth = subject.differentiate(case)[wrt], sample.truth[wrt]
    upstream = {name: conjugate(value) if name in pairs else value for name, value in case.upstream.items()}
    of_other = differentiate(case.with_upstream(upstream))[wrt]
    candidates = {
        "conjugate_of_all": conjugate(truth),
        "derivative_not_conjugated": conjugate(of_other),
        "upstream_conjugated": of_other,
    }
    for name, right in candidates.items():
        if max_abs_error(truth, right) and sample.ratio(wrt, max_abs_error(gradient, right)) <= 1:
            return say(name)
    return None


def conjugate(pairs: Tensor) -> Tensor:
    """Return the conjugates of numbers that are pairs of real and imaginary part: (..., 2)."""
    return pairs * pairs.new_tensor([1, -1])
