"""Where a result came from: versions, commit, machine."""

import importlib.metadata
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]


@cache
def environment() -> dict[str, Any]:
    """Describe software and machine, under the names of the report's provenance columns and some more."""
    return {
        "handgrad_version": _version("handgrad"),
        "git_sha": _git("rev-parse", "--short=12", "HEAD"),
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "python_version": platform.python_version(),
        "torch_version": str(torch.__version__),  # its own type parses itself whenever it is compared
        "numpy_version": _version("numpy"),
        "pandas_version": _version("pandas"),
        "hydra_version": _version("hydra-core"),
        "platform": platform.platform(),
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


def _git(*arguments: str) -> str:
    """Ask git about the checkout; an unpacked archive has no answer."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True, timeout=10
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
