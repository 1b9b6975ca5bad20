"""The source of a function as a tree in which one node at a time may be another."""

import ast
import linecache
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import CodeType


@dataclass(frozen=True)
class Slot:
    """Where a node stands: in a field of its parent, at a place of it where that is a list."""

    parent: ast.AST
    field: str
    index: int | None

    @property
    def node(self) -> ast.AST:
        """The node that stands there."""
        found = getattr(self.parent, self.field)
        node: ast.AST = found if self.index is None else found[self.index]
        return node

    def put(self, node: ast.AST) -> None:
        """Have another node stand there."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node

    @contextmanager
    def holding(self, new: ast.AST) -> Iterator[None]:
        """Have another node stand there for a while."""
        old = self.node
        placed = new if hasattr(new, "lineno") else ast.copy_location(new, old)
        self.put(ast.fix_missing_locations(placed))
        try:
            yield
        finally:
            self.put(old)


def slots(tree: ast.AST) -> Iterator[Slot]:
    """Yield where expressions and statements stand, outer ones first."""
    for field, value in ast.iter_fields(tree):
        parts = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, part in parts:
            if isinstance(part, ast.expr | ast.stmt | ast.slice):
                yield Slot(tree, field, index)
            if isinstance(part, ast.AST):
                yield from slots(part)


@dataclass(frozen=True)
class Function:
    """A function's tree at the lines of its file, the code of it, and what its file imports."""

    tree: ast.FunctionDef
    code: CodeType
    imports: Sequence[ast.stmt]

    def compiled(self) -> CodeType:
        """Return the code of the tree as it is now; raises SyntaxError or ValueError for nonsense."""
        module = compile(ast.Module([*self.imports, self.tree], []), self.code.co_filename, "exec")
        return next(c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == self.tree.name)


def functions_of(codes: Iterable[CodeType]) -> Iterator[Function]:
    """Yield the functions of codes, but for those whose source is not there, or is not that of the code."""
    files: dict[str, ast.Module] = {}
    for code in codes:
        file = code.co_filename
        with suppress(SyntaxError, ValueError):
            parsed = files.get(file) or files.setdefault(file, ast.parse("".join(linecache.getlines(file))))
            imports = [node for node in parsed.body if isinstance(node, ast.Import | ast.ImportFrom)]
            for tree in ast.walk(parsed):
                if isinstance(tree, ast.FunctionDef) and _first(tree) == code.co_firstlineno:
                    tree.decorator_list = []
                    found = Function(tree, code, imports)
                    if tree.name == code.co_name and _alike(found.compiled(), code):
                        yield found


def _first(tree: ast.FunctionDef) -> int:
    return min([tree.lineno, *(decorator.lineno for decorator in tree.decorator_list)])


def _alike(one: CodeType, other: CodeType) -> bool:
    """Tell whether two codes do the same."""
    plain = ([c for c in code.co_consts if not isinstance(c, CodeType)] for code in (one, other))
    same = one.co_code == other.co_code and one.co_names == other.co_names
    return same and one.co_varnames == other.co_varnames and next(plain) == next(plain)


def text_of(tree: ast.FunctionDef) -> str:
    """Return what a function does, in words that do not depend on how it is laid out."""
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    return "\n".join(map(ast.unparse, [tree.args, *body]))
