"""Plants a derivation and returns what the checks of a level make of it."""

from collections.abc import Callable
from typing import Any

from runner.case.resolve import resolve
from runner.settings import Check, Config, Inputs
from tests.conftest import Plant
from tests.registry import rows


def judged(
    plant: Plant,
    *derivations: Callable[..., Any],
    shape: dict[str, Any],
    level: str = "full",
    second_order: bool = False,
    dtype: str = "float32",
    **record: Any,
) -> list[Any]:
    """Return the rows of a formula made of these derivations and this record, at normal inputs."""
    plant(*derivations, **record)
    check = Check(level, second_order=second_order)
    settings: dict[str, Any] = {"shape": shape, "dtype": dtype, "check": check}
    config = Config(formula="planted", upstream="normal", inputs=Inputs("normal"), **settings)
    return rows(resolve(config))
