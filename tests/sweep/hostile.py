"""y = x, with a derivation that does whatever its mood is: none of it may cost another point its row."""

import ctypes
import os
import sys
import time
from typing import Annotated

import torch
from torch import Tensor

from runner.formula import one_of, register

MOODS = ("good", "raise", "exit", "leave", "segfault", "sleep", "hang", "allocate")


def shapes(n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (n,)}


def forward(x: Tensor, *, mood: Annotated[str, one_of(*MOODS)] = "good") -> Tensor:
    return x * 1


def moody(grad_y: Tensor, mood: str) -> dict[str, Tensor]:
    match mood:
        case "raise":
            raise ValueError("no gradient today")
        case "exit":
            os._exit(3)
        case "leave":
            sys.exit(4)
        case "segfault":
            ctypes.string_at(0)
        case "sleep":
            time.sleep(1000)
        case "hang":
            ctypes.PyDLL(None).sleep(1000)  # and keeps the interpreter's lock
        case "allocate":
            kept = []
            while True:
                kept.append(torch.ones(10_000_000))
    return {"x": grad_y * 1}


register(shapes=shapes, forward=forward, gradients=[moody])
