"""What the locator answers, as data: a repair, a step that is wrong, or that it does not know and why."""

from dataclasses import dataclass
from typing import Literal

from runner.diagnose import Statement
from runner.locate.place import Place

Kind = Literal["repair", "step", "unread", "overwrites", "nowhere"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer; `places` are one, or two of which one holds the mistake.

    `text` is the expression that a repair changes, at the place `changed`, or a name that nothing reads and
    these places should; `seeds` on how many it was run, `due` what a wrong step should be; `between` are the
    places that are left where it is not located, for the `reason` given.
    """

    kind: Kind
    places: tuple[Place, ...] = ()
    repair: Statement | None = None
    due: str = ""
    reason: str = ""
    between: tuple[Place, ...] = ()
    seeds: int = 2
    changed: Place = ()
    text: str = ""
