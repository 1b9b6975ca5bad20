"""What belongs to the whole process, and what code that is judged therefore leaves as it was."""

import builtins
import math
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _device, _python_dispatch

from runner.streams import STREAMS

try:
    import fcntl
    import resource
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]
    LIMITS: tuple[int, ...] = ()
else:
    LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)

LOWEST_SPARE = 200
TORCH = str(Path(torch.__file__).parent)
HANDLED = [
    int(getattr(signal, name))
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGCHLD")
    if hasattr(signal, name)
]
DENORMAL = 5e-324
ONE = float("1")  # which the compiler does not multiply by beforehand


@dataclass(frozen=True)
class Setting:
    """One thing that can be read, and put back."""

    read: Callable[[], Any]
    write: Callable[[Any], Any]


def _default_device() -> Any:
    return getattr(_device, "CURRENT_DEVICE", None)  # torch.get_default_device takes a hundred times as long


def _set_default_device(device: Any) -> None:
    torch.set_default_device(device)


def _of_backend(backend: Any, name: str) -> Setting:
    return Setting(lambda: getattr(backend, name), lambda value: setattr(backend, name, value))


def _autocast() -> list[tuple[str, bool, torch.dtype]]:
    kinds = ("cpu", "cuda")
    return [(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in kinds]


def _set_autocast(given: list[tuple[str, bool, torch.dtype]]) -> None:
    for kind, enabled, dtype in given:
        torch.set_autocast_enabled(kind, enabled)
        torch.set_autocast_dtype(kind, dtype)


_entered: list[Any] = []


def _set_inference_mode(on: bool) -> None:
    """Enter the opposite mode, and stay in it: the guard that somebody left open cannot be reached."""
    _entered.append(torch.inference_mode(on))
    _entered[-1].__enter__()


def _modes() -> tuple[list[Any], int]:
    functions = range(torch._C._len_torch_function_stack())
    return [torch._C._get_function_stack_at(i) for i in functions], torch._C._len_torch_dispatch_stack()


def _leave_modes(given: tuple[list[Any], int]) -> None:
    functions, dispatching = given
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()
    for mode in functions:
        torch._C._push_on_torch_function_stack(mode)
    while torch._C._len_torch_dispatch_stack() > dispatching:
        _python_dispatch._pop_mode()


def _anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


OF_NUMBERS: Mapping[str, Setting] = {
    "inference mode": Setting(torch.is_inference_mode_enabled, _set_inference_mode),
    "the default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "the default device": Setting(_default_device, _set_default_device),
    "the modes that see every operation": Setting(_modes, _leave_modes),
    "whether autograd records": Setting(torch.is_grad_enabled, torch._C._set_grad_enabled),
    "autocast": Setting(_autocast, _set_autocast),
    "the number of threads": Setting(torch.get_num_threads, torch.set_num_threads),
    "the deterministic mode": Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    "the precision of float32 products": Setting(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    ),
    "cudnn.deterministic": _of_backend(torch.backends.cudnn, "deterministic"),
    "cudnn.benchmark": _of_backend(torch.backends.cudnn, "benchmark"),
    "whether denormal numbers are kept": Setting(
        lambda: DENORMAL * ONE > 0, lambda kept: torch.set_flush_denormal(not kept)
    ),
}
"""What the numbers of a call depend on: put back after each."""


def _of_numpy() -> tuple[Any, ...]:
    _, key, *rest = np.random.get_state(legacy=True)
    return (np.asarray(key).tobytes(), *rest)


GENERATORS: Mapping[str, Callable[[], Any]] = {
    "Python's random numbers": random.getstate,
    "NumPy's random numbers": _of_numpy,
    "torch's random numbers": lambda: torch.default_generator.get_state().numpy().tobytes(),
}
"""What gives random numbers, with how its state is read; `runner.case.inputs.seeded` puts it back."""


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""


def _change_directory(to: str) -> None:
    with suppress(OSError):  # it may be gone
        os.chdir(to)


def _environment() -> dict[Any, Any]:
    return dict(getattr(os.environ, "_data", os.environ))  # as bytes, in a twentieth of the time


def _set_environment(variables: Mapping[Any, Any]) -> None:
    wanted = {os.fsdecode(name): os.fsdecode(value) for name, value in variables.items()}
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in HANDLED]


