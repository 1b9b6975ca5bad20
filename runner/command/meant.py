"""What was probably meant: an experiment typed as a command, a dimension typed without `shape.`."""

import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from runner.command.tree import COMMANDS
from runner.errors import UserError, unknown
from runner.files import CONF, experiments


def by_word(word: str) -> str:
    """Word the message for a word that is no command and no key=value."""
    choices = {name: f"experiment={name}" for name in experiments()}
    choices |= {path.stem: f"sweep={path.stem}" for path in (CONF / "sweep").glob("*.yaml")}
    if word in choices:
        kind = choices[word].partition("=")[0]
        article = "an" if kind == "experiment" else "a"
        return f"{word!r} is no command but {article} {kind}; did you mean handgrad {choices[word]}?"
    names = {name: f"handgrad {name}" for name in COMMANDS} | {n: f"handgrad {c}" for n, c in choices.items()}
    nearest = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    hint = f"; did you mean {names[nearest[0]]}?" if nearest else "."
    return f"unknown command {word!r}{hint} There is: {', '.join(sorted(COMMANDS))}; settings are key=value."


def by_key(key: str, settings: Sequence[str]) -> str:
    """Word the message for a key that no setting has: a dimension, a hyper-parameter, or one of a group."""
    of_groups = [setting for setting in settings if setting.endswith(f".{key}")]
    if found := [*_of_formula(key), *of_groups]:
        return f"unknown key {key!r}; did you mean {found[0]!r}?"
    return unknown("key", key, settings)


def _of_formula(key: str) -> Iterable[str]:
    """Return `shape.m` or `params.eps` where the formula that is chosen has such a one."""
    chosen = (re.fullmatch(r"(?:experiment|formula)=([\w,]+)", argument) for argument in sys.argv[1:])
    names = [name for match in chosen if match for name in match[1].split(",")]
    if "." in key or not names:
        return []
    from runner.formula import lookup

    found = []
    for name in names:
        try:
            formula = lookup(_formula_of(name))
        except UserError:
            continue
        found += [f"shape.{key}"] if key in formula.dimensions else []
        found += [f"params.{key}"] if key in formula.parameters else []
    return found


def _formula_of(experiment: str) -> str:
    """Return the formula that an experiment's YAML names, or its own name."""
    path = CONF / "experiment" / f"{experiment}.yaml"
    named = re.search(r"^formula: *(\w+)", path.read_text(), re.MULTILINE) if path.exists() else None
    return named[1] if named else experiment
