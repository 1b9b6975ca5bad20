"""Where something happens in the code: a line, and the lines that it was called from."""

import contextlib
import linecache
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

import torch

from runner.errors import short

TORCH = str(Path(torch.__file__).parent)
OWN = str(Path(__file__).parents[1])
CONTEXTS = contextlib.__file__
"""Runs between the lines of all of them: what is raised in there leaves a context half entered."""


@dataclass(frozen=True)
class Line:
    """An expression of a file: its lines, its columns, and the function that it stands in.

    It may be one that gives a number to the step of a place.
    """

    file: str
    line: int
    end: int
    columns: tuple[int, int]
    function: str
    gives: bool = False

    @property
    def numbers(self) -> range:
        """The numbers of its lines."""
        return range(self.line, self.end + 1)

    @property
    def text(self) -> str:
        """The source of the expression, in one line; empty where there is no source."""
        lines = [linecache.getline(self.file, number) for number in self.numbers]
        if not all(lines):
            return ""
        encoded = [line.encode() for line in lines]
        encoded[-1] = encoded[-1][: self.columns[1]]
        encoded[0] = encoded[0][self.columns[0] :]
        return " ".join(b" ".join(encoded).decode(errors="replace").split())

    def __str__(self) -> str:
        return f"{short(self.file)}:{self.line}"


Place = tuple[Line, ...]
"""The line of a step, then the lines of its callers, innermost first."""


def is_same(one: Line, other: Line) -> bool:
    """Tell whether two expressions begin at one line."""
    return (one.file, one.line) == (other.file, other.line)


@lru_cache(maxsize=4096)
def _positions(code: CodeType) -> tuple[tuple[int | None, int | None, int | None, int | None], ...]:
    return tuple(code.co_positions())


def line_at(code: CodeType, instruction: int) -> Line:
    """Return the expression that an instruction belongs to."""
    return _line_at(code, instruction, code.co_filename)


@lru_cache(maxsize=16384)
def _line_at(code: CodeType, instruction: int, file: str) -> Line:
    """Remember lines by file too: code that reads the same is equal wherever it stands."""
    first, last, begin, end = _positions(code)[instruction // 2]
    line = first or code.co_firstlineno
    return Line(file, line, last or line, (begin or 0, end or 10**6), code.co_name)


def is_machinery(code: CodeType) -> bool:
    """Tell whether a function belongs to PyTorch or to handgrad, and so is nobody's derivation."""
    return code.co_filename.startswith((TORCH, OWN, CONTEXTS, "<frozen"))


def is_machinery_file(line: Line) -> bool:
    """Tell whether a line is none of the user's."""
    return line.file.startswith((TORCH, OWN, CONTEXTS))


def place_of(frame: FrameType | None, root: CodeType) -> Place:
    """Return the user's lines from a frame up to the root; of the machinery one where there are no others."""
    own: list[Line] = []
    others: list[Line] = []
    while frame is not None and frame.f_code is not root:
        code = frame.f_code
        if not code.co_filename.startswith(TORCH):
            (others if is_machinery(code) else own).append(line_at(code, frame.f_lasti))
        frame = frame.f_back
    return tuple(own or others[:1])
