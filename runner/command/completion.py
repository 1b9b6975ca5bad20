"""Completion of commands and their options, through the completion that Hydra installs in a shell.

A shell has one completion for a program. Hydra's knows settings and config groups, which no other could. What
it asks (`handgrad -sc query=bash`, with the line in COMP_LINE) is answered here where a command of the tree
is typed, and by Hydra everywhere else.
"""

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from runner.command.tree import COMMANDS, RUN, tree

FLAGS = ("-sc", "--shell-completion")
FILES = ("DIR", "FILE", "PATH", "OLD", "NEW")
"""A metavar that contains one of these is that of a path."""


def is_asked(arguments: Sequence[str]) -> bool:
    """Tell whether a shell asks what may follow."""
    return bool(arguments) and arguments[0] in FLAGS and "COMP_LINE" in os.environ


def answered(line: str, arguments: Sequence[str]) -> bool:
    """Print what may follow, one word a line; return whether Hydra has nothing to add."""
    typed = line.split()[1:]
    current = "" if line.endswith(" ") or not typed else typed.pop()
    if not typed:
        if not current.startswith("-"):
            _print(name for name in COMMANDS if name.startswith(current))
            return False  # a setting may begin alike
        _print(option for option in ("--help", "--version") if option.startswith(current))
        return False
    if typed[0] == RUN or typed[0] not in COMMANDS:
        return False
    _print(candidates(typed[0], typed[1:], current))
    return True


def _print(words: Iterable[str]) -> None:
    for word in words:
        print(word)


def candidates(command: str, before: Sequence[str], current: str) -> list[str]:
    """Return what may follow the words of a command: options, choices, or paths."""
    parser = tree([command])[1][command]
    actions = {option: action for action in parser._actions for option in action.option_strings}
    last = actions.get(before[-1]) if before else None
    if last is not None and last.nargs != 0:
        found = _values(last, current)
        if last.nargs is None:
            return found
    elif current.startswith("-"):
        found = []
    else:
        found = [value for action in _positionals(parser) for value in _values(action, current)]
    used = {*before} if before else set[str]()
    options = [
        option
        for option, action in actions.items()
        if option[:2] == "--" and option not in used and option.startswith(current or "--")
    ]
    return found + options


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _values(action: argparse.Action, current: str) -> list[str]:
    known = getattr(action, "completer", None)
    choices: Iterable[object] | None = known() if known else action.choices
    if choices is not None:
        return [value for value in map(str, choices) if value.startswith(current)]
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    return _paths(current) if any(name in metavar for name in FILES) else []


def _paths(current: str) -> list[str]:
    """Return the files and folders that a path may become."""
    folder, _, start = current.rpartition("/")
    place = Path(folder or ("/" if current.startswith("/") else "."))
    prefix = f"{folder}/" if "/" in current else ""
    try:
        found = sorted(place.iterdir())
    except OSError:
        return []
    names = ((path, path.name) for path in found if path.name.startswith(start))
    return [f"{prefix}{name}/" if path.is_dir() else f"{prefix}{name}" for path, name in names]
