"""What a derivation gives: in the experiment's dtype, and in the strongest that it supports."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.case.case import Case
from runner.diagnose import Statement, say
from runner.errors import FormulaError, reason
from runner.formula.derivation import Derivation
from runner.judge import manual
from runner.judge.precision import strongest
from runner.judge.references import References
from runner.settings import Precision


@dataclass(frozen=True)
class Answer:
    """The derivatives by input name. Correctness is decided on `strongest`, at the case `decided`."""

    derivation: Derivation
    case: Case
    gradients: Mapping[str, Tensor]
    decided: Case
    strongest: Mapping[str, Tensor]
    note: Statement | None = None


def answer(derivation: Derivation, references: References, precision: Precision = "float64") -> Answer:
    """Run a derivation. Raises what it raises in the experiment's own dtype.

    In float64 correctness is decided, or in the precision that a derivation is said or found to have. A
    kernel that refuses it is judged in the next dtype that it has, down to the experiment's own, and its
    judgement says so.
    """
    case, refusal = references.case, ""
    gradients = manual.gradients(case, derivation)
    best = strongest(derivation, references, precision)
    if case.dtype == torch.float64 != best.dtype:
        decided = case.to(case.device, best.dtype)
        return Answer(derivation, case, gradients, decided, manual.gradients(decided, derivation), best.why)
    for dtype in (torch.float64, torch.float32):
        if torch.finfo(dtype).eps < torch.finfo(best.dtype).eps:
            continue
        if torch.finfo(dtype).eps >= torch.finfo(case.dtype).eps:
            break
        decided = references.exact if dtype == torch.float64 else case.to(case.device, dtype)
        try:
            found = manual.gradients(decided, derivation)
        except FormulaError:
            raise  # what breaks the contract breaks it in every dtype
        except Exception as error:  # a kernel may know its own dtype alone
            refusal = refusal or f"no {name_of(dtype)} ({reason(error)})"
            continue
        return Answer(derivation, case, gradients, decided, found, _note(refusal, dtype) or best.why)
    decided = references.exact if case.dtype == torch.float64 else case
    return Answer(derivation, case, gradients, decided, gradients, _note(refusal, case.dtype) or best.why)


def _note(refusal: str, dtype: torch.dtype) -> Statement | None:
    return say("decided_in", refusal=refusal, dtype=name_of(dtype)) if refusal else None


def name_of(dtype: torch.dtype) -> str:
    """Return a dtype's name without the module."""
    return str(dtype).removeprefix("torch.")
