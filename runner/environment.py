"""Where a result came from: versions, commit, machine."""

import importlib.metadata
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch

from runner.errors import INSTALLED
from runner.names import ABOVE
from runner.record import SCHEMA_VERSION

ROOT = Path(__file__).resolve().parents[1]


@cache
def environment() -> dict[str, Any]:
    """Describe software and machine, under the names of the report's provenance columns and some more."""
    return {
        "handgrad_version": _version("handgrad"),
        "schema_version": SCHEMA_VERSION,
        **commit(ROOT),
        "python_version": platform.python_version(),
        "torch_version": str(torch.__version__),  # its own type parses itself whenever it is compared
        "numpy_version": _version("numpy"),
        "pandas_version": _version("pandas"),
        "hydra_version": _version("hydra-core"),
        "platform": platform.platform(),
        "allocator": " ".join(platform.libc_ver()).strip(),  # how it is told to behave: the column `timing`
        "host": platform.node(),
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        "cuda_version": torch.version.cuda or "",
        "threads": torch.get_num_threads(),
    }


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache
def commit(folder: Path) -> dict[str, Any]:
    """Return the commit of the repository that a folder lies in, and whether anything there differs from it.

    Files that git was never told of count too, but for those that it ignores. The hash stands behind a `g`:
    one such as 27544e573198 would be read as a number. What is installed has no commit: a repository around
    its environment is somebody else's.
    """
    sha = "" if _is_installed(folder) else _git(folder, "rev-parse", "--short=12", "HEAD")
    return {
        "git_sha": f"g{sha}" if sha else "",
        "git_dirty": bool(_git(folder, "status", "--porcelain")) if sha else None,
    }


def _is_installed(folder: Path) -> bool:
    own = bool(ABOVE) and folder.resolve().is_relative_to(ROOT)  # wherever pip was told to put it
    return own or not INSTALLED.isdisjoint(folder.parts)


def _git(folder: Path, *arguments: str) -> str:
    """Ask git about a folder; an unpacked archive has no answer."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def _cpu() -> str:
    """Return the processor's name, which Python itself knows only on some systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
