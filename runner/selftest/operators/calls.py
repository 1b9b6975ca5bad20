"""Changes to what is called: reductions and their axes, transposes, casts, choices."""

import ast
from collections.abc import Iterator

from runner.selftest.operators.change import Change, is_module, mentions

REDUCTIONS = ("sum", "mean", "amax", "amin", "any", "all")
MOVES = ("transpose", "movedim", "permute", "swapaxes")

DROPPED_CALL = {
    "to": "wrong dtype",
    "sum": "missing broadcast sum",
    "sum_to_size": "missing broadcast sum",
    **dict.fromkeys(MOVES, "transpose"),
}


def no_transpose(node: ast.Attribute) -> Iterator[Change]:
    """Change `a.T` -> `a`."""
    if node.attr in ("T", "mT", "H", "mH"):
        yield "transpose", node.value


def no_call(node: ast.Call) -> Iterator[Change]:
    """Change `a.f(...)` -> `a`, `f(a)` -> `a`."""
    if isinstance(node.func, ast.Attribute) and not is_module(node.func.value):
        yield DROPPED_CALL.get(node.func.attr, "algebra"), node.func.value
    elif node.args and not isinstance(node.args[0], ast.Starred) and not mentions(node.func, "range"):
        yield "algebra", node.args[0]


def other_reduction(node: ast.Call) -> Iterator[Change]:
    """Change `sum` -> `mean` and back: a missing or an extra 1/n."""
    other = {"sum": "mean", "mean": "sum"}
    if isinstance(node.func, ast.Attribute) and node.func.attr in other:
        func = ast.Attribute(node.func.value, other[node.func.attr], ast.Load())
        yield "scale", ast.Call(func, node.args, node.keywords)


def other_axis(node: ast.Call) -> Iterator[Change]:
    """Change `dim=-1` -> `dim=0`, and `keepdim` turned round."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in REDUCTIONS:
        return
    for i, keyword in enumerate(node.keywords):
        value: ast.expr | None = None
        if keyword.arg == "dim":
            value = _other_axis(keyword.value)
        elif keyword.arg == "keepdim" and isinstance(keyword.value, ast.Constant):
            value = ast.Constant(not keyword.value.value)
        if value is not None:
            changed = [*node.keywords[:i], ast.keyword(keyword.arg, value), *node.keywords[i + 1 :]]
            yield "reduction axis", ast.Call(node.func, node.args, changed)
    position = 1 if is_module(node.func.value) else 0
    if len(node.args) > position and (axis := _other_axis(node.args[position])):
        args = [*node.args[:position], axis, *node.args[position + 1 :]]
        yield "reduction axis", ast.Call(node.func, args, node.keywords)


def _other_axis(axis: ast.expr) -> ast.expr | None:
    """Return the first axis for any other, and the last for the first."""
    if isinstance(axis, ast.Tuple) and len(axis.elts) > 1:
        return ast.Tuple(axis.elts[1:], ast.Load())
    return ast.Constant(-1 if isinstance(axis, ast.Constant) and axis.value == 0 else 0)


def swapped_choice(node: ast.Call) -> Iterator[Change]:
    """Change `where(c, a, b)` -> `where(c, b, a)`."""
    if isinstance(node.func, ast.Attribute) and node.func.attr == "where" and len(node.args) == 3:
        condition, one, other = node.args
        yield "algebra", ast.Call(node.func, [condition, other, one], node.keywords)


def transposed_letters(node: ast.Constant) -> Iterator[Change]:
    """Change `"ij,j->i"` -> `"ji,j->i"`."""
    if isinstance(node.value, str) and "->" in node.value:
        operands, arrow, result = node.value.partition("->")
        first, *others = operands.split(",")
        if len(first.replace(".", "")) > 1:
            turned = ",".join([first[:-2] + first[-1] + first[-2], *others])
            yield "transpose", ast.Constant(turned + arrow + result)
