"""The door for other people's backward: `from runner.function import register_function`."""

from runner.formula.foreign import register_function

__all__ = ["register_function"]
