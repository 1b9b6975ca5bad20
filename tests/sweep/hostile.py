"""y = x, with a derivation that does whatever its mood is: none of it may cost another point its row."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Annotated, Any

import torch
from torch import Tensor

from runner.formula import one_of, register

KEPT: list[Any] = []


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class BareError(BaseException):
    pass


def shapes(n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (n,)}


def raises(error: BaseException) -> Any:
    def act(grad: Tensor) -> None:
        raise error

    return act


def junk(grad: Tensor) -> None:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"junk\0\xff" * 10)
        except OSError:
            continue


def deleted_directory(grad: Tensor) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)


def inference(grad: Tensor) -> None:
    KEPT.append(torch.inference_mode())
    KEPT[-1].__enter__()


def replaces(grad: Tensor) -> None:
    torch.cos = torch.sin


def prints(grad: Tensor) -> None:
    sys.stdout.close()
    os.close(1)


def leaves_process(grad: Tensor) -> None:
    subprocess.Popen(["sleep", "1234"])


def hangs_with_process(grad: Tensor) -> None:
    subprocess.Popen(["sleep", "1234"])
    time.sleep(1000)


def allocates(grad: Tensor) -> None:
    while True:
        KEPT.append(torch.ones(10_000_000))


def freed(grad: Tensor) -> Tensor:
    grad.untyped_storage().resize_(0)
    return grad


ACTS: dict[str, Any] = {
    "good": lambda grad: None,
    "raise": raises(ValueError("no gradient today")),
    "bare": raises(BareError("no gradient either")),
    "cancel": raises(asyncio.CancelledError()),
    "interrupt": raises(KeyboardInterrupt()),
    "unspeakable": raises(UnspeakableError()),
    "surrogate": raises(ValueError("a\ud800b\0c")),
    "ansi": raises(ValueError("\x1b[31mred\x07 \u202e[bold]")),
    "long": raises(ValueError("m" * 10_000_000)),
    "leave": lambda grad: sys.exit(4),
    "directory": lambda grad: os.chdir("/"),
    "deleted": deleted_directory,
    "dtype": lambda grad: torch.set_default_dtype(torch.float64),
    "device": lambda grad: torch.set_default_device("meta"),
    "inference": inference,
    "replaces": replaces,
    "environment": lambda grad: os.environ.update(OMP_NUM_THREADS="bad", HANDGRAD="1"),
    "handler": lambda grad: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
    "recursion": lambda grad: sys.setrecursionlimit(60 + len(__import__("inspect").stack())),
    "prints": prints,
    "fork": lambda grad: os.fork() and None,
    "process": leaves_process,
    "quantised": lambda grad: torch.quantize_per_tensor(grad.float(), 0.1, 0, torch.qint8),
    "sparse": lambda grad: grad.to_sparse(),
    "meta": lambda grad: grad.to("meta"),
    "nested": lambda grad: torch.nested.nested_tensor([grad, grad[1:]]),
    "freed": freed,
    "closes": lambda grad: os.closerange(3, 64),
    "junk": junk,
    # what only a process of its own survives
    "exit": lambda grad: os._exit(3),
    "exit 0": lambda grad: os._exit(0),
    "exit 74": lambda grad: os._exit(74),
    "exit 75": lambda grad: os._exit(75),
    "segfault": lambda grad: ctypes.string_at(0),
    "killed": lambda grad: os.kill(os.getpid(), signal.SIGKILL),
    "sleep": lambda grad: time.sleep(1000),
    "hang": lambda grad: ctypes.PyDLL(None).sleep(1000),  # and keeps the interpreter's lock
    "process hangs": hangs_with_process,
    "allocate": allocates,
}


def forward(x: Tensor, *, mood: Annotated[str, one_of(*ACTS)] = "good") -> Tensor:
    return x * 1


def moody(grad_y: Tensor, mood: str) -> dict[str, Tensor]:
    gradient = grad_y * 1
    instead = ACTS[mood](gradient)
    return {"x": instead if isinstance(instead, Tensor) else gradient}


register(shapes=shapes, forward=forward, gradients=[moody])
