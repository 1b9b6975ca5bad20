"""What can be said, as data; a sentence is made of it only where somebody reads it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner.diagnose.wording import worded

NAME = "say"  # the key of the name among the figures, in plain data


@dataclass(frozen=True)
class Statement:
    """The name of one thing that can be said, and the figures that fill its sentence.

    A figure is a number, a string, a boolean, None, a statement, or a list of those.
    """

    name: str
    figures: Mapping[str, Any]

    def __str__(self) -> str:
        return worded(self.name, self.figures)

    def as_data(self) -> dict[str, Any]:
        """Return `{"say": name, **figures}`, which JSON can hold."""
        return {NAME: self.name, **{key: _plain(figure) for key, figure in self.figures.items()}}

    def within(self) -> "Iterator[Statement]":
        """Yield the statement and every one that it is made of."""
        yield self
        for figure in self.figures.values():
            parts = figure if isinstance(figure, list | tuple) else [figure]
            for part in parts:
                if isinstance(part, Statement):
                    yield from part.within()

    def changed(self, change: "Callable[[Statement], Statement | None]") -> "Statement | None":
        """Return the statement with every one that it is made of, and itself at last, changed."""
        return change(Statement(self.name, {key: _each(part, change) for key, part in self.figures.items()}))

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Statement":
        """Read a statement back from plain data, whose floats may have been left as text."""
        return cls(data[NAME], {key: _read(figure) for key, figure in data.items() if key != NAME})


def say(name: str, /, **figures: Any) -> Statement:
    """Make a statement; how it is worded stands under its name in `sentences.py`."""
    return Statement(name, figures)


def sentence(data: Mapping[str, Any]) -> str:
    """Return the sentence of a statement that is plain data."""
    return str(Statement.of(data))


def _each(figure: Any, change: Callable[[Statement], Statement | None]) -> Any:
    if isinstance(figure, Statement):
        return figure.changed(change)
    return [_each(part, change) for part in figure] if isinstance(figure, list | tuple) else figure


def _plain(figure: Any) -> Any:
    if isinstance(figure, Statement):
        return figure.as_data()
    return [_plain(part) for part in figure] if isinstance(figure, list | tuple) else figure


def _read(figure: Any) -> Any:
    if isinstance(figure, Mapping):
        return Statement.of(figure)
    return [_read(part) for part in figure] if isinstance(figure, list) else figure
