"""The console script `handgrad` and its commands; without one it is the Hydra app."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from runner.errors import UserError, unknown

BAD_INPUT = 2


def run(arguments: Sequence[str]) -> NoReturn:
    """Hand the rest of the command line to the Hydra app."""
    try:
        from runner.command import app

        sys.argv[1:] = arguments
        app.main()
    except KeyboardInterrupt:  # while it starts, when there is nothing to report
        sys.exit(130)


def selftest(arguments: Sequence[str]) -> int:
    """Judge the judge."""
    from runner.selftest import command

    return command.main(arguments)


def report(arguments: Sequence[str]) -> int:
    """Make a report again."""
    from runner.report import __main__ as command

    return command.main(arguments)


def judge(arguments: Sequence[str]) -> int:
    """Judge a backward that stands in a file."""
    from runner.command import judge as command

    return command.main(arguments)


def new(arguments: Sequence[str]) -> int:
    """Write what a formula starts from."""
    from runner.command import new as command

    return command.main(arguments)


def compare(arguments: Sequence[str]) -> int:
    """Compare two reports."""
    from runner.command import compare as command

    return command.main(arguments)


def machine(arguments: Sequence[str]) -> int:
    """Show what the machine can do at most."""
    from runner.command import machine as command

    return command.main(arguments)


COMMANDS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "run": (run, "run experiments, as `handgrad key=value` does"),
    "judge": (judge, "judge a backward that stands in a file: FILE.py::NAME"),
    "new": (new, "write the page of a formula to start from, a YAML and a test"),
    "report": (report, "make the CSV of a folder from its ledger"),
    "compare": (compare, "say what changed between two reports, with an exit status"),
    "machine": (machine, "show what this machine can do at most, which floor_ms is made of"),
    "selftest": (selftest, "plant mistakes into every derivation and count what is caught"),
}


def main() -> NoReturn:
    """Run a command; exit with its status, or 2 for bad input."""
    first, rest = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if first in ("-h", "--help"):
        parser().print_help()
        sys.exit(0)
    if first == "--version":
        from importlib.metadata import version

        print(f"handgrad {version('handgrad')}")
        sys.exit(0)
    try:
        if first in COMMANDS:
            sys.exit(COMMANDS[first][0](rest))
        if first.replace("_", "a").replace("-", "a").isalnum() and not first.startswith("-"):
            raise UserError(unknown("command", first, COMMANDS))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    run(sys.argv[1:])


def parser() -> argparse.ArgumentParser:
    """Return what prints the help: every command in a line."""
    made = argparse.ArgumentParser(
        prog="handgrad", description="Prove hand-derived gradients right.", add_help=True,
        epilog="handgrad run --help has every setting; -sc install=bash completes them with the Tab key.",
    )  # fmt: skip
    commands = made.add_subparsers(metavar="COMMAND")
    for name, (_, meaning) in COMMANDS.items():
        commands.add_parser(name, help=meaning)
    return made
