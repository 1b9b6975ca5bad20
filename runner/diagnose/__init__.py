"""Says what is wrong with a gradient, where that can be told for certain.

A hypothesis is a function of the Evidence that returns a Statement, or None. It speaks only if it explains
all of the difference to within the bound: every element that it claims, with every other one right, and
with more agreement than it has free numbers to fit. Statements are facts of the numbers at hand, whose
sentences stand in `sentences.py`. One file of this package holds the hypotheses of one kind; `HYPOTHESES`
orders them, the simplest first.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from runner.diagnose.evidence import Evidence, magnitude
from runner.diagnose.figures import counts, worst
from runner.diagnose.order import of_another_input, permuted, shuffled
from runner.diagnose.products import term
from runner.diagnose.region import nonfinite, only_there
from runner.diagnose.scale import clipped, computed_in, factor, factor_along_an_axis, signs, upstream_left_out
from runner.diagnose.shape import mismatch
from runner.diagnose.statement import Statement, say, sentence
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

__all__ = ["Statement", "diagnose", "say", "sentence", "summarise"]

HYPOTHESES: tuple[Callable[[Evidence], Statement | None], ...] = (
    mismatch,
    nonfinite,
    computed_in,
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
    term,
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
    inputs: Mapping[str, Tensor] | None = None,
) -> Statement:
    """Return what explains a wrong gradient to within `bound`, with figures, or that nothing simple does.

    `value` is the input, of the truth's shape; `upstream` the upstream gradient, of any shape;
    `dimensions` and `params` are the names that a factor may have; `others` the true gradients by the
    other inputs, and `inputs` all the inputs. Everything is compared in float64.
    """
    names = {**(dimensions or {}), **(params or {})}
    evidence = Evidence.of(gradient, truth, bound, value, upstream, names, others or {}, inputs or {})
    if evidence.same_shape and not evidence.wrong.any():
        return _within(evidence)
    statements = (hypothesis(evidence) for hypothesis in HYPOTHESES)
    return next(filter(None, statements), None) or _unexplained(evidence)


def _within(evidence: Evidence) -> Statement:
    error = magnitude(evidence.difference)
    if error <= evidence.bound:
        return say("within_bound", bound=evidence.bound)
    return say("rounding_only", error=error, bound=evidence.bound)


def _unexplained(evidence: Evidence) -> Statement:
    return say("unexplained", **counts(evidence), **worst(evidence))
