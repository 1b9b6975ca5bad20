"""Changes to where things are: entries of a dict, bounds of a slice or a range, branches."""

import ast
from collections.abc import Iterator

from runner.selftest.operators.change import Change


def other_entry(node: ast.Dict) -> Iterator[Change]:
    """Change `{a: x, b: y}` -> `{a: y, b: x}`, and `{b: y}`."""
    if len(node.keys) < 2 or any(key is None for key in node.keys):
        return
    for i in range(len(node.keys) - 1):
        values = list(node.values)
        values[i], values[i + 1] = values[i + 1], values[i]
        yield "swapped gradients", ast.Dict(node.keys, values)
    for i in range(len(node.keys)):
        kept = [*node.keys[:i], *node.keys[i + 1 :]], [*node.values[:i], *node.values[i + 1 :]]
        yield "missing output", ast.Dict(*kept)


def off_by_one(node: ast.Slice) -> Iterator[Change]:
    """Change `a[i:j]` -> `a[i + 1:j]` and `a[i:j - 1]`; a bound that is not there is not moved."""
    if node.lower is not None:
        yield "tail of a tile", ast.Slice(_plus(node.lower, 1), node.upper, node.step)
    if node.upper is not None:
        yield "tail of a tile", ast.Slice(node.lower, _plus(node.upper, -1), node.step)


def shorter_range(node: ast.Call) -> Iterator[Change]:
    """Change `range(n)` -> `range(n - 1)`."""
    if isinstance(node.func, ast.Name) and node.func.id == "range":
        last = min(len(node.args), 2) - 1
        args = [*node.args[:last], _plus(node.args[last], -1), *node.args[last + 1 :]]
        yield "tail of a tile", ast.Call(node.func, args, node.keywords)


def _plus(bound: ast.expr, step: int) -> ast.expr:
    return ast.BinOp(bound, ast.Add() if step > 0 else ast.Sub(), ast.Constant(abs(step)))


def one_branch(node: ast.IfExp) -> Iterator[Change]:
    """Change `a if c else b` -> `a` or `b`."""
    yield "algebra", node.body
    yield "algebra", node.orelse
