"""A derivation: one hand-written derivative, and the one way in which it is called."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from runner.errors import FormulaError, refused
from runner.formula.kind import Kind
from runner.formula.signature import Function, signature, written


@dataclass(frozen=True)
class Derivation:
    """A function that gives derivatives of one kind, by input name."""

    name: str
    kind: Kind
    function: Function
    formula: str

    @property
    def runs_forward(self) -> bool:
        """Whether it is made ready by a forward of its own, and takes no results of the reference's."""
        return hasattr(self.function, "prepare")

    @property
    def is_recorded(self) -> bool:
        """Whether autograd's engine runs a backward that lies inside of it, as a module's."""
        return getattr(self.function, "is_recorded", False)

    def bound(self, values: Mapping[str, Any], rest: Iterable[str] = ()) -> Callable[[], Any]:
        """Pick the arguments and prepare what has to be prepared, once; calling the result is the derivative.

        `values` holds inputs, outputs, saved intermediates, hyper-parameters and `grad_<output>`; `rest`
        are the names that `**rest` receives. A function with an attribute `prepare(values)` gets the
        result of that as its argument `prepared`: made beforehand, off the clock and free to record.
        """
        if prepare := getattr(self.function, "prepare", None):
            try:
                values = {**values, "prepared": prepare(values)}
            except FormulaError:
                raise
            except Exception as error:
                refused(error)
                raise
        return partial(self.function, **signature(self.function).pick(values, rest=rest))

    def by_name(self, result: Any) -> dict[str, Tensor]:
        """Read what the function returned; raises FormulaError for anything but {input: derivative}."""
        if not isinstance(result, Mapping):
            raise self._breaks(f" returns {type(result).__name__}, not {{input: gradient}}")
        for wrt, value in result.items():
            if value is not None and not isinstance(value, Tensor):
                raise self._breaks(f": the gradient of {wrt} is a {type(value).__name__}, not a tensor")
        return {wrt: value for wrt, value in result.items() if value is not None}

    def _breaks(self, how: str) -> FormulaError:
        return FormulaError(f"{self.formula}: {self.name}{how} ({written(self.function)})")

    def __call__(self, values: Mapping[str, Any], rest: Iterable[str] = ()) -> dict[str, Tensor]:
        """Bind, call, and return the derivatives by input name."""
        return self.by_name(self.bound(values, rest)())
