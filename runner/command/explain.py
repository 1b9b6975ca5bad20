"""Words Hydra's and OmegaConf's errors for the user: what was wrong, where, and the nearest name."""

import dataclasses
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from hydra.errors import MissingConfigException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from runner.command import meant
from runner.errors import UserError, line_of, short, unknown
from runner.settings import Config

HEADER = "# @package _global_"


def explained(error: BaseException) -> str:
    """Return one message for an error, whichever library it comes from, and the YAML that is at fault."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, YAMLError | UnicodeDecodeError):
        return _unreadable(error)
    yaml = next((found[1] for link in _chain(error) if (found := IN_YAML.match(str(link)))), None)
    return f"{yaml}.yaml: {_said(error, yaml)}" if yaml else _said(error)


def is_input(error: BaseException) -> bool:
    """Tell whether an error of any type is Hydra's answer to what was typed, and not a fault of handgrad."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    raised_by = files if isinstance(error, RecursionError) else files[-1:]
    return any({"hydra", "omegaconf"} & {*Path(file).parts[:-1]} for file in raised_by)


IN_YAML = re.compile(r"In '((?:experiment|sweep|check|timing)/.+?)': ")


def _said(error: BaseException, yaml: str = "") -> str:
    for link in _chain(error):
        if word := next(iter(re.findall(r"Error parsing override '([\w.-]+)'", str(link))), ""):
            return meant.by_word(word)
        if isinstance(link, MissingConfigException):
            group, _, option = str(link.missing_cfg_file).rpartition("/")
            return unknown(group, option, link.options) if link.options is not None else _no_default(link)
        if isinstance(link, ConfigKeyError | ConfigAttributeError) and link.full_key:
            return _unknown_key(link.full_key, yaml)
        if found := re.match(r"Could not override '(.+)'\.\nNo match in the defaults list", str(link)):
            return meant.by_key(found[1], settings())
        if isinstance(link, OmegaConfBaseException) and link.msg:
            first = str(link.msg).splitlines()[0]
            if "Sweep" in str(link) and (mixed := _mixed()):
                return _mixed_sweep(mixed)
            if yaml or link.full_key:
                return f"{link.full_key}: {first}" if link.full_key else first
            return f"{error}: {first}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if str(error).startswith("Config group override must be"):
        return f"{', '.join(_no_names())}: what is chosen of a group is a name, as in experiment=mse"
    if isinstance(error, RecursionError):
        return "the defaults of the configuration name each other in a circle"
    if isinstance(error, AssertionError):
        line = traceback.extract_tb(error.__traceback__)[-1].line
        return f"Hydra refuses this: {line}"
    return str(error) or type(error).__name__


def _unknown_key(key: str, yaml: str) -> str:
    """Word what is wrong with a key; in a YAML whose keys have all been put below its group's, the cause."""
    group = yaml.partition("/")[0]
    if group in ("experiment", "sweep") and re.match(rf"{group}\b|_", key):
        return (
            f"its first line must be `{HEADER}`; without it, its keys are read as {group}.formula and so on"
        )
    return meant.by_key(key, settings())


def _no_default(error: MissingConfigException) -> str:
    return f"there is no {error.missing_cfg_file}.yaml, which its defaults name"


def _unreadable(error: YAMLError | UnicodeDecodeError) -> str:
    """Say in which file, and at which line, the text is not YAML."""
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        return f"{line_of(mark.name, mark.line + 1)}: is not YAML: {error.problem or error.context}"
    frames = (frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__))
    path = next(
        (f["full_path"] for f in frames if "full_path" in f), "a file"
    )  # Hydra's name for what it reads
    return f"{short(path)}: is not YAML: {' '.join(str(error).split())}"


def settings(schema: type = Config, prefix: str = "") -> list[str]:
    """Return every key of the schema, and the group that it has not, as they are typed."""
    names = [] if prefix else ["experiment"]
    for field in dataclasses.fields(schema):
        names.append(prefix + field.name)
        if isinstance(field.type, type) and dataclasses.is_dataclass(field.type):
            names += settings(field.type, f"{prefix}{field.name}.")
    return names


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _no_names() -> list[str]:
    """Return the arguments that choose of a group what is no name."""
    chosen = re.compile(r"(experiment|check|timing|sweep|hydra(/\w+)*)?=(?![\w,.]*[a-zA-Z_])|[\w/]+=null$")
    return [argument for argument in sys.argv[1:] if chosen.match(argument)] or sys.argv[1:]


def _mixed() -> list[str]:
    mixed = re.compile(r"=.*(choice|range|glob|interval)\(.*\).*,|,.*(choice|range)\(")
    return [argument for argument in sys.argv if mixed.search(argument)]


def _mixed_sweep(mixed: list[str]) -> str:
    """Explain the one mistake in a sweep that Hydra reports as an internal error."""
    return (
        f"{', '.join(mixed)}: a sweep function does not mix with a comma list; "
        "write all values in one of them, as in choice(1,2,3) or 1,2,3"
    )
