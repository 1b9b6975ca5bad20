"""Which of several findings explains the others, and is told first."""

from collections.abc import Iterable
from operator import itemgetter

from runner.judge.judgement import Outcome

CAUSES = (
    "remembered", "not_repeated_bits", "overwritten_context", "used_context", "overwritten", "history",
    "stale", "upstream_ignored", "computed_in",
)  # fmt: skip
"""Statements that explain whatever else is wrong, at other shapes and in other layouts: the first is told."""

CHECKS = (
    "global_state", "repeatable", "order_of_sums", "independent_of_history", "unchanged_arguments",
    "shared_memory", "contexts", "live_contexts", "backward_twice", "returned_outputs",
    "frozen_inputs", "unused_outputs",
    "linear_in_upstream", "scaled_upstream", "small_upstream", "other_upstreams",
    "every_dtype", "generic_point", "other_params", "edges", "other_values", "around_literals", "other_ids",
    "other_masks", "other_shapes", "beyond_a_tile", "layout", "non_finite", "precision", "autocast",
    "second_order",
)  # fmt: skip
"""Checks, the one whose findings explain most first.

What a call leaves behind shows wherever there are two calls; a wrong use of the upstream gradient at all
values, a wrong formula at all shapes, and what a shape does wrong in every layout.
"""


def cause(broken: Iterable[Outcome]) -> Outcome | None:
    """Return the finding that explains all others, if there is one."""
    found = [(outcome.broken.name, outcome) for outcome in broken if outcome.broken]
    causes = [(CAUSES.index(name), outcome) for name, outcome in found if name in CAUSES]
    return min(causes, key=itemgetter(0))[1] if causes else None


def firsts(broken: Iterable[Outcome]) -> list[Outcome]:
    """Return the first finding of each check, in the order of what they explain; unknown checks come last.

    What shows at the experiment's own point needs no condition to be told, and is told first.
    """
    first: dict[str, Outcome] = {}
    for outcome in sorted(broken, key=lambda outcome: bool(outcome.condition)):
        first.setdefault(outcome.check, outcome)
    return [first[check] for check in sorted(first, key=_rank)]


def _rank(check: str) -> tuple[int, str]:
    return (CHECKS.index(check) if check in CHECKS else len(CHECKS), check)
