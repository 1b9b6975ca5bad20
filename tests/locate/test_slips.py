"""What somebody may have meant to write in place of an expression."""

import ast
from collections.abc import Callable, Iterator

import pytest

from runner.locate.slips import Slip, calls, factors, flips, signs, small, terms
from runner.locate.source import Slot, slots

SMALL = {
    "y = a + b": "y = a - b",
    "y = a / b": "y = b / a",
    "y = a * b": "y = b",
    "y = a @ b": "y = b.mT @ a",
    "y = -a": "y = a",
    "y = a + 1": "y = a + 2",
    "y = 0.25 * a": "y = 0.75 * a",
    "y = a if c else b": "y = b if c else a",
    "y = a.sum(0)": "y = a.mean(0)",
    "y = a.sum(1)": "y = a.sum(0)",
    "y = f(a)": "y = a",
    "y = where(c, a, b)": "y = where(c, b, a)",
    "y = a.mT": "y = a",
    "y = a[i:j]": "y = a[i + 1:j]",
    "y = a[:j]": "y = a[1:j]",
    "y = {'p': a, 'q': b}": "y = {'p': b, 'q': a}",
    "y += a": "y = a",
    "y = a": "y += a",
    "y -= a": "y += a",
    "for t in range(n): f(t)": "for t in reversed(range(n)):\n    f(t)",
}
FLIPS = {
    "y = a > b": "y = a >= b",
    "if c: f(t)": "if not c:\n    f(t)",
    "while t < n: t += 1": "while t <= n:\n    t += 1",
}
LARGER: dict[str, tuple[Callable[..., Iterator[Slip]], str]] = {
    "y = a": (calls, "y = zeros_like(a)"),
    "y = [a, b]": (factors, "y = [a, b * r]"),
    "y = a[b]": (terms, "y = a[b] - r"),
}


def written(source: str, change: Callable[[Slot], Iterator[Slip]]) -> set[str]:
    """Return how a source reads with each change."""
    tree = ast.parse(source)
    before = ast.unparse(tree)
    found = set()
    for slot in slots(tree):
        for _, new in change(slot):
            with slot.holding(new):
                found.add(ast.unparse(tree))
    assert ast.unparse(tree) == before
    return found


@pytest.mark.parametrize("source", SMALL)
def test_what_stands_there_is_changed(source: str) -> None:
    assert SMALL[source] in written(source, small)


@pytest.mark.parametrize("source", FLIPS)
def test_what_decides_is_flipped(source: str) -> None:
    assert FLIPS[source] in written(source, flips)


@pytest.mark.parametrize("now", ["y = -a", "y = a.mT", "y = 1 - a", "y = b"])
def test_what_was_forgotten_is_put_in(now: str) -> None:
    assert now in written("y = a", lambda slot: signs(slot, ("a", "b")))


@pytest.mark.parametrize("source", LARGER)
def test_what_stands_nearby_is_put_in(source: str) -> None:
    kind, now = LARGER[source]
    call = ast.parse("zeros_like(h)", mode="eval").body
    operands = [ast.Name("r", ast.Load())]
    assert now in written(source, lambda slot: kind(slot, operands, [call]))
