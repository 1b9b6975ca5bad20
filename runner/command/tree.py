"""The commands of `handgrad` and their options: one argparse tree, whose branches are imported when needed.

A command is a row of COMMANDS and a module with `arguments(parser)`, which declares its options and imports
nothing heavy, and `main(options)`, which returns the exit status.
"""

import argparse
import importlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from runner.errors import UserError, unknown
from runner.names import ABOVE


@dataclass(frozen=True)
class Command:
    """A command, what it does, and the module that does it."""

    name: str
    module: str
    meaning: str

    @property
    def loaded(self) -> Any:
        """The module."""
        return importlib.import_module(f"{ABOVE}runner.{self.module}")


RUN = "run"
COMMANDS = {
    command.name: command
    for command in (
        Command(RUN, "command.app", "run experiments, as `handgrad key=value` does"),
        Command("formulas", "command.formulas", "list the formulas by family, or describe one"),
        Command("judge", "command.judge", "judge a backward that stands in a file: FILE.py::NAME"),
        Command("explain", "command.locate", "say which line of a derivation is wrong, or loses the digits"),
        Command("new", "command.new", "write the page of a formula to start from, a YAML and a test"),
        Command("report", "command.report", "make the report of a folder from its ledger"),
        Command("compare", "command.compare", "say what changed between two reports, with an exit status"),
        Command(
            "machine", "command.machine", "show what this machine can do at most, which floor_ms is made of"
        ),
        Command(
            "selftest", "selftest.command", "plant mistakes into every derivation and count what is caught"
        ),
    )
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are worded as everywhere: what was wrong, and the nearest name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False, formatter_class=_formatter)

    def error(self, message: str) -> NoReturn:
        """Raise UserError."""
        usage = " ".join(self.format_usage().split())
        raise UserError(f"{self.prog}: {message.removeprefix('argument ')}; {usage}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            name = action.metavar if isinstance(action.metavar, str) else action.option_strings[-1]
            raise UserError(f"{self.prog}: {unknown(str(name), value, map(str, action.choices))}")


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(
        prog, max_help_position=28, width=min(100, shutil.get_terminal_size().columns)
    )


def tree(only: Iterable[str] = COMMANDS) -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of the command line, and those of its commands: `only` these with their options."""
    root = Parser(
        prog="handgrad", description="Prove hand-derived gradients right.",
        epilog="handgrad run --help has every setting. eval \"$(handgrad -sc install=bash)\" completes "
        "commands, options and settings with the Tab key (zsh too; fish: handgrad -sc install=fish | source)",
    )  # fmt: skip
    root.add_argument("--version", action="store_true", help="of handgrad, PyTorch and Hydra")
    branches = root.add_subparsers(metavar="COMMAND", dest="command", parser_class=Parser)
    parsers: dict[str, Parser] = {}
    for name, command in COMMANDS.items():
        parsers[name] = branches.add_parser(
            name, help=command.meaning, description=_sentence(command.meaning)
        )
        if name in only and name != RUN:
            command.loaded.arguments(parsers[name])
    return root, parsers


def _sentence(meaning: str) -> str:
    return f"{meaning[0].upper()}{meaning[1:]}."


def parsed(name: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Read the arguments of a command; raises UserError for what it does not know."""
    _, parsers = tree([name])
    parser = parsers[name]
    options, others = parser.parse_known_args(arguments)
    if others:
        first = others[0].partition("=")[0]
        if first.startswith("-"):
            raise UserError(f"{parser.prog}: {unknown('option', first, options_of(parser))}")
        usage = " ".join(parser.format_usage().split())
        raise UserError(f"{parser.prog}: {' '.join(others)}: one argument too many; {usage}")
    return options


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the long options of a parser."""
    return [option for action in parser._actions for option in action.option_strings if option[:2] == "--"]
