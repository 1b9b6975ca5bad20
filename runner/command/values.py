"""Values in nested settings: how far one reaches, and how to replace it in a copy."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

PLAIN_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def held(node: Any, path: Sequence[str]) -> Any:
    """Return what nested objects and dicts hold at a path."""
    for name in path:
        node = node[name] if isinstance(node, dict) else getattr(node, name)
    return node


def changed(node: Any, path: Sequence[str], value: Any) -> Any:
    """Return a copy of nested objects and dicts with one value replaced; the rest is shared."""
    name, *rest = path
    fields = dict(node) if isinstance(node, dict) else vars(node)
    value = changed(fields[name], rest, value) if rest else value
    if isinstance(node, dict):
        return {**fields, name: value}
    twin = object.__new__(type(node))
    vars(twin).update({**fields, name: value})
    return twin


def is_plain(key: str) -> bool:
    """Tell whether a key sets one value: it adds and deletes nothing, and names no package."""
    return bool(PLAIN_KEY.fullmatch(key)) and not key.startswith("hydra")


def are_disjoint(keys: Sequence[str]) -> bool:
    """Tell whether no key lies within another: then their values do not touch each other."""
    return not any(f"{one}.".startswith(f"{other}.") for one in keys for other in keys if one != other)


def strings(node: Any) -> Iterable[str]:
    """Yield every string in nested dicts and lists."""
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def interpolations(texts: Iterable[str]) -> list[str]:
    """Return the texts that refer to something else."""
    return [text for text in texts if "$" in text]  # the brace after it may be escaped


def name_hydra(interpolations: Iterable[str]) -> bool:
    """Tell whether one of them refers to Hydra's own settings, which differ from job to job."""
    return any("hydra" in text for text in interpolations)
