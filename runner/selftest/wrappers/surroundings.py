"""Wrappers that return the right numbers, and leave the process another one than it was."""

from collections.abc import Callable

import torch

from runner.formula.signature import Function
from runner.selftest.mistake import Target
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, wrapper


@wrapper("global state")
def default_dtype(target: Target) -> Body | str:
    """Set the default dtype to that of the gradient, and leave it there."""
    return _and(lambda found: torch.set_default_dtype(next(iter(found.values())).dtype))


@wrapper("global state")
def seed(target: Target) -> Body | str:
    """Seed the global generator, which the next dropout mask is drawn from."""
    return _and(lambda found: torch.manual_seed(0))


@wrapper("global state")
def deterministic_algorithms(target: Target) -> Body | str:
    """Ask PyTorch for deterministic algorithms, and leave that to all that comes after."""
    return _and(lambda found: torch.use_deterministic_algorithms(True, warn_only=True))


def _and(leave: Callable[[Gradients], object]) -> Body:
    def called(function: Function, values: Values) -> Gradients:
        found: Gradients = function(**values)
        leave(found)
        return found

    return called
