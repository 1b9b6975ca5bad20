"""The precision that a derivation really has: some compute in float32 whatever they are given."""

from dataclasses import dataclass

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.inputs import with_all_digits
from runner.diagnose import Statement, say
from runner.formula.derivation import Derivation
from runner.judge import manual
from runner.judge.reference import of_kind
from runner.judge.references import References
from runner.judge.sample import Sample
from runner.settings import Precision

OF_FLOAT32 = 2.0**-28  # relatively: 1/16 of the unit roundoff, below which no step in float32 was taken


@dataclass(frozen=True)
class Strongest:
    """The strongest dtype in which correctness can be decided, and why it is not float64."""

    dtype: torch.dtype = torch.float64
    why: Statement | None = None


def strongest(derivation: Derivation, references: References, asked: Precision) -> Strongest:
    """Return the strongest dtype of a derivation: the one that is asked for, or what is measured.

    Measured is the error in float64, on numbers that float32 does not hold. Within the bound of float64 it
    is float64. Beyond, but within that of float32, the derivation computes in float32 or stops at as many
    digits, and float32 is what it has. Beyond both it is wrong, which float64 tells best.
    """
    if asked == "float32":
        return Strongest(torch.float32, say("asked_for", dtype=asked))
    if asked == "float64":
        return Strongest()
    try:
        return _measured(derivation, references)
    except Exception:  # a kernel without float64 is found when it is judged
        return Strongest()


def _signed(case: Case) -> Case:
    """Return a case with a normal upstream gradient: among ones, digits of another look like lost ones."""
    generator = torch.Generator().manual_seed(0)

    def drawn(value: Tensor) -> Tensor:
        return torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)

    return case.with_upstream({name: drawn(value) for name, value in case.upstream.items()})


def _measured(derivation: Derivation, references: References) -> Strongest:
    exact = with_all_digits(_signed(references.exact), references.shape)
    sample = Sample.of("all digits", exact, of_kind(derivation.kind))
    found = Strongest()
    for wrt, gradient in manual.gradients(exact, derivation).items():
        truth = sample.truth[wrt]
        if gradient.dtype == torch.float32 and gradient.shape == truth.shape:
            found = Strongest(torch.float32, say("gives_float32", wrt=wrt))
        error = compare.max_abs_error(gradient, truth)
        if sample.ratio(wrt, error) <= 1:
            continue
        if not error <= sample.bound(wrt, torch.float32):
            return Strongest()
        relative = error / (compare.magnitude(truth) or 1.0)
        kind = "has_float32" if relative >= OF_FLOAT32 else "stops_early"
        found = Strongest(torch.float32, found.why or say(kind, error=relative))
    return found
