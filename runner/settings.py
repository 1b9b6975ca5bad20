"""Every setting with its type and default; the meaning of each stands in `conf/config.yaml`.

Plain dataclasses: what reads settings needs no Hydra, which makes its schema of them (`command/schema.py`).
"""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Level = Literal["off", "quick", "full"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""Of checks, from none to all."""

Precision = Literal["auto", "float64", "float32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""In which dtype correctness is decided; `auto` measures what a derivation has."""

MISSING = "???"  # what Hydra takes for a setting that has no default


@dataclass
class Inputs:
    """How inputs are drawn when a formula does not draw them itself, or the file that has them."""

    distribution: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    ids: str | None = None
    file: str | None = None


@dataclass
class Timing:
    """How long each clock runs; `rounds: 0` measures no time."""

    rounds: int = 0
    block_ms: float = 1.0


@dataclass
class Check:
    """Which properties are checked."""

    level: str = "off"
    second_order: bool = False


@dataclass
class Resume:
    """What a sweep does with the records that its folder holds already."""

    retry: bool = True
    fresh: bool = False


@dataclass
class Limits:
    """What one point of a sweep may take."""

    timeout_s: float | None = 600.0
    memory_gb: float | None = None


@dataclass
class Config:
    """Everything a user may set."""

    plugins: Any = field(default_factory=list)  # one, or a list of them
    formula: str = MISSING
    derivation: Any = None
    shape: dict[str, Any] = field(default_factory=dict)
    enlarge: int = 1
    params: dict[str, Any] = field(default_factory=dict)
    seed: int = 42
    device: str = "cpu"
    dtype: str = "float32"
    precision: str | None = None
    upstream: str | None = None
    inputs: Inputs = field(default_factory=Inputs)
    check: Check = field(default_factory=Check)
    timing: Timing = field(default_factory=Timing)
    workers: int = 0
    cluster: str | None = None
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
    sweep: Resume = field(default_factory=Resume)
    fail_on: str = "suspect_reference"
    quiet: bool = False
    show: bool = False
    debug: bool = False
