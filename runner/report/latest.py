"""What the last sweep said of each formula, from its summary.csv; imports neither PyTorch nor pandas."""

import csv
from pathlib import Path

from runner.errors import UserError
from runner.report.counts import place

OUTPUTS = Path("outputs")
SUMMARY, OF_A_SWEEP = "summary.csv", "multirun.yaml"
NEEDED = ("formula", "derivation", "dtype", "verdict")


def latest_sweep(below: Path = OUTPUTS) -> Path | None:
    """Return the folder of the sweep below `outputs` whose summary is the newest, if there is one."""
    summaries = [path for depth in ("*", "*/*") for path in below.glob(f"{depth}/{SUMMARY}")]
    sweeps = [path for path in summaries if (path.parent / OF_A_SWEEP).is_file()]
    return max(sweeps, key=lambda path: path.stat().st_mtime).parent if sweeps else None


def worst_verdicts(folder: Path) -> dict[str, str]:
    """Return the worst verdict of each formula, by all that a sweep asked of it.

    `unsupported` is one only where nothing was judged. Raises UserError where a folder has no summary.
    """
    worst: dict[str, str] = {}
    for row in _rows(folder):
        worst[row["formula"]] = max(worst.get(row["formula"], "unsupported"), row["verdict"], key=_badness)
    return worst


def said_of(folder: Path, formula: str) -> list[tuple[str, str, str]]:
    """Return derivation, dtype and worst verdict of each line that a summary has of a formula."""
    rows = (row for row in _rows(folder) if row["formula"] == formula)
    return [(row["derivation"], row["dtype"], row["verdict"]) for row in rows]


def _rows(folder: Path) -> list[dict[str, str]]:
    try:
        with (folder / SUMMARY).open(newline="") as file:
            return [{name: row[name] for name in NEEDED} for row in csv.DictReader(file)]
    except FileNotFoundError:
        raise UserError(f"{folder}: has no {SUMMARY}, which a sweep writes") from None
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{folder / SUMMARY}: is no summary of a sweep: {error}") from error


def _badness(verdict: str) -> int:
    """Rank a verdict: nothing judged, then from best to worst; one that is not known is the worst."""
    return -1 if verdict == "unsupported" else place(verdict)
