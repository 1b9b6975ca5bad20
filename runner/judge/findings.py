"""What the outcomes of checks make of a judgement."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from runner.diagnose import Statement, say, summarise
from runner.judge import rank
from runner.judge.judgement import Checked, Judgement, Outcome
from runner.verdicts import Verdict, worst

MOST_SAID = 2  # checks whose first finding is told in a diagnosis
MOST_KEPT = 3  # findings of a check that are kept
WEAK = ("unexplained", "as_autograd_itself")  # statements that another finding may explain
UNSTABLE = ("not_repeated_bits", "remembered")  # after which what the own point shows is one of many things
FURTHER: frozenset[Verdict] = frozenset({"wrong", "invalid", "suspect_reference"})
"""Verdicts after which a comparison elsewhere tells nothing more."""


def weighed(judgements: Sequence[Judgement], outcomes: Sequence[Outcome]) -> list[Judgement]:
    """Return the judgements of a derivation with what checks showed of each."""
    return _only_some([_weighed(judgement, outcomes) for judgement in judgements])


def _weighed(judgement: Judgement, outcomes: Iterable[Outcome]) -> Judgement:
    mine = [outcome for outcome in outcomes if outcome.wrt in ("", judgement.wrt)]
    broken = [outcome for outcome in mine if not outcome.holds and not _follows(judgement, outcome)]
    verdicts = [verdict for verdict in (judgement.verdict, *(o.verdict for o in broken)) if verdict]
    return replace(
        judgement,
        verdict=worst(*verdicts),
        failed=(*dict.fromkeys([*judgement.failed, *(outcome.check for outcome in broken)]),),
        findings=(*_kept(broken),),
        checked=(*_traces(mine),),
        notes=_once([*judgement.notes, *_noted(mine), *_uncompared(mine)]),
        diagnosis=_diagnosis(judgement, mine, broken),
    )


def _noted(outcomes: Iterable[Outcome]) -> Iterator[Statement]:
    """Yield what is legal but worth knowing, each once, with the conditions under which it is so."""
    conditions: dict[str, dict[str, Statement]] = {}
    for outcome in outcomes:
        if outcome.broken and outcome.holds:
            conditions.setdefault(str(outcome.broken), {})[outcome.condition] = outcome.broken
    for found in conditions.values():
        (first, what), others = next(iter(found.items())), len(found) - 1
        yield say("for_conditions", what=what, first=first, others=others) if "" not in found else what


def _uncompared(outcomes: Iterable[Outcome]) -> Iterable[Statement]:
    """Say of how many elements nothing is known, as float64 autograd gives no number there."""
    looks = [outcome for outcome in outcomes if outcome.uncompared]
    if looks:
        conditions = dict.fromkeys(outcome.condition for outcome in looks)
        count = sum(outcome.uncompared for outcome in looks)
        yield say("not_compared", count=count, first=next(iter(conditions)), others=len(conditions) - 1)


def _follows(judgement: Judgement, outcome: Outcome) -> bool:
    """Tell whether an outcome follows from what is known: a wrong gradient, or a suspect reference."""
    return outcome.compared and judgement.verdict in FURTHER


def _diagnosis(
    judgement: Judgement, mine: Sequence[Outcome], broken: Sequence[Outcome]
) -> tuple[Statement, ...]:
    """Say when it is wrong, and of what kind; what is wrong at its own shape already says more."""
    known = [statement for statement in judgement.diagnosis if statement.name not in WEAK]
    explained = rank.cause(broken)
    if known and explained and explained.broken and explained.broken.name in UNSTABLE:
        return _once([_said(explained), *judgement.diagnosis])
    if known or not broken:
        return judgement.diagnosis
    weak = [statement for statement in judgement.diagnosis if statement.name == "unexplained"]
    if explained:
        return _once([*weak, _said(explained)])
    when = [] if weak else _when(mine)
    return _once([*weak, *when, *map(_said, rank.firsts(broken)[:MOST_SAID])])


def _when(outcomes: Sequence[Outcome]) -> list[Statement]:
    """Say at which shapes, and under which conditions, a gradient is wrong, where others are right."""
    compared = [outcome for outcome in outcomes if outcome.compared and outcome.verdict != "inaccurate"]
    of_shapes = dict.fromkeys(outcome.check for outcome in compared if outcome.shape is not None)
    others = dict.fromkeys(outcome.check for outcome in compared if outcome.shape is None)
    shapes = [statement for check in of_shapes if (statement := _at_shapes(compared, check))]
    conditions = [statement for check in others if (statement := _only_for(compared, check))]
    return [*shapes[:1], *conditions]


def _at_shapes(outcomes: Iterable[Outcome], check: str) -> Statement | None:
    """Say at which shapes of a check a gradient is wrong."""
    shapes = [(o.shape, o.holds) for o in outcomes if o.check == check and o.shape is not None]
    return summarise(shapes=shapes)


def _only_for(outcomes: Iterable[Outcome], check: str) -> Statement | None:
    verdicts = {outcome.condition: outcome.holds for outcome in outcomes if outcome.check == check}
    failing = [condition for condition, holds in verdicts.items() if not holds]
    others = len(verdicts) - len(failing)
    if not failing or len(failing) > others:
        return None
    return say("only_for_conditions", conditions=failing, others=others, check=check)


def _said(outcome: Outcome) -> Statement:
    return say("finding", check=outcome.check, condition=outcome.condition, what=outcome.broken)


def _kept(broken: Sequence[Outcome]) -> Iterable[Outcome]:
    for check in dict.fromkeys(outcome.check for outcome in broken):
        yield from [outcome for outcome in broken if outcome.check == check][:MOST_KEPT]


def _traces(outcomes: Sequence[Outcome]) -> Iterable[Checked]:
    for check in dict.fromkeys(outcome.check for outcome in outcomes):
        looks = [outcome for outcome in outcomes if outcome.check == check]
        ratios = [outcome.ratio for outcome in looks if outcome.ratio is not None]
        failed = sum(not outcome.holds for outcome in looks)
        yield Checked(check, len(looks), failed, max(ratios, default=None))


def _only_some(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Say which gradients of a derivation are wrong, where others are right."""
    hold = {judgement.wrt: judgement.verdict not in ("wrong", "invalid") for judgement in judgements}
    statement = summarise(inputs=hold)
    return [
        judgement
        if hold[judgement.wrt] or not statement
        else replace(judgement, diagnosis=_once([*judgement.diagnosis, statement]))
        for judgement in judgements
    ]


def _once(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Drop what is said already."""
    told: dict[str, Statement] = {}
    for statement in statements:
        told.setdefault(str(statement), statement)
    return (*told.values(),)
