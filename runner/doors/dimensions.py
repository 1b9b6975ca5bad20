"""Which axes of example tensors are dimensions of their own: found by trying a reference at other sizes."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from itertools import combinations
from typing import Any

from runner.errors import BadInput

Axis = tuple[str, int]
Sizes = Mapping[str, tuple[int, ...]]
MOST_TOGETHER = 4  # axes of one size that are tried as one dimension before all of them are
MOST_TRIALS = 96


@dataclass(frozen=True)
class Dimensions:
    """The dimensions of a set of tensors: by name, the axes that have this size together.

    `fixed` are the axes that no other size was accepted for, those of size 1 among them: they may be there
    to be broadcast.
    """

    axes: Mapping[str, Sequence[Axis]]
    given: Sizes

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each dimension in the example."""
        return {name: self.given[axes[0][0]][axes[0][1]] for name, axes in self.axes.items()}

    @property
    def fixed(self) -> list[Axis]:
        """The axes that are no dimension."""
        free = {axis for axes in self.axes.values() for axis in axes}
        return [axis for axis in _axes(self.given) if axis not in free]

    def at(self, **sizes: int) -> dict[str, tuple[int, ...]]:
        """Return the sizes of all tensors for other sizes of the dimensions."""
        return resized(self.given, {axis: sizes[name] for name, axes in self.axes.items() for axis in axes})

    @property
    def shapes(self) -> Callable[..., Any]:
        """What a formula calls `shapes`: a function of the dimensions, by name."""

        def shapes(**sizes: int) -> dict[str, tuple[int, ...]]:
            return self.at(**sizes)

        parameters = [Parameter(n, Parameter.POSITIONAL_OR_KEYWORD, annotation=int) for n in self.axes]
        shapes.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return shapes

    def __str__(self) -> str:
        return "; ".join(
            f"{name}={self.sizes[name]}: {', '.join(f'{n}[{i}]' for n, i in axes)}"
            for name, axes in self.axes.items()
        )


def resized(given: Sizes, changed: Mapping[Axis, int]) -> dict[str, tuple[int, ...]]:
    """Return sizes with some axes changed."""
    return {
        name: tuple(changed.get((name, i), n) for i, n in enumerate(size)) for name, size in given.items()
    }


def found(given: Sizes, accepts: Callable[[Sizes], bool], fixed: Collection[Axis] = ()) -> Dimensions:
    """Find the dimensions: the smallest sets of axes of one size that can be changed together.

    `accepts` tells whether a reference runs at other sizes. Axes that are `fixed` keep theirs. Those of which
    only all together can be changed are one dimension.
    """
    axes: dict[str, Sequence[Axis]] = {}
    trials = iter(range(MOST_TRIALS))

    def may_change(group: Sequence[Axis], n: int) -> bool:
        return next(trials, None) is not None and accepts(resized(given, dict.fromkeys(group, n + 1)))

    for n in dict.fromkeys(given[name][i] for name, i in _axes(given)):
        rest = [axis for axis in _axes(given) if given[axis[0]][axis[1]] == n and axis not in fixed]
        while n > 1 and rest:
            group = next((group for group in _groups(rest) if may_change(group, n)), None)
            if group is None:
                break
            axes[_named(group, given)] = group
            rest = [axis for axis in rest if axis not in group]
    order = {axis: i for i, axis in enumerate(_axes(given))}
    by_place = sorted(axes.items(), key=lambda item: order[item[1][0]])
    return Dimensions(dict(by_place), given)


def stated(given: Sizes, names: Mapping[str, Sequence[Any]], title: str) -> Dimensions:
    """Return the dimensions that an author names, as in {"x": ("batch", "n"), "w": ("n",)}.

    A number, or None, in place of a name is an axis that keeps its size. Raises BadInput for names that do
    not fit the tensors.
    """
    axes: dict[str, list[Axis]] = {}
    for tensor, of_tensor in names.items():
        if tensor not in given:
            raise BadInput(f"{title}: shapes names {tensor}; its tensors are {', '.join(given)}")
        if len(of_tensor) != len(given[tensor]):
            raise BadInput(
                f"{title}: shapes names {len(of_tensor)} axes of {tensor}, which is {_times(given[tensor])}"
            )
        for i, name in enumerate(of_tensor):
            if isinstance(name, str):
                axes.setdefault(name, []).append((tensor, i))
    for name, of_name in axes.items():
        sizes = {axis: given[axis[0]][axis[1]] for axis in of_name}
        if len({*sizes.values()}) > 1:
            told = ", ".join(f"{tensor}[{i}] is {n}" for (tensor, i), n in sizes.items())
            raise BadInput(f"{title}: {name} has two sizes: {told}")
    return Dimensions(axes, given)


def _axes(given: Sizes) -> list[Axis]:
    return [(name, i) for name, size in given.items() for i in range(len(size))]


def _groups(axes: Sequence[Axis]) -> Iterator[Sequence[Axis]]:
    for count in range(1, min(len(axes), MOST_TOGETHER + 1)):
        yield from combinations(axes, count)
    yield axes


def _named(group: Sequence[Axis], given: Sizes) -> str:
    """Name a dimension after the first of its axes; no tensor has that name."""
    name, i = group[0]
    made = f"{name.replace('.', '_')}{i}"
    return f"{made}_" if made in given else made


def _times(size: Sequence[int]) -> str:
    return "x".join(map(str, size)) or "a scalar"
