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
from runner.judge.references import References


@dataclass(frozen=True)
class Answer:
    """The derivatives by input name. Correctness is decided on `strongest`, at the case `decided`."""

    derivation: Derivation
    case: Case
    gradients: Mapping[str, Tensor]
    decided: Case
    strongest: Mapping[str, Tensor]
    note: Statement | None = None


def answer(derivation: Derivation, references: References) -> Answer:
    """Run a derivation. Raises what it raises in the experiment's own dtype.

    In float64 correctness is decided. A kernel that has no float64 is judged in the next dtype that it
    has, down to the experiment's own, and its judgement says so.
    """
    case, refusal = references.case, ""
    gradients = manual.gradients(case, derivation)
    for dtype in (torch.float64, torch.float32):
        if torch.finfo(dtype).eps >= torch.finfo(case.dtype).eps:
            break
        decided = references.exact if dtype == torch.float64 else case.to(case.device, dtype)
        try:
            strongest = manual.gradients(decided, derivation)
        except FormulaError:
            raise  # what breaks the contract breaks it in every dtype
        except Exception as error:  # a kernel may know its own dtype alone
            refusal = refusal or f"no {name_of(dtype)} ({reason(error)})"
            continue
        return Answer(derivation, case, gradients, decided, strongest, _note(refusal, dtype))
    decided = references.exact if case.dtype == torch.float64 else case
    return Answer(derivation, case, gradients, decided, gradients, _note(refusal, case.dtype))


def _note(refusal: str, dtype: torch.dtype) -> Statement | None:
    return say("decided_in", refusal=refusal, dtype=name_of(dtype)) if refusal else None


def name_of(dtype: torch.dtype) -> str:
    """Return a dtype's name without the module."""
    return str(dtype).removeprefix("torch.")
