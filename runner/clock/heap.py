"""Where large results lie: in memory that the process has already, or in fresh pages of the system.

glibc takes what is larger than 128 KiB (later 32 MiB) from the system and gives it back at once, so that
every call of a gradient pays for its page faults: a copy of 64 MiB takes several times as long as one into
memory that is in use. In a training loop a caching allocator or a warm heap spares that.
"""

import ctypes
import platform
from functools import cache

from runner.settings import Warmth

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # of malloc.h
SETTINGS = {
    "warm": {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1},
    "cold": {M_MMAP_MAX: 65536, M_MMAP_THRESHOLD: 128 << 10, M_TRIM_THRESHOLD: 128 << 10},
}
WORTH_TRIMMING = 64 << 20  # bytes

_state = ""


def set_heap(warmth: Warmth) -> None:
    """Tell malloc what to do with large memory from now on; without glibc nothing is changed."""
    global _state
    if _state == warmth or not is_glibc():
        return
    for parameter, value in SETTINGS[warmth].items():
        ctypes.CDLL(None).mallopt(parameter, value)
    _state = warmth


def trim(used: int) -> None:
    """Give memory that nobody uses back to the system, where a gradient took many bytes of it."""
    if used > WORTH_TRIMMING and is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


@cache
def is_glibc() -> bool:
    """Whether the C library is the one whose heap can be told; an allocator loaded before it is not asked."""
    return platform.libc_ver()[0] == "glibc" and hasattr(ctypes.CDLL(None), "mallopt")
