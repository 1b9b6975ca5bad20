"""`handgrad report FOLDER`, or `python -m runner.report FOLDER`: make a report again from its ledger."""

import sys
from collections.abc import Sequence
from pathlib import Path

from runner.report.publish import publish
from runner.report.signs import console
from runner.sweep import ledger
from runner.verdicts import VERDICTS

USAGE = "usage: handgrad report FOLDER [fail_on=VERDICT], where FOLDER has a ledger.jsonl"


def main(arguments: Sequence[str]) -> int:
    """Return the exit status of the rows that are there, or 2 for a wrong command."""
    folder, *rest = [*arguments] or [""]
    fail_on = rest[0].removeprefix("fail_on=") if rest else "suspect_reference"
    if not Path(folder, ledger.NAME).is_file() or fail_on not in VERDICTS or len(rest) > 1:
        console().print(USAGE, markup=False)
        return 2
    return publish(Path(folder), fail_on, ran_here=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
