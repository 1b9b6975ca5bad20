"""`handgrad compare OLD NEW`: what changed between two reports, with an exit status."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput, unknown

if TYPE_CHECKING:
    from runner.report.changes.change import Changes

DEFAULT = "wrong,accuracy,time:1.10,memory:1.10"


def main(options: argparse.Namespace) -> int:
    """Print the changes; return 0 where nothing that --fail-on names is among them, else 1.

    Raises BadInput for what is no report, and for limits that are none.
    """
    from runner.report.changes.change import changes
    from runner.report.changes.side import Side

    limits = limits_of(options.fail_on)
    old, new = (Side.read(_there(path)) for path in (options.old, options.new))
    found = changes(old, new, limits, across_machines=options.across_machines)
    _tell(found, options)
    return int(bool(found.regressions))


def _tell(found: "Changes", options: argparse.Namespace) -> None:
    from runner.report.changes import told
    from runner.report.page import compared
    from runner.report.signs import console

    is_printed = str(options.markdown) == "-"
    _write(options.csv, lambda path: told.write(found, path))
    _write(options.html, lambda path: compared.write(found, path))
    _write(None if is_printed else options.markdown, lambda path: path.write_text(told.markdown(found)))
    if is_printed:
        print(told.markdown(found), end="")
    else:
        told.show(found, console())


def _write(path: Path | None, write: Callable[[Path], object]) -> None:
    """Write a file that was asked for. Raises BadInput where it cannot be written."""
    try:
        if path:
            write(path)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def _there(path: Path) -> Path:
    if not path.exists():
        raise BadInput(f"{path}: is not there; give the folder of a report, or its report.csv")
    return path


def limits_of(text: str) -> dict[str, float]:
    """Read `wrong,accuracy,time:1.10`: what counts as a regression, and from which ratio on."""
    from runner.report.changes.change import DEFAULT_LIMITS, REGRESSIONS

    limits: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        kind, _, ratio = part.partition(":")
        if kind not in REGRESSIONS:
            raise BadInput(f"--fail-on {text}: {unknown('regression', kind, REGRESSIONS)}")
        limits[kind] = _ratio(text, kind, ratio) if ratio else DEFAULT_LIMITS.get(kind, 1.0)
    return limits


def _ratio(text: str, kind: str, ratio: str) -> float:
    if kind in ("wrong", "gone"):
        raise BadInput(f"--fail-on {text}: {kind} takes no ratio")
    try:
        value = float(ratio)
    except ValueError:
        value = math.nan
    if not 1 < value < math.inf:
        raise BadInput(f"--fail-on {text}: {kind}:{ratio}: must be a number above 1, as in {kind}:1.10")
    return value


def arguments(made: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    made.description = "Compare two reports. Exit status: 0 the same, 1 a regression, 2 bad input."
    made.add_argument("old", metavar="OLD", type=Path, help="folder of a report, or a report.csv")
    made.add_argument("new", metavar="NEW", type=Path, help="the same, of what is compared with it")
    made.add_argument(
        "--fail-on", default=DEFAULT, metavar="WHAT",
        help=f"what is a regression, with the ratio from which it is one: {DEFAULT} (the default), gone",
    )  # fmt: skip
    made.add_argument("--across-machines", action="store_true", help="compare times though machines differ")
    made.add_argument("--csv", type=Path, metavar="FILE", help="write every change as a row")
    made.add_argument("--html", type=Path, metavar="FILE", help="write a page of both, with every gradient")
    made.add_argument("--markdown", type=Path, metavar="FILE", help="write for a pull request; - prints it")
