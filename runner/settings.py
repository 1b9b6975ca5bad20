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

Clock = Literal["off", "quick", "precise"]
CLOCKS: tuple[Clock, ...] = get_args(Clock)
"""How time is measured, from not at all to well enough to quote."""

Execution = Literal["eager", "compile"]
EXECUTIONS: tuple[Execution, ...] = get_args(Execution)
"""How a derivation is run: as it is written, or as torch.compile makes it."""

Warmth = Literal["warm", "cold"]
WARMTHS: tuple[Warmth, ...] = get_args(Warmth)
"""Of caches and of the heap."""

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
    """How long the clock runs, and in which state of the machine; as in `conf/timing/quick.yaml`, but off."""

    level: str = "off"
    rounds: int = 9
    min_time: float = 0.003
    interval: float | None = None
    max_time: float = 2.0
    cache: str | None = None
    heap: str = "warm"


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
class Report:
    """What is written of the rows, beside report.csv and summary.csv."""

    format: list[str] | None = None


@dataclass
class Config:
    """Everything a user may set."""

    plugins: Any = field(default_factory=list)  # one, or a list of them
    formula: str = MISSING
    derivation: Any = None
    execution: str = "eager"
    shape: dict[str, Any] = field(default_factory=dict)
    enlarge: int = 1
    alone: Any = None  # a name, or a number
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
    report: Report = field(default_factory=Report)
    dry_run: bool = False
    fail_on: str = "suspect_reference"
    quiet: bool = False
    show: bool = False
    explain: bool = False
    debug: bool = False
