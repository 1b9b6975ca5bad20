"""Verdicts, counted."""

from collections import Counter

from runner.verdicts import NOT_RIGHT, OUTCOMES


class Counts(Counter[str]):
    """How many rows have which verdict."""

    @property
    def worst(self) -> str:
        """The worst of the verdicts."""
        return max((name for name in self if self[name]), key=place)

    @property
    def not_right(self) -> int:
        """The number of rows that somebody has to look at."""
        return sum(self[name] for name in NOT_RIGHT)

    def ordered(self) -> list[tuple[str, int]]:
        """Return verdicts with their counts, from best to worst."""
        return [(name, self[name]) for name in sorted(self, key=place) if self[name]]


def place(verdict: str) -> int:
    """Return the place of a verdict, from best to worst; one that is not known stands last."""
    return OUTCOMES.index(verdict) if verdict in OUTCOMES else len(OUTCOMES)
