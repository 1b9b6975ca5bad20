"""An edit of one step, the call that it is made in, and how the step's operands are written."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isclose, isfinite
from typing import Any

import torch
from torch import Tensor

from runner.diagnose import Statement
from runner.locate.trace import Step

Pool = Sequence[Tensor]
"""Values that may be put in, in the same order at every seed."""


@dataclass(frozen=True)
class Call:
    """One call as it is made: its arguments as they were before it, its result, what may be put in."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Tensor
    pool: Pool = ()
    numbers: Sequence[float] = ()


@dataclass(frozen=True)
class Edit:
    """A change of one step. The simpler it is, the less it costs, and the more it proves."""

    what: Statement
    cost: float
    make: Callable[[Call], Tensor]
    is_number: bool = False
    """Whether it is right by a number, which may be so at one size alone."""
    operand: int | None = None
    """The operand that it takes another function of: what makes that one may be what is wrong."""
    is_inverse: bool = False
    """Whether that comes to another operator: `x * reciprocal(y)` is `x / y`."""


PRODUCT = torch.matmul.__name__
Binary = Callable[[Any, Any], Any]
ALIASES = {
    "subtract": "sub", "multiply": "mul", "true_divide": "div", "divide": "div", "truediv": "div",
    "mm": PRODUCT, "bmm": PRODUCT,
    "negative": "neg", "iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "div",
    "idiv": "div",
}  # fmt: skip
REVERSED = {
    "radd": "add", "rsub": "sub", "rmul": "mul", "rdiv": "div", "rtruediv": "div", "rmatmul": PRODUCT,
    "rpow": "pow",
}  # fmt: skip


def operation(step: Step) -> tuple[str, bool]:
    """Return the plain name of what a step does, and whether its operands stand the other way round."""
    name = step.name.strip("_")
    return (REVERSED[name], True) if name in REVERSED else (ALIASES.get(name, name), False)


def texts(step: Step, count: int) -> list[str]:
    """Return how the operands of a step are written, as far as the source tells."""
    unnamed = ["its first operand", "its second operand", "its third operand"][:count]
    text = step.place[0].text if step.place else ""
    try:
        node = ast.parse(text.strip(), mode="eval").body if text else None
    except SyntaxError:
        return unnamed
    if isinstance(node, ast.BinOp):
        written = [ast.unparse(node.left), ast.unparse(node.right)]
        return _in_order(step, node, written)[:count]
    if isinstance(node, ast.UnaryOp):
        return [ast.unparse(node.operand)]
    if isinstance(node, ast.Call):
        is_method = isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name)
        first = [node.func.value] if is_method and isinstance(node.func, ast.Attribute) else []
        found = [ast.unparse(part) for part in (*first, *node.args)]
        return [*found, *unnamed[len(found) :]][:count]
    return unnamed


def _in_order(step: Step, node: ast.BinOp, written: list[str]) -> list[str]:
    """Return how the operands are written as they arrive: a number that stands first comes second."""
    if len(step.args) < 2 or isinstance(step.args[1], Tensor) or step.name.strip("_") in REVERSED:
        return written
    if not isinstance(node.op, ast.Add | ast.Mult) or isinstance(node.right, ast.Constant):
        return written
    if isinstance(node.left, ast.Constant):
        return written[::-1]
    return ["the tensor", "the number"]


def said(number: float) -> str:
    """Write a number as a person would, as a fraction where it is one."""
    if not isfinite(number):
        return str(number)
    fraction = Fraction(number).limit_denominator(1000)
    return (
        str(fraction) if isclose(float(fraction), number, rel_tol=1e-12, abs_tol=1e-300) else f"{number:.6g}"
    )
