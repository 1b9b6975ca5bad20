"""What a formula's file says by the names in it, so that `register` need not be told."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from runner.errors import FormulaError
from runner.formula.edge import Edge, Shape

REQUIRED = ("shapes", "forward")
NAMES = (*REQUIRED, "library", "sample")
BELONGS = {"sample": "shapes", "library": "forward"}


def of_module(namespace: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Add to what `register` is given the functions of the calling file that it is not given.

    What belongs to another function of the file is left out: `sample` where `shapes` is passed, `library`
    where `forward` is. Raises FormulaError for one that is no function, and where there is no `forward` or
    no `shapes`.
    """
    defined = {name: namespace[name] for name in NAMES if name in namespace}
    for optional, of in BELONGS.items():
        if given.get(of, defined.get(of)) is not defined.get(of):
            defined.pop(optional, None)
    pieces = {**defined, **given}
    for name in NAMES:
        _is_function(name, pieces.get(name), str(namespace.get("__name__")), defined)
    return pieces


def _is_function(name: str, found: Any, module: str, defined: Iterable[str]) -> None:
    if found is None and name in REQUIRED:
        raise FormulaError(
            f"{module}: there is no {name}; define a function of that name before register(...), or pass "
            f"{name}=.... Of {', '.join(NAMES)} the file defines {', '.join(defined) or 'none'}."
        )
    if found is not None and not callable(found):
        raise FormulaError(f"{module}: {name} is a {type(found).__name__}, not a function")


def fitted(edges: Mapping[str, Edge], lists: Iterable[str]) -> dict[str, Edge]:
    """Let `Edge.empty` do for a list of sizes too: 0 is then [3, 0]."""
    return {name: replace(edge, shape=_fitted(edge.shape, lists)) for name, edge in edges.items()}


def _fitted(shape: Shape, lists: Iterable[str]) -> Shape:
    return {name: [3, 0] if size == 0 and name in lists else size for name, size in shape.items()}
