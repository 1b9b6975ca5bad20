"""What an operator yields, and what it may ask about a tree."""

import ast
from collections.abc import Callable, Iterator
from typing import Any

Change = tuple[str, ast.AST | None]  # class of mistake, and what stands there instead; None drops a statement
Operator = Callable[[Any], Iterator[Change]]


def mentions(node: ast.AST, word: str) -> bool:
    """Tell whether a name with this word in it occurs."""
    return any(isinstance(part, ast.Name) and word in part.id for part in ast.walk(node))


def is_module(node: ast.AST) -> bool:
    """Tell `torch.sum(x)` from `x.sum()`, as far as a name can."""
    return isinstance(node, ast.Name) and node.id in ("torch", "functional", "math", "F", "np")
