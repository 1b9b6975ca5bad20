"""What a run of a derivation did: each expression that makes a tensor, and each name that gets one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from runner.locate.place import Place


def called(bound: Callable[[], Any]) -> Any:
    """Call what is watched: the frame above all of its frames."""
    return bound()


ROOT = called.__code__


def tensors_of(value: Any) -> list[Tensor]:
    """Return the tensors in an argument or a result, in order."""
    if isinstance(value, Tensor):
        return [value]
    return [part for part in tree_flatten(value)[0] if isinstance(part, Tensor)]


def frozen(tensor: Tensor) -> Tensor:
    """Keep the numbers of a tensor as they are now."""
    return tensor.detach().clone()


def is_in_place(name: str) -> bool:
    """Tell from an operation's name whether it writes to its first argument."""
    return (
        name == "__setitem__"
        or (name.endswith("_") and not name.endswith("__"))
        or (
            name.startswith("__i")
            and name.endswith("__")
            and name not in ("__invert__", "__index__", "__int__")
        )
    )


@dataclass(eq=False)
class Step:
    """One call of PyTorch that makes or changes a tensor.

    `index` counts the calls of a run; `operands` and `results` hold the numbers as they were then; `named`
    are names that the result is bound to later, `sources` the steps that each operand comes from, `memory` is
    where the result lies.
    """

    index: int
    func: Callable[..., Any]
    name: str
    args: Any
    kwargs: Mapping[str, Any]
    place: Place
    operands: list[Tensor]
    results: list[Tensor]
    writes: bool
    sources: frozenset[int]
    nodes: list[Any] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    memory: int = 0

    @property
    def value(self) -> Tensor:
        """The numbers that it made; of several tensors the first."""
        return self.results[0]

    @cached_property
    def called(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Its arguments with the numbers that they had then."""
        leaves, spec = tree_flatten((tuple(self.args), dict(self.kwargs)))
        kept = iter(self.operands)
        args, kwargs = tree_unflatten([next(kept) if isinstance(p, Tensor) else p for p in leaves], spec)
        return args, kwargs


Key = tuple[str, int, str, int, int]
"""One binding of a run: file, line of its function, name, line, and how many of these there were before."""


@dataclass(eq=False)
class Binding:
    """A name that gets a tensor which was there before: an alias, or an argument."""

    key: Key
    name: str
    place: Place
    value: Tensor
    time: int
    source: int | None
    is_argument: bool
    memory: int = 0

    @property
    def is_entry(self) -> bool:
        """Whether it is no name, but what a function returns under a key."""
        return self.key[2].startswith("[")

    @property
    def meant(self) -> str:
        """What it is given as: the name, or the key."""
        return self.key[2].strip("[']")


Part = Step | Binding
"""What may be replaced in a run."""


@dataclass
class Trace:
    """What a run did: its steps by index, names that were bound, what it returned, in what order."""

    steps: dict[int, Step] = field(default_factory=dict)
    bindings: list[Binding] = field(default_factory=list)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    returned: dict[str, int | None] = field(default_factory=dict)  # the step that made each gradient
    entries: dict[str, Place] = field(default_factory=dict)  # the line that put it under its name
    entered: dict[str, list[Place]] = field(default_factory=dict)  # the lines that put it under any
    given: frozenset[int] = frozenset()  # the memory of what it was given
    codes: dict[CodeType, None] = field(default_factory=dict)  # of the functions that ran
    reads_numbers: bool = False
    calls: int = 0

    def ancestors(self, indices: Iterator[int] | set[int]) -> set[int]:
        """Return the steps that these steps come from, and themselves."""
        found: set[int] = set()
        waiting = [*indices]
        while waiting:
            index = waiting.pop()
            if index not in found and index in self.steps:
                found.add(index)
                waiting += self.steps[index].sources
        return found
