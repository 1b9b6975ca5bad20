"""Words Hydra's and OmegaConf's errors for the user: what was wrong, where, and the nearest name."""

import dataclasses
import re
import sys
from collections.abc import Iterator

from hydra.errors import MissingConfigException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, UnsupportedValueType, ValidationError

from runner.errors import unknown
from runner.settings import Config


def explained(error: BaseException) -> str:
    """Return one message for an error, whichever library it comes from."""
    for link in _chain(error):
        if isinstance(link, MissingConfigException) and link.options is not None:
            group, _, option = str(link.missing_cfg_file).rpartition("/")
            return unknown(group, option, link.options)
        if isinstance(link, ConfigKeyError | ConfigAttributeError) and link.full_key:
            return unknown("key", link.full_key, settings())
        if found := re.match(r"Could not override '(.+)'\.\nNo match in the defaults list", str(link)):
            return unknown("key", found[1], settings())
        if isinstance(link, UnsupportedValueType | ValidationError) and link.msg:
            first = str(link.msg).splitlines()[0]
            if "Sweep" in str(link):
                return _mixed_sweep()
            return f"{link.full_key}: {first}" if link.full_key else f"{error}: {first}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def settings(schema: type = Config, prefix: str = "") -> list[str]:
    """Return every key of the schema, and the groups that it has not, as they are typed."""
    names = [] if prefix else ["experiment", "sweep"]
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


def _mixed_sweep() -> str:
    """Explain the one mistake in a sweep that Hydra reports as an internal error."""
    mixed = [
        a for a in sys.argv if re.search(r"=.*(choice|range|glob|interval)\(.*\).*,|,.*(choice|range)\(", a)
    ]
    return (
        f"{', '.join(mixed) or 'the sweep'}: a sweep function does not mix with a comma list; "
        "write all values in one of them, as in choice(1,2,3) or 1,2,3"
    )
