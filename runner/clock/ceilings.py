"""What a machine can do at most: how fast it copies data of each size, and multiplies matrices.

Measured once for each processor, number of threads and version of PyTorch, and kept in a file with the
date; `measure` again where that was a bad moment. The best of several tries counts, not their median: these
are limits.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from runner.environment import environment
from runner.place import beside

SIZES = tuple(4 << power for power in range(10, 28, 2))  # bytes moved: 4 KiB to 256 MiB
SECONDS = 0.02  # for which each thing is tried
TRIES = 40  # of which one at least should have the machine to itself
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Ceilings:
    """The least seconds in which data of some sizes is moved, and the most flops a second of each dtype."""

    machine: str
    measured_at: str
    seconds: Mapping[int, float]
    flops: Mapping[str, float]

    def least_seconds_to_move(self, size: int) -> float:
        """Return how long the machine takes for so many bytes, of which each is read or written once.

        Between two sizes that were measured by the line through them, above the largest at its bandwidth.
        """
        known = sorted(self.seconds)
        if size <= known[0]:
            return self.seconds[known[0]]
        if size >= known[-1]:
            return self.seconds[known[-1]] * size / known[-1]
        above = next(i for i, one in enumerate(known) if one >= size)
        low, high = known[above - 1], known[above]
        part = math.log(size / low) / math.log(high / low)
        return math.exp((1 - part) * math.log(self.seconds[low]) + part * math.log(self.seconds[high]))

    def least_seconds_to_compute(self, flops: int, dtype: torch.dtype) -> float:
        """Return how long so many operations of matrix products take, in a dtype or in float32 if faster."""
        rates = [self.flops.get(str(dtype), 0.0)]
        if dtype in (torch.bfloat16, torch.float16):
            rates.append(self.flops.get(str(torch.float32), 0.0))
        return flops / max(rates) if max(rates) else 0.0


def ceilings(device: torch.device, *, again: bool = False) -> Ceilings:
    """Return what is known of a device with the threads of now; measure it the first time, or `again`."""
    key = f"{_name(device)}, threads={torch.get_num_threads()}, PyTorch {torch.__version__}"
    if again or key not in _known:
        _known[key] = _kept(key, device, again)
    return _known[key]


_known: dict[str, Ceilings] = {}


def folder() -> Path:
    """Return where the file lies: in the user's own cache, as other programs keep what they can make anew."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handgrad"


def _kept(key: str, device: torch.device, again: bool) -> Ceilings:
    """Read the file, or measure and write it, one process at a time; without a file for now alone."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with FileLock(folder() / "ceilings.lock"):
            path = folder() / "ceilings.json"
            stored = _read(path)
            if again or key not in stored:
                stored[key] = _measured(device)
                with beside(path) as unfinished:
                    unfinished.write_text(json.dumps(stored, indent=1) + "\n")
            return _ceilings(key, stored[key])
    except OSError:
        return _ceilings(key, _measured(device))


def _read(path: Path) -> dict[str, Any]:
    """Return what the file holds; nothing where it is damaged, for it is made anew."""
    try:
        stored = json.loads(path.read_text())
        for key, one in stored.items():
            _ceilings(key, one)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return dict(stored)


def _ceilings(key: str, data: Mapping[str, Any]) -> Ceilings:
    seconds = {int(size): float(value) for size, value in data["seconds"].items()}
    return Ceilings(key, str(data["measured_at"]), seconds, {n: float(v) for n, v in data["flops"].items()})


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else environment()["cpu"]


def _measured(device: torch.device) -> dict[str, Any]:
    with torch.no_grad():
        return {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {str(size): _moving(size, device) for size in SIZES},
            "flops": {str(dtype): rate for dtype in DTYPES if (rate := _multiplying(dtype, device))},
        }


def _moving(size: int, device: torch.device) -> float:
    """Return the least seconds for `size` bytes: half of them read and half written, or two thirds read."""
    n = size // 12
    a, b, c = (torch.ones(count, device=device) for count in (n, n, n))
    x, y = torch.ones(size // 8, device=device), torch.ones(size // 8, device=device)
    added = _best(lambda: torch.add(a, b, out=c), device)
    return min(added, _best(lambda: y.copy_(x), device))


def _multiplying(dtype: torch.dtype, device: torch.device) -> float:
    """Return the most operations a second in the product of two square matrices; 0 where there is none."""
    best, n = 0.0, 256
    while True:
        try:
            a = torch.ones(n, n, dtype=dtype, device=device)
            seconds = _best(partial(torch.matmul, a, a), device)
        except (RuntimeError, TypeError):
            return best
        best = max(best, 2 * n**3 / seconds)
        if seconds > 5e-3 or n >= 8192:
            return best
        n *= 2


def _best(call: Callable[[], Any], device: torch.device) -> float:
    """Return the least seconds of a call in a few short blocks."""
    once = max(_block(call, 1, device), 1e-7)
    calls = max(1, round(SECONDS / TRIES / once))
    return min(_block(call, calls, device) for _ in range(TRIES))


def _block(call: Callable[[], Any], calls: int, device: torch.device) -> float:
    _synchronize(device)
    began = time.perf_counter()
    for _ in range(calls):
        call()
    _synchronize(device)
    return (time.perf_counter() - began) / calls


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
