"""Changes to what is computed: operations, operands, numbers, comparisons."""

import ast
from collections.abc import Iterator

from runner.selftest.operators.change import Change, mentions

OPPOSITE: dict[type, type] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}

AT_EQUALITY: dict[type, type] = {
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip


def opposite_operation(node: ast.BinOp | ast.AugAssign) -> Iterator[Change]:
    """Change `a + b` -> `a - b`, `a * b` -> `a / b`, and back."""
    if (other := OPPOSITE.get(type(node.op))) is None:
        return
    if isinstance(node, ast.BinOp):
        yield "algebra", ast.BinOp(node.left, other(), node.right)
    else:
        yield "algebra", ast.AugAssign(node.target, other(), node.value)


def one_operand(node: ast.BinOp) -> Iterator[Change]:
    """Change `a + b` -> `a` or `b`; `a * b` likewise; `a / b` -> `a`."""
    sides = [(node.left, node.right), (node.right, node.left)]
    if isinstance(node.op, ast.Add | ast.Sub):
        yield from ((("eps" if mentions(lost, "eps") else "dropped term"), kept) for kept, lost in sides)
    elif isinstance(node.op, ast.Mult):
        yield from ((_of_factor(lost), kept) for kept, lost in sides)
    elif isinstance(node.op, ast.Div):
        yield "scale", node.left


def _of_factor(lost: ast.expr) -> str:
    if isinstance(lost, ast.Name) and lost.id.startswith("grad_"):
        return "upstream ignored"
    return "scale" if isinstance(lost, ast.Constant) else "algebra"


def swapped_product(node: ast.BinOp) -> Iterator[Change]:
    """Change `a @ b` -> `b @ a`."""
    if isinstance(node.op, ast.MatMult):
        yield "transpose", ast.BinOp(node.right, ast.MatMult(), node.left)


def other_number(node: ast.Constant) -> Iterator[Change]:
    """Change `2` -> `1`, `1` -> `2`, `0.5` -> `1.0`, `x` -> `-x`."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    yield "scale", ast.Constant(type(value)(2 if value == 1 else 1))
    if value:
        yield "scale", ast.UnaryOp(ast.USub(), node)


def no_minus(node: ast.UnaryOp) -> Iterator[Change]:
    """Change `-a` -> `a`, `not a` -> `a`, `~a` -> `a`."""
    if not isinstance(node.operand, ast.Constant):
        yield "algebra", node.operand


def at_equality(node: ast.Compare) -> Iterator[Change]:
    """Change `a > b` -> `a >= b`."""
    if (other := AT_EQUALITY.get(type(node.ops[0]))) is not None:
        yield "ties and zeros", ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)


def eps_outside(node: ast.Call) -> Iterator[Change]:
    """Change `rsqrt(v + eps)` -> `rsqrt(v) + eps`."""
    if len(node.args) == 1 and isinstance(node.args[0], ast.BinOp) and mentions(node.args[0].right, "eps"):
        inner = node.args[0]
        yield "eps", ast.BinOp(ast.Call(node.func, [inner.left], node.keywords), inner.op, inner.right)


def no_update(node: ast.AugAssign | ast.Assign) -> Iterator[Change]:
    """Drop `a += b` and `a[i] = b`; and `a += b` -> `a = b`."""
    if isinstance(node, ast.AugAssign):
        yield "dropped term", None
        yield "dropped term", ast.Assign([node.target], node.value)
    elif isinstance(node.targets[0], ast.Subscript):
        yield "dropped term", None
