"""What a process is beside its tensors, and how it is put back as it was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

READ: dict[str, Callable[[], Any]] = {
    "the default dtype": torch.get_default_dtype,
    "the global generator": lambda: torch.get_rng_state().tolist(),
    "the choice of deterministic algorithms": torch.get_deterministic_debug_mode,
}
"""What PyTorch keeps for a whole process, and a derivation has to leave alone."""

RESTORE: dict[str, Callable[[Any], Any]] = {
    "the default dtype": torch.set_default_dtype,
    "the global generator": lambda state: torch.set_rng_state(torch.tensor(state, dtype=torch.uint8)),
    "the choice of deterministic algorithms": torch.set_deterministic_debug_mode,
}


@contextmanager
def kept() -> Iterator[Callable[[], str]]:
    """Put everything back at the end; calling what is yielded says what has changed until now."""
    before = {name: read() for name, read in READ.items()}

    def changed() -> str:
        return next((name for name, read in READ.items() if read() != before[name]), "")

    try:
        yield changed
    finally:
        for name, restore in RESTORE.items():
            restore(before[name])
