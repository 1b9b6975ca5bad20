"""Adapters for functions of arrays: `forward -> (out, cache)` with its backward, and `jax.custom_vjp`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runner.doors.arguments import Arguments, title_of
from runner.doors.engine import asks_for
from runner.doors.functions import named
from runner.errors import FormulaError
from runner.formula.raw_backward import SAME_FORWARD, same_result

Values = Mapping[str, Any]
Evaluate = Callable[[Values], tuple[Tensor, Any]]


def evaluator(forward: Callable[..., Any], arguments: Arguments, of_arrays: bool) -> Evaluate:
    """Return a forward as a function of values by name, which gives its result and its cache."""
    title = title_of(forward)

    def evaluate(values: Values) -> tuple[Tensor, Any]:
        given = {n: _array(v) for n, v in values.items()} if of_arrays else values
        with np.errstate(all="ignore"):  # NaN and Inf are asked for on purpose
            found = arguments.call(forward, given)
        if not isinstance(found, tuple) or len(found) != 2:
            raise FormulaError(f"{title} returns {_kind(found)}, not a pair (out, cache)")
        return _tensor(found[0], f"{title}: out"), found[1]

    return evaluate


def written_to(evaluate: Evaluate, values: Values) -> str:
    """Name the first argument that a forward changes, or nothing."""
    given = {n: v.clone() if isinstance(v, Tensor) else v for n, v in values.items()}
    evaluate(given)
    same = {
        n: torch.equal(v.nan_to_num(), given[n].nan_to_num())
        for n, v in values.items()
        if isinstance(v, Tensor)
    }
    return next((name for name, is_same in same.items() if not is_same), "")


class Cached:
    """A pair of functions as a derivation: `forward(...) -> (out, cache)`, `backward(dout, cache)`."""

    guards_inputs = False  # a cache keeps them as they are, and nothing notices that they are written to

    def __init__(
        self,
        evaluate: Evaluate,
        backward: Callable[..., Any],
        title: str,
        output: str,
        order: Sequence[str],
        of_arrays: bool,
        tolerance: float,
    ) -> None:
        self._evaluate, self._backward, self._title = evaluate, backward, title
        self._output, self._order, self._of_arrays = output, order, of_arrays
        self._tolerance = max(tolerance, SAME_FORWARD)
        self.__name__, self.__module__ = title_of(backward).rpartition(".")[2], backward.__module__
        self.__wrapped__ = backward  # where the source is
        self.__signature__ = asks_for([output])

    def prepare(self, values: Values, frozen: Collection[str] = ()) -> Any:
        """Run forward; return its cache. Raises FormulaError where its result is not the reference's."""
        out, cache = self._evaluate(values)
        same_result(f"{self._title}: {self._output}", out, values[self._output], self._tolerance)
        return cache

    def __call__(self, prepared: Any, **values: Any) -> dict[str, Any]:
        """Return the gradients that backward makes of a cache, by name."""
        upstream = values[f"grad_{self._output}"]
        with np.errstate(all="ignore"):
            found = self._backward(_array(upstream) if self._of_arrays else upstream, prepared)
        by_name = named(found, self._order, title_of(self._backward))
        return {name: _tensor(value, f"the gradient of {name}") for name, value in by_name.items()}


def is_of_jax(subject: Any) -> bool:
    """Tell whether this is a function that JAX wraps, without importing JAX for it."""
    return type(subject).__module__.startswith(("jax.", "jaxlib."))


def jax_evaluator(
    function: Callable[..., Any], arguments: Arguments
) -> Callable[[Values], tuple[Tensor, ...]]:
    """Return a JAX function as one of tensors by name; float64 stays what it is."""

    def evaluate(values: Values) -> tuple[Tensor, ...]:
        with _in_float64():
            found = arguments.call(function, {n: _to_jax(v) for n, v in values.items()})
        return tuple(map(_from_jax, found if isinstance(found, tuple | list) else (found,)))

    return evaluate


class OfJax:
    """A function that `jax.custom_vjp` wraps, as a derivation; arrays go over by DLPack."""

    guards_inputs = False  # nobody writes to an array of JAX's

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Arguments,
        outputs: Sequence[str],
        wrt: Sequence[str],
        title: str,
    ) -> None:
        self._function, self._arguments, self._outputs = function, arguments, outputs
        self._wrt, self._title = wrt, title
        self.__name__, self.__module__ = "backward", function.__module__
        self.__wrapped__ = getattr(function, "bwd", function)  # where the source is
        self.__signature__ = asks_for(outputs)

    def prepare(self, values: Values, frozen: Collection[str] = ()) -> Any:
        """Run forward; return what pulls an upstream gradient back, and the names of what it gives.

        Raises FormulaError where the results are not those of the reference.
        """
        import jax

        names = [name for name in self._wrt if name not in frozen]

        def of_leaves(*leaves: Any) -> tuple[Any, ...]:
            given = {n: _to_jax(v) for n, v in values.items()} | dict(zip(names, leaves, strict=True))
            found = self._arguments.call(self._function, given)
            return tuple(found) if isinstance(found, tuple | list) else (found,)

        with _in_float64():
            results, pull = jax.vjp(of_leaves, *(_to_jax(values[name]) for name in names))
        for name, result in zip(self._outputs, results, strict=True):
            same_result(f"{self._title}: {name}", _from_jax(result), values[name], SAME_FORWARD)
        return pull, names

    def __call__(self, prepared: Any, **values: Any) -> dict[str, Tensor]:
        """Pull the upstream gradients back, by name."""
        pull, names = prepared
        with _in_float64():
            found = pull(tuple(_to_jax(values[f"grad_{output}"]) for output in self._outputs))
        return {name: _from_jax(gradient) for name, gradient in zip(names, found, strict=True)}


def _in_float64() -> Any:
    """Return the context in which JAX keeps float64: outside of it, everything becomes float32."""
    import jax

    return jax.enable_x64(True)


def _to_jax(value: Any) -> Any:
    import jax

    return jax.dlpack.from_dlpack(value.detach().clone().contiguous()) if isinstance(value, Tensor) else value


def _from_jax(value: Any) -> Tensor:
    return torch.utils.dlpack.from_dlpack(value).clone()


def _array(value: Any) -> Any:
    """Return the array that shares a tensor's memory; anything else as it is."""
    return value.detach().numpy() if isinstance(value, Tensor) else value


def _tensor(value: Any, what: str) -> Tensor:
    """Return an array, or a number of NumPy's, as a tensor. Raises FormulaError for anything else."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, np.ndarray | np.generic | float | int):
        raise FormulaError(f"{what} is {_kind(value)}, not an array")
    made = np.asarray(value)
    return torch.from_numpy(
        made if made.flags.writeable and min(made.strides, default=0) >= 0 else made.copy()
    )


def _kind(value: Any) -> str:
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else f"a {type(value).__name__}"
