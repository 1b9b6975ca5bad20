"""Right at sizes beyond a tile: those that kernels are built of, and those that stand in the code itself."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from math import prod
from typing import Any

from runner.checks.shapes import resized
from runner.checks.subject import Subject, capped, check
from runner.formula.edge import Shape
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample
from runner.record import spelled

BLOCKS = (128, 1024, 4096)  # one more than a block of so many shows what a kernel leaves out
LARGEST = 2**16
MOST_ELEMENTS = 2**17  # of all inputs of a sample together
FEW = 2  # the size of the other dimensions


@check("full")
def beyond_a_tile(subject: Subject) -> Iterator[Outcome]:
    """Each dimension alone one beyond a block, and around every whole number in the source."""
    for sample in subject.once("tiles", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "beyond_a_tile")


def _samples(subject: Subject) -> Iterator[Sample]:
    formula, base = subject.case.formula, subject.spec
    for shape in _shapes(subject):
        try:
            elements = sum(map(prod, formula.sizes(shape, base.params).values()))
        except ValueError:  # these dimensions do not fit each other
            continue
        if elements**subject.derivation.kind.order > MOST_ELEMENTS:
            continue
        if sample := subject.sample(spelled(shape), subject.small(shape=shape), shape=shape):
            yield sample


def _shapes(subject: Subject) -> Iterator[Shape]:
    sizes = sorted({*(block + 1 for block in BLOCKS), *_around(literals(subject))})
    small = {name: capped(size, FEW) for name, size in subject.spec.shape.items()}
    for name in small:
        for n in sizes:
            yield from resized(small, name, n)


def _around(numbers: set[int]) -> Iterator[int]:
    for n in numbers:
        yield from (n - 1, n, n + 1)


def literals(subject: Subject) -> set[int]:
    """Return the whole numbers in the source of forward and derivation that may be the size of a block."""
    functions = map(inspect.unwrap, (subject.derivation.function, subject.case.formula.forward))
    sources = dict.fromkeys(inspect.getmodule(function) or function for function in functions)
    trees = (tree for source in sources for tree in _tree(source))
    numbers = {n.value for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return {n for n in numbers if type(n) is int and 16 <= n <= LARGEST}


def _tree(source: Any) -> Iterator[ast.AST]:
    """Yield the tree of a module, or of a function; nothing where there is no source."""
    try:
        yield ast.parse(textwrap.dedent(inspect.getsource(source)))
    except (OSError, TypeError, SyntaxError):
        return
