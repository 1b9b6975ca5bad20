"""How each step and each name moves the result: one run with recording on, and a few passes back."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from runner.locate.names import Names
from runner.locate.record import Watch
from runner.locate.subject import Subject
from runner.locate.trace import Key, Trace

MOST_NUMBERS = 8 * 2**20
"""Of all derivatives together, 64 MiB in float64."""

ROWS = 24, 256
"""Of the derivatives: at least, and at most; of all gradients' numbers together, or of mixtures of them."""

VIEWS = frozenset({
    "__getitem__", "__get__", "T", "mT", "view", "view_as", "reshape", "transpose", "permute", "movedim",
    "unsqueeze", "squeeze", "chunk", "split", "diagonal", "expand", "expand_as", "unbind", "swapaxes",
    "narrow", "flatten", "unflatten", "select", "detach",
})  # fmt: skip


@dataclass(frozen=True)
class Influence:
    """The derivative of mixtures of all gradients by each step's first result, and by each name.

    A matrix has a row for each mixture; a step that moves nothing has none.
    """

    of_step: Mapping[int, Tensor]
    of_name: Mapping[Key, Tensor]


def rows_for(trace: Trace) -> int:
    """Return how many rows the derivatives of a run may have."""
    numbers = sum(step.value.numel() for step in trace.steps.values())
    numbers += sum(binding.value.numel() for binding in trace.bindings)
    return max(ROWS[0], min(ROWS[1], MOST_NUMBERS // max(numbers, 1)))


@lru_cache(maxsize=64)
def sketch(numbers: int, share: float) -> Tensor:
    """Return what is differentiated of a gradient: its numbers where it may have a row for each, or mixtures.

    Two results agree in every number if they do so in a few random mixtures.
    """
    rows = max(2, int(share))
    if numbers <= rows:
        return torch.eye(numbers, dtype=torch.float64)
    generator = torch.Generator().manual_seed(numbers)
    drawn = torch.randn(rows, numbers, generator=generator, dtype=torch.float64)
    return drawn / math.sqrt(numbers)


class _Probing(Watch):
    """Adds a zero to each result, by which the gradients are then differentiated."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace
        self.zeros: dict[int, Tensor] = {}
        self.writes = any(step.writes for step in trace.steps.values())

    def see(self, index: int, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Make the call on its own copies, so that a later write spoils nothing that autograd keeps."""
        step = self.trace.steps.get(index)
        is_view = step is not None and step.name in VIEWS
        if step is not None and step.writes:
            first, *rest = args
            args = (first, *tree_map(_copy, tuple(rest)))
        elif not is_view:
            args, kwargs = tree_map(_copy, args), tree_map(_copy, dict(kwargs))
        result = func(*args, **kwargs)
        if step is None or not step.value.is_floating_point():
            return result
        if step.writes:
            self._add(index, args[0])
            return result
        if is_view and self.writes and isinstance(result, Tensor):
            return result
        if isinstance(result, Tensor):
            return result + self._zero(index, result)
        if isinstance(result, tuple | list) and isinstance(result[0], Tensor):
            return type(result)([result[0] + self._zero(index, result[0]), *result[1:]])
        return result

    def _zero(self, index: int, like: Tensor) -> Tensor:
        zero = torch.zeros(like.shape, dtype=like.dtype, requires_grad=True)
        self.zeros[index] = zero
        return zero

    def _add(self, index: int, target: Tensor) -> None:
        target.add_(self._zero(index, target))


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) and value.is_floating_point() else value


def influence(
    subject: Subject, trace: Trace, mixed: Callable[[Mapping[str, Tensor]], Tensor]
) -> Influence | None:
    """Differentiate mixtures of a run's gradients by its steps and names.

    None where PyTorch cannot, or where it is too much.
    """
    probing = _Probing(trace)
    written = {step.memory for step in trace.steps.values() if step.writes}
    # where its storage is written to, a name is no value of its own
    bindings = [b for b in trace.bindings if b.value.is_floating_point() and b.memory not in written]
    adding = {binding.key: _AtName() for binding in bindings}
    try:
        mixtures = mixed(subject.run(probing, Names(None, adding), graph=True))
        if probing.calls != trace.calls:
            return None
        named = {b.key: zero for b in bindings if (zero := adding[b.key].zero_like(b.value)) is not None}
        matrices = _differentiated(mixtures, [*probing.zeros.values(), *named.values()])
    except Exception:  # an operation without a derivative, or one that writes where autograd keeps
        return None
    if matrices is None:
        return None
    found = [*zip([*probing.zeros, *named], matrices, strict=True)]
    split = len(probing.zeros)
    return Influence(
        {index: m for index, m in found[:split] if isinstance(index, int) and m is not None},
        {key: m for key, m in found[split:] if isinstance(key, tuple) and m is not None},
    )


class _AtName:
    """Adds a zero to what a name gets."""

    def __init__(self) -> None:
        self.zero: Tensor | None = None

    def __call__(self, value: Tensor) -> Tensor:
        with torch.enable_grad():
            self.zero = torch.zeros(value.shape, dtype=value.dtype, requires_grad=True)
            return value + self.zero

    def zero_like(self, value: Tensor) -> Tensor | None:
        """Return the zero that was added, if it was to a value of that shape."""
        return self.zero if self.zero is not None and self.zero.shape == value.shape else None


def _differentiated(mixtures: Tensor, leaves: Sequence[Tensor]) -> Sequence[Tensor | None] | None:
    """Return a matrix for each leaf, of all rows in one pass back; None where that is too much."""
    if not mixtures.requires_grad:
        return [None for _ in leaves]
    if len(mixtures) * sum(leaf.numel() for leaf in leaves) > MOST_NUMBERS:
        return None
    rows = torch.eye(len(mixtures), dtype=torch.float64)
    parts = torch.autograd.grad(mixtures, leaves, rows, is_grads_batched=True, allow_unused=True)
    return [None if part is None else part.reshape(len(rows), -1).double() for part in parts]
