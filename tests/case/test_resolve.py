"""What a formula does not allow is refused before anything runs, with what it does allow."""

import math

import pytest
from hydra import compose, initialize_config_dir

from runner.command.schema import register_with_hydra
from runner.errors import UserError
from runner.files import CONF
from runner.formula import lookup
from tests.registry import EXPERIMENTS, configuration, specification

PARAMETERS = [(e, p) for e in EXPERIMENTS for p in lookup(configuration(e).formula).parameters]
DIMENSIONS = [(e, d) for e in EXPERIMENTS for d in lookup(configuration(e).formula).dimensions]
NEVER_EMPTY = [(e, d) for e, d in DIMENSIONS if d not in lookup(configuration(e).formula).may_be_empty]


@pytest.mark.parametrize(("experiment", "parameter"), PARAMETERS)
def test_a_value_outside_the_domain_is_refused(experiment: str, parameter: str) -> None:
    domain = lookup(configuration(experiment).formula).domain_of(parameter)
    for value in ("no such value", math.nan, {"a": 1}):
        with pytest.raises(UserError) as caught:
            specification(experiment, params={parameter: value})
        assert f"params.{parameter}={value}: must be {domain.description}" in str(caught.value)


@pytest.mark.parametrize(("experiment", "dimension"), DIMENSIONS)
def test_a_dimension_that_is_none_is_refused(experiment: str, dimension: str) -> None:
    for value in ("five", 1.5, -1, True, None, [2.5], [[3]]):
        with pytest.raises(UserError, match=rf"shape\.{dimension}="):
            specification(experiment, shape={dimension: value})


@pytest.mark.parametrize(("experiment", "dimension"), NEVER_EMPTY)
def test_zero_is_refused_unless_it_is_meaningful(experiment: str, dimension: str) -> None:
    given = specification(experiment).shape[dimension]
    empty = [0] * len(given) if isinstance(given, list) else 0
    with pytest.raises(UserError, match=rf"shape\.{dimension}="):
        specification(experiment, shape={dimension: empty})


@pytest.mark.parametrize(
    ("experiment", "changes", "message"),
    [
        ("layer_norm", {"params": {"eps": -1}}, "params.eps=-1: must be a number >= 0"),
        ("conv2d", {"params": {"groups": 5}}, "must divide the channels, shape.C=4 and shape.O=6"),
        ("cross_entropy", {"params": {"reduction": "max"}}, "must be one of mean, sum, none"),
        ("softmax", {"params": {"dim": 7}}, "has the dimensions -3 to 2"),
        ("dropout", {"params": {"p": 1.5}}, "must be a number from 0 to 1"),
        ("embedding", {"params": {"padding_idx": 1000}}, "it must be from -7 to 6"),
        ("matmul", {"shape": {"a": [2, 3]}}, "must be the same in both"),
        ("matmul", {"shape": {"a": [3, 4, 5], "b": [2, 5, 7]}}, "must be equal, or one of them 1"),
    ],
)
def test_what_does_not_fit_together(experiment: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        specification(experiment, **changes)
    assert message in str(caught.value)


@pytest.mark.parametrize("level", ["off", "quick", "full"])
def test_every_level_of_checks_can_be_chosen(level: str) -> None:
    register_with_hydra()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", ["experiment=mse", f"check={level}"])
    assert composed.check.level == level
