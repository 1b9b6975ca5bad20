"""A table that fits the terminal: what matters least is left out, and what matters most never cut."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, JustifyMethod
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

PLAIN = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
"""SIMPLE_HEAD in ASCII."""
NEEDED = 0
WIDEST = 10_000


@dataclass(frozen=True)
class Shown:
    """A column: its cells, and in which order it is left out where there is no room: the largest first.

    What is NEEDED stays whatever the width; a column without any text is never shown.
    """

    heading: str
    cells: Sequence[str | Text]
    leave_out: int = NEEDED
    justify: JustifyMethod = "left"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not any(cell if isinstance(cell, str) else cell.plain for cell in self.cells)


def print_fitted(columns: Sequence[Shown], out: Console) -> None:
    """Print the columns for which the console has room; nothing where there are no cells."""
    kept = [column for column in columns if not column.is_empty]
    wide = out.options.update(width=WIDEST)
    while kept and out.measure(_table(kept, out), options=wide).maximum > out.width:
        last = max(kept, key=lambda column: column.leave_out)
        if last.leave_out == NEEDED:  # the terminal wraps it, and nothing is cut
            break
        kept.remove(last)
    if kept:
        lines = out.render(_table(kept, out), wide)
        out.print(Segments(lines), crop=False, soft_wrap=True, end="")


def _table(columns: Sequence[Shown], out: Console) -> Table:
    table = Table(box=PLAIN if out.options.ascii_only else box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.heading, justify=column.justify, no_wrap=True)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table
