"""A cache that keeps no function alive: what is planted, judged and forgotten can be freed."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

Key = TypeVar("Key")
Value = TypeVar("Value")


def cached_weakly(compute: Callable[[Key], Value]) -> Callable[[Key], Value]:
    """Compute the result for each object once, and keep it for as long as the object lives."""
    kept: dict[int, tuple[ref[Key], Value]] = {}  # by id, which is found faster than a weak key

    @wraps(compute)
    def cached(key: Key) -> Value:
        if found := kept.get(id(key)):
            return found[1]
        value, place = compute(key), id(key)
        kept[place] = ref(key, lambda _: kept.pop(place, None)), value
        return value

    return cached
