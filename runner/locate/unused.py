"""Names that get something and that nothing reads: where the statement is, or was, that should read them."""

import ast
from collections.abc import Iterator
from inspect import unwrap

from runner.locate.answer import Answer
from runner.locate.place import Line, is_machinery
from runner.locate.returned import MOST_NAMED
from runner.locate.search import Search
from runner.locate.source import functions_of

COMPUTES = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare)


def of_unused(search: Search) -> Answer | None:
    """Tell which statement should read what no other does, if it is one of at most two."""
    codes = [code for code in search.one.trace.codes if not is_machinery(code)]
    own = getattr(unwrap(search.one.subject.derivation.function), "__code__", None)
    innocent = search.used - {
        (line.file, n) for s in search.suspects for line in s.place for n in line.numbers
    }
    for function in functions_of(codes):
        code = function.code
        given = code.co_varnames[: code.co_argcount]
        is_derivation = code is own or any(name.startswith("grad_") for name in given)
        needless = {*search.one.subject.case.differentiable} if is_derivation else set[str]()
        unread = _unread(function.tree, search.tensors, needless)
        file, name = code.co_filename, function.tree.name
        common = [s for s in _simple(function.tree.body) if all(s in later for later in unread.values())]
        common = [s for s in common if {(file, number) for number in _numbers(s)} - innocent]
        common = [s for s in common if not _only_returns(s)] or common
        if unread and 0 < len(common) <= MOST_NAMED:
            lines = (Line(file, s.lineno, s.end_lineno or s.lineno, (0, 10**6), name) for s in common)
            return Answer(kind="unread", places=tuple((line,) for line in lines), text=" and ".join(unread))
    return None


def _unread(tree: ast.FunctionDef, tensors: set[str], needless: set[str]) -> dict[str, list[ast.stmt]]:
    """Return the names that are written and never read, each with the statements that could read it.

    Not those of its arguments that are `needless`: a gradient need not depend on what it is the gradient of.
    """
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    updated = (node.target for node in ast.walk(tree) if isinstance(node, ast.AugAssign))
    read |= {target.id for target in updated if isinstance(target, ast.Name)}
    written = (one for one in _written(tree) if one[0] in tensors)
    found: dict[str, list[ast.stmt]] = {}
    for name, later in (*_arguments(tree, needless), *written):
        if name not in read and not name.startswith("_"):
            found.setdefault(name, later)
    return found


def _arguments(tree: ast.FunctionDef, needless: set[str]) -> Iterator[tuple[str, list[ast.stmt]]]:
    given = [*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs]
    yield from ((one.arg, _simple(tree.body)) for one in given if one.arg not in needless)


def _written(tree: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Yield the names that assignments and loops write, with the statements after that beside them."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not (isinstance(node, ast.stmt) and isinstance(body, list)):
            continue
        if isinstance(node, ast.For):
            yield from ((name, _simple(body)) for name in _stored(node.target))
        for i, one in enumerate(body):
            for target in one.targets if isinstance(one, ast.Assign) else ():
                yield from ((name, _simple(body[i + 1 :])) for name in _stored(target))


def _stored(target: ast.expr) -> list[str]:
    """Return the names that get something; not those of what is written into."""
    parts = (node for node in ast.walk(target) if isinstance(node, ast.Name))
    return [part.id for part in parts if isinstance(part.ctx, ast.Store)]


def _numbers(statement: ast.stmt) -> range:
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _simple(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that hold no others, however deep they stand."""
    found = (node for one in statements for node in ast.walk(one) if isinstance(node, ast.stmt))
    return [node for node in found if not hasattr(node, "body") and not _is_docstring(node)]


def _only_returns(statement: ast.stmt) -> bool:
    """Tell whether a statement returns what there is, and computes nothing."""
    return isinstance(statement, ast.Return) and not any(isinstance(n, COMPUTES) for n in ast.walk(statement))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
