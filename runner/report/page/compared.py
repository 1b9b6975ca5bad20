"""The page of a comparison: what changed on top, then every gradient with the figures of both reports."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.place import beside
from runner.record import COLUMNS, Cells, Column
from runner.report.changes.change import Changes, Pair
from runner.report.changes.side import FIGURES, MACHINE, SETTINGS, Side
from runner.report.changes.told import HEADINGS, MOST, SAME, headline, of_kind, place, remarks, what
from runner.report.counts import Counts
from runner.report.page import read
from runner.report.page.map import ByFormula, Map
from runner.report.page.read import environment
from runner.report.page.render import rendered
from runner.report.page.table import SEPARATOR, Table

SIDES = ("old", "new")
BESIDE = ("verdict", *FIGURES)
"""What stands there twice."""
MEANINGS = {column.name: column for column in COLUMNS}
TABLE = (
    Column("change", str, "what is not as it was"),
    *(MEANINGS[name] for name in SETTINGS),
    *(Column(f"{side}_{name}", MEANINGS[name].type, f"{MEANINGS[name].meaning}, in the {side} report")
      for name in BESIDE for side in SIDES),
    Column("said", str, "how, and by how much"),
    Column("point", str, MEANINGS["point"].meaning),
)  # fmt: skip
FIRST = (
    "change", "experiment", "derivation", "wrt", "dtype", "shape", "old_verdict", "new_verdict",
    "old_error_u", "new_error_u", "old_manual_ms", "new_manual_ms",
)  # fmt: skip
FILTERS = ("change", "formula", "derivation", "dtype", "old_verdict", "new_verdict", "device", "execution")


def write(found: Changes, path: Path) -> None:
    """Write the page of a comparison."""
    with beside(path) as unfinished:
        unfinished.write_text(html(found), encoding="utf-8")


def html(found: Changes) -> str:
    """Return the page: the template escapes whatever comes from a config or from an error."""
    changed = {kind: mine for kind in HEADINGS if (mine := of_kind(found, kind))}
    sides = {name: getattr(found, name) for name in SIDES}
    return rendered(
        "compare.html",
        _table(found),
        {"map": None},
        title=f"{found.old.folder.name} and {found.new.folder.name}",
        sides=sides,
        headline=headline(found),
        remarks=[*remarks(found)],
        same=found.same,
        limits=found.limits,
        regressions=len(found.regressions),
        changed=[(HEADINGS[kind], kind, mine) for kind, mine in changed.items()],
        what=what,
        most=MOST,
        counts={name: Counts(row["verdict"] for row in side.rows.values()) for name, side in sides.items()},
        map=Map.of({name: _by_formula(side) for name, side in sides.items()}),
        surroundings=[*_surroundings(found.old, found.new)],
    )


def _table(found: Changes) -> Table | None:
    """Return the table of all gradients, those that changed first; of very many those alone."""
    pairs = sorted(found.pairs, key=lambda pair: min(map(place, pair.changes), default=len(HEADINGS)))
    kept = [pair for pair in pairs if pair.changes] if len(pairs) > read.MOST_ROWS else pairs
    rows = [_row(pair) for pair in kept[: read.MOST_ROWS]]
    filled = [c for c in TABLE if any(row[c.name] not in (None, "") for row in rows)]
    if not rows:
        return None
    names = {column.name for column in filled}
    return Table(
        columns=filled,
        rows=rows,
        first=[name for name in FIRST if name in names],
        filters=FILTERS,
        badges=["change", *(f"{side}_verdict" for side in SIDES)],
        said=["said"],
        total=len(pairs),
        elsewhere="in the reports themselves",
        lists=["change"],
        sides=SIDES,
    )


def _row(pair: Pair) -> Cells:
    row = pair.new or pair.old or {}
    kinds = dict.fromkeys(HEADINGS[one.kind] for one in sorted(pair.changes, key=place))
    return {
        "change": SEPARATOR.join(kinds) or SAME,
        **{name: row[name] for name in (*SETTINGS, "point")},
        **{f"old_{name}": pair.old and pair.old[name] for name in BESIDE},
        **{f"new_{name}": pair.new and pair.new[name] for name in BESIDE},
        "said": SEPARATOR.join(one.said for one in pair.changes),
    }


def _by_formula(side: Side) -> ByFormula:
    found: dict[tuple[str, str], Counts] = {}
    for row in side.rows.values():
        found.setdefault((row["formula"], row["dtype"]), Counts())[row["verdict"]] += 1
    return found


def _surroundings(*sides: Side) -> Iterator[tuple[str, list[str]]]:
    """Yield what is known of software and machine, by name, as both reports have it."""
    known = [_known(side) for side in sides]
    for name in dict.fromkeys(name for mine in known for name in mine):
        yield name, [mine.get(name, "") for mine in known]


def _known(side: Side) -> Mapping[str, Any]:
    seen = {name.replace("_", " "): ", ".join(sorted(side.machines[name])) for name in MACHINE}
    return {**{name: text for name, text in seen.items() if text}, **environment(side.folder)}
