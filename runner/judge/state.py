"""What belongs to the whole process, and what a gradient therefore leaves as it was."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Setting:
    """One thing that can be read, and put back."""

    read: Callable[[], Any]
    write: Callable[[Any], Any]


def _default_device() -> torch.device:
    return torch.empty(0).device  # torch.get_default_device takes five times as long


def _set_default_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _of_backend(backend: Any, name: str) -> Setting:
    return Setting(lambda: getattr(backend, name), lambda value: setattr(backend, name, value))


def _autocast() -> list[tuple[str, bool, torch.dtype]]:
    kinds = ("cpu", "cuda")
    return [(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in kinds]


def _set_autocast(given: list[tuple[str, bool, torch.dtype]]) -> None:
    for kind, enabled, dtype in given:
        torch.set_autocast_enabled(kind, enabled)
        torch.set_autocast_dtype(kind, dtype)


def _of_numpy() -> tuple[Any, ...]:
    _, key, *rest = np.random.get_state(legacy=True)
    return (np.asarray(key).tobytes(), *rest)


SETTINGS: Mapping[str, Setting] = {
    "the default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "the default device": Setting(_default_device, _set_default_device),
    "whether autograd records": Setting(torch.is_grad_enabled, torch._C._set_grad_enabled),
    "autocast": Setting(_autocast, _set_autocast),
    "the number of threads": Setting(torch.get_num_threads, torch.set_num_threads),
    "the deterministic mode": Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    "the precision of float32 products": Setting(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    ),
    "cudnn.deterministic": _of_backend(torch.backends.cudnn, "deterministic"),
    "cudnn.benchmark": _of_backend(torch.backends.cudnn, "benchmark"),
}
GENERATORS: Mapping[str, Callable[[], Any]] = {
    "Python's random numbers": random.getstate,
    "NumPy's random numbers": _of_numpy,
    "torch's random numbers": lambda: torch.default_generator.get_state().numpy().tobytes(),
}
"""What gives random numbers, with how its state is read; `runner.case.inputs.seeded` puts it back."""

State = dict[str, Any]


def settings() -> State:
    """Return how everything is set."""
    return {name: setting.read() for name, setting in SETTINGS.items()}


def generators() -> State:
    """Return where every generator of random numbers stands."""
    return {name: state() for name, state in GENERATORS.items()}


def changed(before: State, after: State) -> list[str]:
    """Return the names of what is not as it was."""
    return [name for name, value in before.items() if after[name] != value]


@contextmanager
def kept() -> Iterator[None]:
    """Put every setting back as it was: what one derivation leaves behind is no fault of the next."""
    before = settings()
    try:
        yield
    finally:
        for name in changed(before, settings()):
            SETTINGS[name].write(before[name])
