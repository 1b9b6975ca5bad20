"""What checks found out about a derivation, and what that makes of its rows."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from runner.compare import worst
from runner.diagnose import summarise
from runner.diagnose.words import joined
from runner.formula import Shape
from runner.record import Row

MOST_SENTENCES = 2


@dataclass(frozen=True)
class Finding:
    """A property that does not hold: of the gradient by one input, or of all where `wrt` is empty.

    `verdict` is what it makes of the row; empty for what is legal but worth knowing. `compared` with a
    truth, a gradient that is wrong at its own point fails everywhere, which tells nothing more.
    """

    check: str
    message: str
    wrt: str = ""
    verdict: str = "invalid"
    compared: bool = False


@dataclass(frozen=True)
class Outcome:
    """Whether the gradient by an input was right under a condition, or at a shape."""

    check: str
    wrt: str
    right: bool
    condition: str = ""
    shape: Shape | None = None


def apply(
    findings: Sequence[Finding],
    outcomes: Sequence[Outcome],
    rows: Sequence[Row],
    unexplained: Container[str] = (),
) -> None:
    """Write into the rows of a derivation what was found, and in words when it is wrong."""
    for row in rows:
        mine = [finding for finding in findings if finding.wrt in ("", row.wrt)]
        broken = [finding for finding in mine if finding.verdict and not _follows(row, finding)]
        names = dict.fromkeys([*filter(None, [row.failed_checks]), *(finding.check for finding in broken)])
        row.failed_checks = " ".join(names)
        row.notes = _joined([row.notes, *(finding.message for finding in mine if not finding.verdict)])
        if not row.diagnosis:  # else it is wrong at its own shape already, which says more
            when = _when([outcome for outcome in outcomes if outcome.wrt == row.wrt])
            row.diagnosis = _joined([when, *_sentences(broken)])
        elif row.wrt in unexplained:
            row.diagnosis = _joined([row.diagnosis, *_sentences(broken)])
        row.verdict = worst(row.verdict, *(finding.verdict for finding in broken))
    _only_some(rows)


def _follows(row: Row, finding: Finding) -> bool:
    """Tell whether a finding is a consequence: of a gradient known to be wrong, or of a suspect reference."""
    return finding.compared and row.verdict in ("wrong", "invalid", "suspect_reference")


def _when(outcomes: Sequence[Outcome]) -> str:
    """Say at which shapes, and under which conditions, a gradient is wrong, where others are right."""
    shapes = [(outcome.shape, outcome.right) for outcome in outcomes if outcome.shape is not None]
    checks = dict.fromkeys(outcome.check for outcome in outcomes if outcome.shape is None)
    return _joined([str(summarise(shapes=shapes) or ""), *(_only_for(outcomes, check) for check in checks)])


def _only_for(outcomes: Iterable[Outcome], check: str) -> str:
    verdicts = {outcome.condition: outcome.right for outcome in outcomes if outcome.check == check}
    wrong = [condition for condition, right in verdicts.items() if not right]
    others = len(verdicts) - len(wrong)
    if not wrong or len(wrong) > others:
        return ""
    return f"wrong only for {joined(wrong, 'and')}, not for {others} other conditions of {check}"


def _sentences(broken: Iterable[Finding]) -> list[str]:
    """Return the first finding of each check, of the first few checks."""
    ordered = sorted(broken, key=lambda finding: finding.check)
    firsts = [next(group) for _, group in groupby(ordered, key=lambda finding: finding.check)]
    return [f"{finding.check}: {finding.message}" for finding in firsts[:MOST_SENTENCES]]


def _only_some(rows: Sequence[Row]) -> None:
    """Say which gradients of a derivation are wrong, where others are right."""
    verdicts = {row.wrt: row.verdict not in ("wrong", "invalid") for row in rows}
    if statement := summarise(inputs=verdicts):
        for row in rows:
            if not verdicts[row.wrt]:
                row.diagnosis = _joined([row.diagnosis, str(statement)])


def _joined(sentences: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, sentences)))
