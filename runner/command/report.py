"""`handgrad report DIR`: make the report of a folder anew from its ledger, also while its sweep runs."""

import argparse
from pathlib import Path

from runner.errors import UserError
from runner.verdicts import VERDICTS


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "Make report.csv and summary.csv of a folder anew from its ledger.jsonl, also while its sweep is "
        "running: the rows are those that are there."
    )
    parser.epilog = "Exit status 0 if every row is right, 1 if one is not, 2 for bad input."
    parser.add_argument("folder", metavar="DIR", type=Path, help="what has a ledger.jsonl")
    parser.add_argument(
        "--fail-on", default="suspect_reference", choices=VERDICTS, metavar="VERDICT",
        help=f"exit status 1 from this verdict on: {', '.join(VERDICTS)}; suspect_reference",
    )  # fmt: skip
    parser.add_argument(
        "--format",
        default="csv,html",
        metavar="NAME[,NAME]",
        help="csv, html, parquet; csv,html by default, and report.csv in any case",
    )
    parser.add_argument(
        "--figures",
        action="store_true",
        help="draw the plots for a paper too, as SVG and PNG in DIR/figures; needs the extra `figures`",
    )


def main(options: argparse.Namespace) -> int:
    """Return the exit status of the rows that are there. Raises UserError where there is no ledger."""
    from runner.report.formats import BESIDE_CSV, FIGURES, chosen
    from runner.report.publish import publish
    from runner.sweep import ledger

    formats = chosen(options.format.split(","))
    if options.figures:
        BESIDE_CSV[FIGURES].check()
        formats.append(FIGURES)
    if not (options.folder / ledger.NAME).is_file():
        raise UserError(f"{options.folder}: {_lacks(options.folder, ledger.NAME)}")
    try:
        return publish(options.folder, options.fail_on, also=formats, ran_here=False)
    except OSError as error:
        raise UserError(f"{error.filename or options.folder}: {error.strerror}") from error


def _lacks(folder: Path, name: str) -> str:
    if not folder.is_dir():
        return "there is no such folder"
    below = sorted(path.parent for pattern in (f"*/{name}", f"*/*/{name}") for path in folder.glob(pattern))
    hint = f"; did you mean {below[-1]}?" if below else ""
    return f"has no {name}, of which a report is made{hint}"
