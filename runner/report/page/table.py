"""The table of a page: all rows for its script, which sorts and filters, and the first of them without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.record import Cells, Column
from runner.report.page.packed import packed

MOST_WITHOUT_SCRIPT = 100
SEPARATOR = "; "
"""Between texts of which a cell lists several."""


@dataclass(frozen=True)
class Table:
    """Rows, and how they are shown.

    `first` are the columns that are seen at once; `filters` those of which a text is chosen; `lists` those
    whose cells list several; `badges` those that are coloured; `title` and `said` what a row that is opened
    is headed by; `sides` what columns begin with that stand beside each other. `total` is the number of rows
    there are, and `elsewhere` says where those are that do not stand here.
    """

    columns: Sequence[Column]
    rows: Sequence[Cells]
    first: Sequence[str]
    filters: Sequence[str]
    badges: Sequence[str]
    said: Sequence[str]
    total: int
    elsewhere: str
    title: Sequence[str] = ("experiment", "derivation", "wrt", "dtype")
    lists: Sequence[str] = ()
    sides: Sequence[str] = ()

    @property
    def view(self) -> Mapping[str, Any]:
        """What the script is told."""
        names = ("first", "filters", "badges", "said", "title", "lists", "sides")
        return {name: [*getattr(self, name)] for name in names}

    @property
    def data(self) -> str:
        """The rows, packed."""
        return packed(self.rows, self.columns)

    @property
    def shown(self) -> Sequence[Cells]:
        """The rows that stand there without the script."""
        return self.rows[:MOST_WITHOUT_SCRIPT]

    @property
    def beyond(self) -> int:
        """The number of the others."""
        return self.total - len(self.shown)

    def parts(self, name: str, text: str) -> list[str]:
        """Return the texts of a cell."""
        return text.split(SEPARATOR) if name in self.lists else [text]
