"""The values a hyper-parameter may take: a sentence for the user, a test, and examples for the tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Domain:
    """A set of values.

    `description` completes "must be ..."; every one of `examples` is in the set, and together they
    reach each branch that the parameter opens in a formula.
    """

    description: str
    contains: Callable[[Any], bool]
    examples: tuple[Any, ...]


def one_of(*choices: Any) -> Domain:
    """Return the domain of the given choices, told apart by type as well as value."""
    listed = ", ".join(map(_spelled, choices))
    return Domain(
        f"one of {listed}",
        lambda value: any(type(value) is type(choice) and value == choice for choice in choices),
        choices,
    )


def at_least(bound: float, *examples: float) -> Domain:
    """Return the domain of the numbers from `bound` upwards."""
    return Domain(f"a number >= {bound}", lambda v: _is_number(v) and v >= bound, examples)


def above(bound: float, *examples: float) -> Domain:
    """Return the domain of the numbers greater than `bound`."""
    return Domain(f"a number > {bound}", lambda v: _is_number(v) and v > bound, examples)


def between(low: float, high: float, *examples: float) -> Domain:
    """Return the domain of the numbers from `low` to `high`, both included."""
    return Domain(f"a number from {low} to {high}", lambda v: _is_number(v) and low <= v <= high, examples)


def integer(low: int | None = None, *examples: int) -> Domain:
    """Return the domain of the integers, or of those from `low` upwards."""
    description = "an integer" if low is None else f"an integer >= {low}"
    return Domain(description, lambda v: _is_integer(v) and (low is None or v >= low), examples)


def optional(domain: Domain) -> Domain:
    """Return the domain with null (None) added, if it is not in it already."""
    if domain.contains(None):
        return domain
    return Domain(
        f"null or {domain.description}",
        lambda value: value is None or domain.contains(value),
        (None, *domain.examples),
    )


def like(default: Any) -> Domain:
    """Return the domain of a parameter that states none: values of its default's type."""
    if isinstance(default, bool):
        return one_of(True, False)
    if isinstance(default, int):
        return integer(None, default)
    if isinstance(default, float):
        return Domain("a number", _is_number, (default,))
    if default is None:
        return Domain("any value", lambda value: True, (None,))
    kind = type(default)
    return Domain(f"a {kind.__name__}", lambda value: isinstance(value, kind), (default,))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
