"""What a gradient has to do at least: the bytes that it reads and writes once, and its operations."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from runner.judge.counting import Counting, tensors_of


@dataclass(frozen=True)
class Work:
    """Bytes moved between a call and the tensors outside of it, matrix operations, and all operations.

    `flops` are the multiplications and additions of matrix products and convolutions, by the formulas of
    `torch.utils.flop_counter`; `operations` are these, and one for each element that any other operation
    of PyTorch reads or writes, whichever are more.
    """

    bytes: int
    flops: int
    operations: int


def work(call: Callable[[], Any], reads: Iterable[Tensor]) -> Work:
    """Count what a call does that reads the tensors given and returns others."""
    counting = Counting()
    with counting:
        results = call()
    given = _by_address(reads)
    written = {
        address: size for address, size in _by_address(tensors_of(results)).items() if address not in given
    }
    return Work(sum(given.values()) + sum(written.values()), counting.flops, counting.operations)


def _by_address(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Return the bytes of each storage that tensors show: all of it, or what an expanded view has of it."""
    found: dict[int, int] = {}
    for tensor in tensors:
        storage = tensor.untyped_storage()
        shown = min(tensor.numel() * tensor.element_size(), storage.nbytes())
        found[storage.data_ptr()] = max(shown, found.get(storage.data_ptr(), 0))
    return found
