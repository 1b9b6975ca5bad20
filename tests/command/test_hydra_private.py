"""Hydra's private names are where they were; each test says in words which has moved."""

import ast
import inspect
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from runner.command import hydra_private
from tests.test_layers import ROOT

OURS = "runner/command/hydra_private.py"
PRIVATE = [
    (ConfigLoaderImpl, "_parse_overrides_and_create_caching_repo", ["self", "config_name", "overrides"]),
    (ConfigLoaderImpl, "_apply_overrides_to_config", ["overrides", "cfg"]),
]


@pytest.mark.parametrize(
    ("place", "name", "takes"), PRIVATE, ids=lambda part: getattr(part, "__name__", part)
)
def test_a_private_function_takes_what_it_took(place: type, name: str, takes: list[str]) -> None:
    found = getattr(place, name, None)
    assert found, f"Hydra has moved {place.__name__}.{name}, which {OURS} calls"
    now = list(inspect.signature(found).parameters)
    assert now == takes, f"{place.__name__}.{name} takes {now} now, and {OURS} gives it {takes}"


def test_an_override_keeps_what_is_swept_in_value() -> None:
    parser = OverridesParser.create()
    assert hydra_private.whole_range(parser.parse_override("a=range(3,9,2)")) == range(3, 9, 2), (
        f"Hydra has moved Override._value or RangeSweep.range, which {OURS} reads"
    )
    for other in ("a=1,2", "a=shuffle(range(3))", "a=range(0,1,0.5)", "a=1"):
        assert hydra_private.whole_range(parser.parse_override(other)) is None


@pytest.mark.parametrize("value", [0, -3, 2**70])
def test_an_integer_is_the_override_that_the_grammar_reads(value: int) -> None:
    fields = [*Override.__dataclass_fields__]
    assert {"type", "key_or_group", "value_type", "_value", "input_line"} <= {*fields}, (
        f"Hydra's Override has the fields {fields} now, and {OURS} makes one of others"
    )
    parsed = OverridesParser.create().parse_override(f"shape.n={value}")
    assert hydra_private.of_integer("shape.n", value) == parsed


def test_values_are_set_as_hydra_does() -> None:
    config = OmegaConf.create({"a": {"b": 1}})
    hydra_private.apply([hydra_private.of_integer("a.b", 5)], config)
    assert config == {"a": {"b": 5}}


def test_the_settings_of_a_job_are_held_in_cfg() -> None:
    holder = HydraConfig.instance()
    assert hasattr(holder, "cfg"), f"HydraConfig has no cfg any more, which {OURS} puts back"
    before = holder.cfg
    with hydra_private.as_the_job(OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})):
        assert holder.cfg is not before
    assert holder.cfg is before


def test_no_other_file_uses_a_private_name_of_hydra() -> None:
    """Neither a module below `hydra._internal`, nor an attribute of a Hydra class that begins with `_`."""
    for path in (ROOT / "runner").rglob("*.py"):
        if path == ROOT / OURS:
            continue
        names = [node.module or "" for node in ast.walk(_tree(path)) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in names if name.startswith("hydra._")], path
        text = path.read_text()
        assert "ConfigLoaderImpl" not in text, path
        assert "HydraConfig.instance()" not in text, path


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
