"""What a person reads of a self-test: the table of what was caught, what was not, and what was no mistake."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runner.selftest.alarms import Innocent
from runner.selftest.campaign import DOES_NOT_RUN, EQUIVALENT, NOT_APPLICABLE, PLANTED, Outcome, judges
from runner.selftest.due import GRADES
from runner.selftest.mistake import KINDS


@dataclass(frozen=True)
class Result:
    """A whole self-test: what became of each mistake, what was said of right code, and how it was run."""

    outcomes: Sequence[Outcome]
    innocent: Sequence[Innocent]
    settings: str
    interrupted: bool = False
    lost: Sequence[str] = ()  # parts that raised, and what

    def of(self, state: str) -> list[Outcome]:
        """Return the mistakes that ended in a state."""
        return [one for one in self.outcomes if one.state == state]

    @property
    def caught_by_a_rival_alone(self) -> list[Outcome]:
        """Return the survivors that a rival rejects."""
        return [one for one in self.survivors if any(one.caught.values())]

    @property
    def survivors(self) -> list[Outcome]:
        """Return the mistakes that the strictest level of handgrad did not notice."""
        return [one for one in self.of(PLANTED) if not one.caught[judges()[0]]]


def table(result: Result) -> list[list[str]]:
    """Return the cells: caught and planted by class for each judge, totals, and false alarms."""
    planted = result.of(PLANTED)
    rows = [
        [kind, *_counts([one for one in planted if one.kind == kind])]
        for kind in KINDS
        if any(one.kind == kind for one in planted)
    ]
    shares = [_share(*_caught(planted, judge)) for judge in judges()]
    false_alarms = ["false alarms", *(_alarms(result, judge) for judge in judges())]
    return [*rows, ["all classes", *_counts(planted)], ["share", *shares], false_alarms]


def grades(result: Result) -> list[list[str]]:
    """Return the cells: of the mistakes that the strictest level caught, how right its diagnosis is."""
    told = [one for one in result.of(PLANTED) if one.diagnosis]
    rows = [[kind, *_of_grades([one for one in told if one.kind == kind])] for kind in KINDS]
    total = _of_grades(told)
    shares = [_share(int(count), len(told)) for count in total]
    shown = [row for row in rows if any(count != "0" for count in row[1:])]
    return [*shown, ["all classes", *total], ["share", *shares]]


def _of_grades(told: Sequence[Outcome]) -> list[str]:
    return [str(sum(one.diagnosis == grade for one in told)) for grade in GRADES]


def grade_headings() -> list[str]:
    """Return the heading of each column of the table of diagnoses."""
    return ["diagnosis", "names it", "true, no help", "misleading"]


def headings() -> list[str]:
    """Return the heading of each column."""
    return ["caught / planted", *judges()]


def markdown(result: Result) -> str:
    """Return the table as Markdown, with what it was made from below it."""
    body = [headings(), ["---", *["---:"] * len(judges())], *table(result)]
    graded = [grade_headings(), ["---", *["---:"] * len(GRADES)], *grades(result)]
    return "\n".join([*_rows(body), "", *_rows(graded), "", _footing(result)])


def _rows(body: Iterable[Sequence[str]]) -> Iterator[str]:
    return ("| " + " | ".join(cells) + " |" for cells in body)


def show(result: Result, out: Console) -> None:
    """Print the table, the survivors with their diffs, what was no mistake and why, and the false alarms."""
    _show_table(out, headings(), table(result), totals=3)
    _show_table(out, grade_headings(), grades(result), totals=2)
    out.print(_footing(result), highlight=False, soft_wrap=True)
    _heading(out, "not caught", len(result.survivors))
    for one in result.survivors:
        _line(out, f"{_where(one)}: {one.kind}: {one.name}")
        _line(out, f"{one.change}\nshown by {one.shown_by}\nsaid: {one.said}", indent=4)
    _heading(out, "caught by a rival, and not by handgrad", len(result.caught_by_a_rival_alone))
    for one in result.caught_by_a_rival_alone:
        rivals = ", ".join(judge for judge, noticed in one.caught.items() if noticed)
        _line(out, f"{_where(one)}: {one.kind}: {one.name}: by {rivals}")
    misleading = [one for one in result.of(PLANTED) if one.diagnosis == "misleading"]
    _heading(out, "misleading diagnoses", len(misleading))
    for one in misleading:
        _line(out, f"{_where(one)}: {one.kind}: {one.name}")
        _line(out, one.said, indent=4)
    for state in (EQUIVALENT, DOES_NOT_RUN):
        _heading(out, f"not counted, {state}", len(result.of(state)))
        for one in result.of(state):
            _line(out, f"{_where(one)}: {one.kind}: {one.name}; {one.shown_by}")
    if result.lost:
        _heading(out, "parts that the self-test could not judge", len(result.lost))
        for part in result.lost:
            _line(out, part)
    alarms = [alarm for innocent in result.innocent for alarm in innocent.alarms]
    _heading(out, "false alarms", len(alarms))
    for alarm in alarms:
        _line(out, f"{alarm.judge}: {alarm.formula} {alarm.derivation}, {alarm.point}: {alarm.said}")


def write(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write one row for each mistake, with what each judge said and how long it took."""
    cells = []
    for one in outcomes:
        row = dataclasses.asdict(one)
        caught, seconds = row.pop("caught"), row.pop("seconds")
        row |= {f"caught by {judge}": caught.get(judge) for judge in judges()}
        cells.append(row | {f"{judge} s": seconds.get(judge) for judge in judges()})
    pd.DataFrame(cells).to_csv(path, index=False)


