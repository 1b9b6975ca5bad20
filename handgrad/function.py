"""The door for other people's backward: `from handgrad.function import register_function`."""

from runner.function import register_function

__all__ = ["register_function"]
