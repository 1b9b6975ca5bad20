"""The listing of a derivation: its source with a margin, where it is wrong, and why that is known."""

import io
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from runner.case.inputs import seeded
from runner.case.spec import Spec
from runner.errors import reason, short
from runner.formula import lookup
from runner.locate.judged import answer
from runner.locate.listing import Listing, Row, listing
from runner.process import kept
from runner.report.signs import console

WIDEST = 34
"""Characters of what a line is; the rest is cut off."""
STYLES = {"wrong": "bold red", "may be": "yellow"}
SIGNS = {"wrong": ">>", "may be": "?>", "": "  "}


def explain(spec: Spec, out: Console | None = None) -> None:
    """Print the listing of each derivation of a specification; what one raises stands in its place."""
    out = out or console()
    formula = lookup(spec.formula)
    with seeded(spec.seed), kept():
        for name in spec.derivations:
            derivation = formula.derivations[name]
            try:
                found = answer(spec, derivation)
                made = listing(spec, derivation, None if found.reason == "right_here" else found)
            except Exception as error:  # whatever a derivation raises is its result
                out.print(Text(f"{name}: {reason(error)}", style="bold"))
                continue
            _printed(made, spec, out)


def explanation(spec: Spec) -> str:
    """Return the listings as text."""
    file = io.StringIO()
    explain(spec, Console(file=file, width=160, markup=False, highlight=False, emoji=False))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _printed(made: Listing, spec: Spec, out: Console) -> None:
    wrong = f"wrong by {', '.join(made.wrong)}" if made.wrong else "right on the small case that is traced"
    out.print(Text(f"{spec.experiment} {made.derivation}: {wrong}", style="bold"))
    if not made.files:
        out.print(Text("  there is no source to show"))
    for file, rows in made.files.items():
        out.print(Text(f"  {short(file)}", style="dim"))
        for line in _lines(rows):
            out.print(line, soft_wrap=True)
    if made.said is not None:
        out.print(Text(str(made.said), style="bold red"), soft_wrap=True)
    out.print()


def _lines(rows: list[Row]) -> Iterator[Text]:
    width = min(WIDEST, max((len(row.what) for row in rows), default=0))
    has_errors = any(row.in_u is not None for row in rows)
    earlier = rows[0].line if rows else 0
    for row in rows:
        if row.line > earlier + 1:
            yield Text("")
        earlier = row.line
        what = row.what if len(row.what) <= width else row.what[: width - 1] + "…"
        error = f"{'' if row.in_u is None else f'{row.in_u:.2g} u':>7} " if has_errors else ""
        yield Text.assemble(
            (f"{SIGNS[row.mark]}{row.line:5}  ", STYLES.get(row.mark, "dim")),
            (f"{what:<{width}} ", "cyan" if row.what != "?" else "dim"),
            (error, "dim"),
            (f"| {row.text}", STYLES.get(row.mark, "")),
        )
