"""Says in words what is wrong with a gradient, where that can be told for certain.

A hypothesis is a function of the Evidence that returns a sentence, or None. It speaks only if it explains
all of the difference to within the bound: every element that it claims, with every other one right, and
with more agreement than it has free numbers to fit. Sentences state facts of the numbers at hand. One
file of this package holds the hypotheses of one kind; `HYPOTHESES` orders them, the simplest first.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from runner.diagnose.evidence import Evidence, magnitude
from runner.diagnose.order import of_another_input, permuted, shuffled
from runner.diagnose.region import nonfinite, only_there
from runner.diagnose.scale import clipped, factor, factor_along_an_axis, signs, upstream_left_out
from runner.diagnose.shape import mismatch
from runner.diagnose.summary import summarise
from runner.diagnose.terms import (
    nothing_computed,
    offset,
    proportional,
    reduced,
    row_by_row,
    symmetric_part,
    upstream_handed_on,
)
from runner.diagnose.words import instead, listed, of_all

__all__ = ["UNEXPLAINED", "diagnose", "summarise"]

UNEXPLAINED = "no simple explanation"

HYPOTHESES: tuple[Callable[[Evidence], str | None], ...] = (
    mismatch,
    nonfinite,
    nothing_computed,
    of_another_input,
    upstream_handed_on,
    factor,
    signs,
    upstream_left_out,
    permuted,
    symmetric_part,
    reduced,
    only_there,
    proportional,
    offset,
    clipped,
    factor_along_an_axis,
    row_by_row,
    shuffled,
)


def diagnose(
    gradient: Tensor,
    truth: Tensor,
    bound: float,
    *,
    value: Tensor | None = None,
    upstream: Tensor | None = None,
    dimensions: Mapping[str, int | list[int]] | None = None,
    params: Mapping[str, Any] | None = None,
    others: Mapping[str, Tensor] | None = None,
) -> str:
    """Return what explains a wrong gradient to within `bound`, with figures, or that nothing simple does.

    `value` is the input, of the truth's shape; `upstream` the upstream gradient, of any shape;
    `dimensions` and `params` are the names that a factor may have; `others` the true gradients by the
    other inputs. Everything is compared in float64.
    """
    names = {**(dimensions or {}), **(params or {})}
    evidence = Evidence.of(gradient, truth, bound, value, upstream, names, others or {})
    if evidence.same_shape and not evidence.wrong.any():
        return _right(evidence)
    found = (hypothesis(evidence) for hypothesis in HYPOTHESES)
    return next((sentence for sentence in found if sentence), None) or _unexplained(evidence)


def _right(evidence: Evidence) -> str:
    error = magnitude(evidence.difference)
    if error <= evidence.bound:
        return f"every element is within the bound of {evidence.bound:.3g}"
    return f"beyond the bound by rounding errors only: {error:.3g} against {evidence.bound:.3g}"


def _unexplained(evidence: Evidence) -> str:
    differ = of_all(evidence.count, evidence.truth.numel())
    return f"{UNEXPLAINED}: {differ} differ, the worst at {listed(evidence)}{instead(evidence)}"
