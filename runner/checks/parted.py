"""Which of several rules tells the right shapes from the wrong ones: asked at shapes where they disagree."""

from collections.abc import Iterator

from runner.case.spec import Spec
from runner.checks.dimensions import places
from runner.checks.shapes import SIZES
from runner.checks.shrink import resized
from runner.checks.subject import Subject
from runner.diagnose import Statement, say
from runner.diagnose.summary import rules_at
from runner.judge.sample import Sample

MOST_CALLS = 24
OTHERS = (5, 6, 12, 16, 20, 24, 40, 48)
"""Sizes that were not asked before: even ones, and multiples of a tile."""


def told_apart(subject: Subject, wrt: str, statement: Statement) -> Statement:
    """Return a statement of rules for shapes without those that fail at another shape.

    Where every rule fails, or none is asked, it says no more than how often the gradient is wrong.
    """
    rules = {str(rule): rule for rule in statement.figures["rules"]}
    base = next((sample.alone[0] for sample in _wrong_at_shapes(subject, wrt)), None)
    if base is None or len(rules) < 2:
        return statement
    calls = MOST_CALLS
    for spec in _elsewhere(base):
        follows = {name: holds for name, (holds,) in rules_at([spec.shape]).items() if name in rules}
        if not calls or len(rules) < 2:
            break
        if len({*follows.values()}) < 2:
            continue
        calls -= 1
        sample = subject.sample("rules of shapes", spec, shape=spec.shape)
        if sample is not None:
            is_wrong = subject.ratio(sample, wrt) > 1
            rules = {name: rule for name, rule in rules.items() if follows[name] == is_wrong}
    counts = {name: statement.figures[name] for name in ("count", "total")}
    return say("shapes_by_rule", **counts, rules=[*rules.values()]) if rules else say("at_shapes", **counts)


def _wrong_at_shapes(subject: Subject, wrt: str) -> Iterator[Sample]:
    failing = subject.failing.items()
    yield from (sample for (_, _, name), sample in failing if name in (wrt, "") and sample.shape is not None)


def _elsewhere(base: Spec) -> Iterator[Spec]:
    """Yield specifications with one dimension changed, then with two."""
    every = [*places(base.shape)]
    one = [resized(base, place, n) for place in every for n in (*OTHERS, *SIZES)]
    yield from one
    yield from (resized(spec, place, n) for spec in one for place in every for n in OTHERS)