def _set_handlers(handlers: list[Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(HANDLED, handlers, strict=True):
            if handler is not None:  # one that was not set from Python
                signal.signal(number, handler)


def _filters() -> tuple[Any, list[Any]]:
    return warnings.showwarning, list(warnings.filters)


def _set_filters(given: tuple[Any, list[Any]]) -> None:
    warnings.showwarning, filters = given
    warnings.filters[:] = filters  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # on leaving it, the module forgets what it has worked out from the filters


def _place(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


_spare: dict[tuple[int, int], int] = {}
"""Copies of the standard descriptors, whose high numbers code that closes all it finds does not reach."""


def _descriptors() -> tuple[tuple[int, int] | None, ...]:
    places = tuple(map(_place, range(len(STREAMS))))
    for number, place in enumerate(places):
        if fcntl and place and _place(_spare.get(place, -1)) != place:
            _spare[place] = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, LOWEST_SPARE)
    return places


def _set_descriptors(given: tuple[tuple[int, int] | None, ...]) -> None:
    for number, (place, other) in enumerate(zip(given, _descriptors(), strict=True)):
        if place and place != other and place in _spare:
            os.dup2(_spare[place], number)
            if other and other not in given:
                os.close(_spare.pop(other))


def _streams() -> tuple[Any, ...]:
    return tuple((stream, getattr(stream, "closed", True)) for stream in (sys.stdin, sys.stdout, sys.stderr))


def _set_streams(given: tuple[Any, ...]) -> None:
    for number, (name, (stream, was_closed)) in enumerate(zip(STREAMS, given, strict=True)):
        if not was_closed and stream.closed:
            mode = "w" if number else "r"
            stream = open(number, mode, closefd=False, errors="backslashreplace")  # noqa: SIM115
        setattr(sys, name, stream)


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in LIMITS]


def _set_limits(given: list[tuple[int, int]]) -> None:
    for limit, (soft, _) in zip(LIMITS, given, strict=True):
        hard = resource.getrlimit(limit)[1]
        with suppress(ValueError, OSError):  # a hard limit that was lowered stays low
            resource.setrlimit(limit, (soft, hard))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _tracers() -> tuple[Any, Any]:
    return sys.gettrace(), sys.getprofile()


def _set_tracers(given: tuple[Any, Any]) -> None:
    sys.settrace(given[0])
    sys.setprofile(given[1])


OF_PROCESS: Mapping[str, Setting] = {
    **OF_NUMBERS,
    "anomaly detection": Setting(_anomaly, lambda given: torch.set_anomaly_enabled(*given)),
    "NumPy's floating-point errors": Setting(np.geterr, lambda given: np.seterr(**given)),
    "the working directory": Setting(_working_directory, _change_directory),
    "the environment": Setting(_environment, _set_environment),
    "the signal handlers": Setting(_handlers, _set_handlers),
    "the warning filters": Setting(_filters, _set_filters),
    "the recursion limit": Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    "the standard descriptors": Setting(_descriptors, _set_descriptors),
    "the standard streams": Setting(_streams, _set_streams),
    "the resource limits": Setting(_limits, _set_limits),
    "the file mode mask": Setting(_umask, os.umask),
    "the trace function": Setting(_tracers, _set_tracers),
}
"""Everything that one point of a sweep could leave to the next."""

BY_IMPORTS = frozenset({"the environment", "the warning filters"})
"""What importing a package may change, as PyTorch's own parts do that are imported when they are needed."""

BY_COMPILING = frozenset({"the recursion limit"})
"""What torch.compile changes while it compiles."""

State = dict[str, Any]
Settings = Mapping[str, Setting]


def settings(of: Settings = OF_NUMBERS) -> State:
    """Return how everything is set."""
    return {name: setting.read() for name, setting in of.items()}


def generators() -> State:
    """Return where every generator of random numbers stands."""
    return {name: state() for name, state in GENERATORS.items()}


def changed(before: State, after: State) -> list[str]:
    """Return the names of what is not as it was."""
    return [name for name, value in before.items() if after[name] != value]


@contextmanager
def kept(of: Settings = OF_NUMBERS) -> Iterator[list[str]]:
    """Put every setting back as it was: what one derivation leaves behind is no fault of the next.

    Gives a list that names, afterwards, what had to be put back.
    """
    before, left = settings(of), list[str]()
    try:
        yield left
    finally:
        left += changed(before, settings(of))
        for name in left:
            of[name].write(before[name])


FUNCTIONS: Mapping[str, Any] = {
    "builtins": builtins, "math": math, "torch": torch, "torch.Tensor": torch.Tensor,
    "torch.nn.functional": torch.nn.functional, "torch.linalg": torch.linalg, "numpy": np,
}  # fmt: skip
"""Where code finds functions that somebody may have replaced, by how it calls the place."""


class Functions:
    """The functions of PyTorch, NumPy and Python as they were when this was made."""

    def __init__(self) -> None:
        self._before = {name: dict(vars(place)) for name, place in FUNCTIONS.items()}

    def replaced(self) -> list[str]:
        """Return what is another function now, as `torch.sin`, and put back what was there."""
        found = []
        for name, before in self._before.items():
            now = vars(FUNCTIONS[name])
            if _is_same(before, now):
                continue
            for attribute, value in before.items():
                if callable(value) and not _is_still(value, now.get(attribute)):
                    found.append(f"{name}.{attribute}")
                    with suppress(AttributeError, TypeError):
                        setattr(FUNCTIONS[name], attribute, value)
            for attribute in [
                added for added in now if added not in before and _hides(FUNCTIONS[name], added)
            ]:
                found.append(f"{name}.{attribute}")
                delattr(FUNCTIONS[name], attribute)
            self._before[name] = dict(vars(FUNCTIONS[name]))
        return found


def _is_still(function: Any, now: Any) -> bool:
    """Tell whether a function is what it was, or PyTorch's compiler, imported meanwhile, has wrapped it."""
    if now is function or getattr(now, "__wrapped__", None) is not function:
        return now is function
    code = getattr(now, "__code__", None)
    return code is not None and code.co_filename.startswith(TORCH)


def _hides(place: Any, attribute: str) -> bool:
    """Tell whether a class has an attribute of its own in place of one that it inherits."""
    return isinstance(place, type) and any(attribute in vars(base) for base in place.__mro__[1:])


def _is_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    with suppress(Exception):  # whatever stands there may not like to be compared
        return len(before) == len(now) and bool(before == now)
    return False
