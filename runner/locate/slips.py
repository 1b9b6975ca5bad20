"""What somebody may have meant to write in place of an expression: the slips of a pen, undone."""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from runner.locate.source import Slot

Slip = tuple[float, ast.AST]
"""What a change costs, and what stands there then."""

OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add, ast.Mult), ast.Mult: (ast.Div, ast.Add, ast.MatMult),
    ast.Div: (ast.Mult,), ast.MatMult: (ast.Mult,), ast.FloorDiv: (ast.Mod,), ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip
COMPARED: tuple[tuple[type, ...], ...] = ((ast.Lt, ast.LtE, ast.Gt, ast.GtE), (ast.Eq, ast.NotEq))
TURNED = ("T", "mT", "H", "mH")
TWINS = (
    ("sum", "mean"), ("amax", "amin"), ("argmax", "argmin"), ("tril", "triu"), ("sigmoid", "tanh"),
    ("sin", "cos"), ("zeros_like", "ones_like"), ("sqrt", "rsqrt"), ("any", "all"), ("exp", "log"),
)  # fmt: skip
NUMERIC = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Call, ast.Subscript, ast.Attribute)


def small(slot: Slot) -> Iterator[Slip]:
    """Yield changes that need nothing but what stands there: operators, operands, numbers, indices, axes."""
    node: Any = slot.node
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.UnaryOp):
        yield 1.0, node.operand
    elif isinstance(node, ast.Constant):
        yield from ((_likely(number), _constant(number)) for number in _numbers(node.value))
    elif isinstance(node, ast.IfExp):
        yield 1.1, ast.IfExp(node.test, node.orelse, node.body)
        yield from ((1.4, branch) for branch in (node.body, node.orelse))
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Attribute) and node.attr in TURNED:
        yield 1.1, node.value
    elif isinstance(node, ast.Slice):
        yield from _of_slice(node)
    elif isinstance(node, ast.Dict | ast.Tuple | ast.List):
        yield from _swapped(node)
    elif isinstance(node, ast.AugAssign):
        yield from _of_update(node)
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Subscript):
        for op in (ast.Add(), ast.Mult()):
            yield 1.6, ast.AugAssign(node.targets[0], op, node.value)
    if slot.field == "iter":
        yield 1.4, ast.Call(ast.Name("reversed", ast.Load()), [node], [])


def flips(slot: Slot) -> Iterator[Slip]:
    """Yield other decisions: another comparison, or the opposite of a condition."""
    node: Any = slot.node
    if isinstance(node, ast.Compare):
        yield from ((1.1, ast.Compare(node.left, [op()], node.comparators)) for op in _others(node))
    elif slot.field == "test" and isinstance(slot.parent, ast.If | ast.While):
        yield 1.2, ast.UnaryOp(ast.Not(), node)


def signs(slot: Slot, names: Sequence[str]) -> Iterator[Slip]:
    """Yield what was forgotten, a sign or a transpose, and other names in place of a name."""
    node: Any = slot.node
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from ((2.0, ast.Name(name, ast.Load())) for name in names if name != node.id)
    if isinstance(node, NUMERIC) and _is_value(slot):
        yield 1.6, ast.UnaryOp(ast.USub(), node)
        yield 1.6, ast.Attribute(node, "mT", ast.Load())
        yield 1.7, ast.BinOp(ast.Constant(1), ast.Sub(), node)
        yield 1.7, ast.UnaryOp(ast.Invert(), node)
        yield from ((1.7, ast.BinOp(node, op, ast.Constant(1))) for op in (ast.Add(), ast.Sub()))


def calls(slot: Slot, operands: Sequence[ast.expr], nearby: Sequence[ast.Call]) -> Iterator[Slip]:
    """Yield an expression put through a call that stands nearby."""
    node: Any = slot.node
    if isinstance(node, NUMERIC) and _is_value(slot):
        yield from ((2.2, _through(call, node)) for call in nearby)


def factors(slot: Slot, operands: Sequence[ast.expr], nearby: Sequence[ast.Call]) -> Iterator[Slip]:
    """Yield an expression times a name."""
    node: Any = slot.node
    if isinstance(node, NUMERIC) and _is_value(slot):
        names = (one for one in (*operands, ast.Constant(2)) if isinstance(one, ast.Name | ast.Constant))
        yield from ((2.4, ast.BinOp(node, ast.Mult(), name)) for name in names)


def terms(slot: Slot, operands: Sequence[ast.expr], nearby: Sequence[ast.Call]) -> Iterator[Slip]:
    """Yield an expression with a factor or a term that stands nearby."""
    node: Any = slot.node
    if isinstance(node, NUMERIC) and _is_value(slot):
        for operand in operands:
            for op in (ast.Mult(), ast.Add(), ast.Sub(), ast.Div()):
                yield 2.5, ast.BinOp(node, op, operand)
            yield 2.5, ast.BinOp(operand, ast.Sub(), node)


