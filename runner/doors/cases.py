"""Tests at many shapes, dtypes and seeds: a decorator that hands drawn tensors to a test by their names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch

from runner.case.spec import DTYPES
from runner.errors import BadInput, unknown
from runner.formula.draw import DISTRIBUTIONS, Draw

Test = TypeVar("Test", bound=Callable[..., Any])


def cases(
    *,
    shapes: Iterable[Mapping[str, Sequence[int]]],
    dtypes: Iterable[Any] = ("float32",),
    seeds: Iterable[int] = (0,),
    distribution: str = "normal",
    device: str = "cpu",
) -> Callable[[Test], Test]:
    """Run a test with pytest at every shape, dtype and seed; its arguments are the tensors, by name.

    `shapes` are mappings from argument to size, as {"x": (4, 8), "w": (8,)}; `distribution` is one that
    `inputs.distribution` knows. Each case has a readable id, the same in every process. Raises BadInput.
    """
    import pytest

    sizes = [dict(shape) for shape in shapes]
    if not sizes or any([*size] != [*sizes[0]] for size in sizes):
        raise BadInput("cases: shapes is a list of sizes of the same tensors, as [{'x': (4, 8), 'w': (8,)}]")
    if distribution not in DISTRIBUTIONS:
        raise BadInput(f"cases: {unknown('distribution', distribution, DISTRIBUTIONS)}")
    names = [*map(_dtype, dtypes)]
    parameters = [
        pytest.param(*_drawn(size, name, seed, distribution, device), id=_spelled(size, name, seed))
        for size in sizes
        for name in names
        for seed in seeds
    ]
    mark: Callable[[Test], Test] = pytest.mark.parametrize(",".join(sizes[0]), parameters)
    return mark


def _dtype(given: Any) -> str:
    name = str(given).removeprefix("torch.")
    if name not in DTYPES:
        raise BadInput(f"cases: {unknown('dtype', name, DTYPES)}")
    return name


def _drawn(
    sizes: Mapping[str, Sequence[int]], dtype: str, seed: int, distribution: str, device: str
) -> list[torch.Tensor]:
    rng = Draw(seed)
    draw = DISTRIBUTIONS[distribution]
    return [draw(rng, tuple(size)).to(device, DTYPES[dtype]) for size in sizes.values()]  # type: ignore[index]


def _spelled(sizes: Mapping[str, Sequence[int]], dtype: str, seed: int) -> str:
    shapes = " ".join(f"{name}={'x'.join(map(str, size)) or 'scalar'}" for name, size in sizes.items())
    return f"{shapes} {dtype} seed={seed}"