def _counts(planted: Sequence[Outcome]) -> list[str]:
    return [_fraction(*_caught(planted, judge)) for judge in judges()]


def _caught(planted: Sequence[Outcome], judge: str) -> tuple[int, int]:
    """Return how many a judge has caught, of how many it was shown."""
    shown = [one.caught[judge] for one in planted if judge in one.caught]
    return sum(shown), len(shown)


def _fraction(caught: int, planted: int) -> str:
    return f"{caught}/{planted}" if planted else ""


def _share(caught: int, planted: int) -> str:
    """Round down, so that only all are 100 %."""
    return f"{int(1000 * caught / planted) / 10:g} %" if planted else "none"


def _alarms(result: Result, judge: str) -> str:
    verdicts = sum(one.verdicts.get(judge, 0) for one in result.innocent)
    alarms = sum(alarm.judge == judge for one in result.innocent for alarm in one.alarms)
    return f"{alarms}/{verdicts}" if verdicts else ""


def _show_table(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], totals: int) -> None:
    """Print a table whose last rows are totals, the first of them in bold."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, heading in enumerate(columns):
        shown.add_column(heading, justify="right" if i else "left", no_wrap=not i, vertical="bottom")
    for row in rows[:-totals]:
        shown.add_row(*row)
    shown.add_section()
    for i, row in enumerate(rows[-totals:]):
        shown.add_row(*row, style=None if i else "bold")
    out.print(shown)


def _footing(result: Result) -> str:
    counts = {state: len(result.of(state)) for state in (EQUIVALENT, DOES_NOT_RUN, NOT_APPLICABLE)}
    left_out = ", ".join(f"{count} {state}" for state, count in counts.items())
    derivations = {(one.formula, one.derivation) for one in result.outcomes}
    lost = f"; {len(result.lost)} parts raised" if result.lost else ""
    return f"{len(derivations)} derivations; not counted: {left_out}; {result.settings}{lost}"


def _where(one: Outcome) -> str:
    return " ".join(filter(None, (one.formula, one.derivation, one.params and f"[{one.params}]")))


def _heading(out: Console, title: str, count: int) -> None:
    out.print(Text(f"\n{title}: {count}", style="bold"))


def _line(out: Console, text: str, indent: int = 2) -> None:
    out.print(Padding(Text(text), (0, 0, 0, indent), expand=False), soft_wrap=True)