def _through(call: ast.Call, node: ast.expr) -> ast.expr:
    """Return a call with another expression in place of what it is about."""
    if isinstance(call.func, ast.Attribute) and not _is_module(call.func.value):
        return ast.Call(ast.Attribute(node, call.func.attr, ast.Load()), call.args, call.keywords)
    return ast.Call(call.func, [node, *call.args[1:]], call.keywords)


def _is_value(slot: Slot) -> bool:
    """Tell whether an expression is one that is computed with, and not called, written to or taken apart."""
    node: Any = slot.node
    if isinstance(slot.parent, ast.Call) and slot.field == "func":
        return False
    if isinstance(slot.parent, ast.Attribute | ast.Starred | ast.arguments | ast.arg | ast.keyword):
        return False
    if slot.field in ("annotation", "returns", "decorator_list", "target", "targets", "defaults"):
        return False
    return isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and not _is_module(node)


def _is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "functional", "math", "F", "np", "nn")


def _of_operation(node: ast.BinOp) -> Iterator[Slip]:
    if not isinstance(node.op, ast.Add | ast.Mult):
        yield 1.1, ast.BinOp(node.right, node.op, node.left)
    for kept, lost in ((node.left, node.right), (node.right, node.left)):
        yield (1.0 if isinstance(lost, ast.Constant) else 1.4), kept
    if isinstance(node.op, ast.MatMult):
        left, right = (ast.Attribute(side, "mT", ast.Load()) for side in (node.left, node.right))
        for one, other in ((left, node.right), (node.left, right), (node.right, left), (right, node.left)):
            yield 1.2, ast.BinOp(one, node.op, other)
    for op in OPERATORS.get(type(node.op), ()):
        yield 1.0, ast.BinOp(node.left, op(), node.right)


def _others(node: ast.Compare) -> Iterator[type]:
    own = type(node.ops[0])
    alike = next((ops for ops in COMPARED if own in ops), ())
    if len(node.ops) == 1:
        yield from (op for op in alike if op is not own)


def _numbers(value: Any) -> Iterator[Any]:
    """Yield what a number may have been meant to be."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from dict.fromkeys(n for n in (value + 1, value - 1, -value, 0, 1, 2, -1, -2) if n != value)
    elif isinstance(value, float):
        new = (1 - value, -value, 2 * value, value / 2, 1.0, 0.5, 2.0, 0.0, 1 / value if value else 1.0)
        yield from dict.fromkeys(n for n in new if n != value)


def _likely(number: float) -> float:
    """Return what a number costs: where none below zero stood, one is less likely."""
    return 1.2 if number >= 0 else 1.5


def _constant(number: Any) -> ast.expr:
    negative = not isinstance(number, bool) and number < 0
    return ast.UnaryOp(ast.USub(), ast.Constant(-number)) if negative else ast.Constant(number)


def _of_call(node: ast.Call) -> Iterator[Slip]:
    func = node.func
    if isinstance(func, ast.Attribute):
        for twins in TWINS:
            if func.attr in twins:
                other = twins[1 - twins.index(func.attr)]
                yield 1.1, ast.Call(ast.Attribute(func.value, other, ast.Load()), node.args, node.keywords)
        if not _is_module(func.value):
            yield 1.4, func.value
    for i, argument in enumerate(node.args):
        if not isinstance(argument, ast.Starred):
            yield 1.4 + 0.1 * i, argument
    for i in range(len(node.args) - 1):
        args = [*node.args]
        args[i], args[i + 1] = args[i + 1], args[i]
        yield 1.2, ast.Call(func, args, node.keywords)


def _of_slice(node: ast.Slice) -> Iterator[Slip]:
    """Yield bounds moved by one, and bounds that were forgotten."""
    for name, missing in (("lower", ast.Constant(1)), ("upper", _constant(-1))):
        bound = getattr(node, name)
        moved = [missing] if bound is None else [ast.BinOp(bound, op, ast.Constant(1)) for op in _BY_ONE]
        for new in (*moved, *([] if bound is None else [None])):
            yield 1.3, ast.Slice(**{"lower": node.lower, "upper": node.upper, "step": node.step, name: new})


_BY_ONE = (ast.Add(), ast.Sub())


def _swapped(node: ast.Dict | ast.Tuple | ast.List) -> Iterator[Slip]:
    """Yield two entries that stand the other way round."""
    parts = node.values if isinstance(node, ast.Dict) else node.elts
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    for i in range(len(parts)):
        for k in range(i):
            new = [*parts]
            new[i], new[k] = new[k], new[i]
            made = ast.Dict(node.keys, new) if isinstance(node, ast.Dict) else type(node)(new, ast.Load())
            yield 1.3, made


def _of_update(node: ast.AugAssign) -> Iterator[Slip]:
    for op in OPERATORS.get(type(node.op), ()):
        yield 1.0, ast.AugAssign(node.target, op(), node.value)
    yield 1.4, ast.Assign([node.target], node.value)
