"""The contract, by its public name: `from handgrad.formula import register`."""

from runner.formula import *  # noqa: F403
from runner.formula import __all__ as __all__
