"""The grid sweeper gives the configurations that stock Hydra gives: job for job, in the same order."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from runner.command.compose import Composer, axes, typed, without_hydra
from runner.command.schema import register_with_hydra
from runner.files import CONF
from runner.settings import Config
from runner.sweep.grid import Grid

MOST_JOBS = 6  # that stock Hydra composes of one grid, at a tenth of a second each

CHOICES = {
    "experiment": [
        "mse",
        "linear_mse,matvec",
        "glob(m*)",
        "choice(dot_product,mse)",
        "glob([a-d]*,exclude=d*)",
    ],
    "timing": ["off", "quick,precise", "glob(*)"],
    "seed": ["7", "range(3)", "range(1,9,4)", "choice(4,1)", "sort(3,1,2)", "3,1", "1,1"],
    "dtype": ["float64", "float32,bfloat16", "'float32','float64'"],
    "shape.n": ["3,5", "range(2,4)", "4"],
    "shape.m": ["20,30"],
    "shape.layers": ["[5,9,7],[5,20]", "[2,3]"],
    "inputs.scale": ["1e-3,1", "range(0.5,1.6,0.5)", "2"],
    "inputs": ["{scale:2.0,offset:1},{offset:3}", "{distribution:normal}"],
    "params": ["{eps:1e-5},{eps:1,p:0.5}"],
    "params.eps": ["1e-6,null,abc,true", "'1'"],
    "derivation": ["null,jacobian", "[jacobian],[outer_product,jacobian]"],
    "show": ["true,false"],
    "device": ["cpu"],
    "+params.extra": ["1,2"],
    "++params.extra": ["[1,2],3"],
    "~shape": ["null"],
    "timing.rounds": ["3,4", "${seed}"],
    "upstream": ["${inputs.distribution}", "'${oc.env:HOME,none}'", "${hydra:job.num}", "ones,normal"],
}


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    register_with_hydra()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def both(loader: ConfigLoader, arguments: list[str]) -> tuple[list[Any], list[Any], int]:
    """Return what stock Hydra and the grid make of arguments, and how often the grid composed in full."""
    master = loader.load_configuration("config", arguments, RunMode.MULTIRUN)
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(arguments)
    (stock,) = BasicSweeper.split_arguments(parsed, None)
    grid = Grid(axes(loader, arguments))
    composer = Composer(loader, master, grid.keys)
    assert [point.overrides for point in grid] == stock
    chosen = sorted(random.Random(0).sample(range(len(stock)), min(len(stock), MOST_JOBS)))
    jobs = [attempted(partial(composed, loader, master, stock[i], i)) for i in chosen]
    points = [attempted(partial(composer, grid[i])) for i in chosen]
    return jobs, points, composer.in_full


def composed(loader: ConfigLoader, master: DictConfig, job: list[str], number: int) -> tuple[Config, str]:
    """Compose a job as Hydra's launcher does."""
    config = loader.load_sweep_config(master, job)
    OmegaConf.set_struct(config, False)
    config.hydra.job.num = config.hydra.job.id = number
    config.hydra.runtime.output_dir = str(Path(config.hydra.sweep.dir, str(number)).absolute())
    HydraConfig.instance().set_config(config)
    return typed(without_hydra(config)), config.hydra.runtime.choices["experiment"] or ""


def attempted(make: Any) -> Any:
    """Return what is made, or the type of the error that prevents it."""
    try:
        return make()
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("seed", range(10))
def test_random_grids_are_what_hydra_composes(loader: ConfigLoader, seed: int) -> None:
    rng = random.Random(seed)
    keys = rng.sample(sorted(CHOICES), rng.randint(2, 4))
    arguments = [f"{key}={rng.choice(CHOICES[key])}" for key in keys]
    jobs, points, _ = both(loader, arguments)
    assert jobs
    assert points == jobs, arguments


ALWAYS = [
    "experiment=mse,linear_mse seed=range(2) shape.n=3,5 timing=off,quick",
    "experiment=linear_network shape.layers=[5,9,7],[5,20] inputs={scale:2.0},{offset:3}",
    "experiment=mse inputs={scale:2.0},{offset:3} inputs.scale=5,6",
    "experiment=mse timing.rounds=1,2 timing=off,full",
    "experiment=mse seed=1,2 seed=3,4 dtype=float64",
    "experiment=mse shape.n=${seed} seed=2,3",
    "experiment=mse upstream=${hydra:job.num},${hydra:runtime.choices.experiment}",
    "experiment=mse,matvec ~shape",
    "sweep=notebook seed=1,2 sweep.retry=true,false",
    "formula=mse,matvec shape.n=3",
    "seed=1,2",
    "experiment=mse,nothing",
    "experiment=mse seed=1,x",
    "experiment=mse sed=1,2",
]


@pytest.mark.parametrize("line", ALWAYS)
def test_grids_that_are_easily_got_wrong(loader: ConfigLoader, line: str) -> None:
    jobs, points, _ = both(loader, line.split())
    assert points == jobs


@pytest.mark.parametrize(
    ("line", "in_full"),
    [
        ("experiment=mse,matvec seed=range(3) shape.n=${seed}", 0),
        ("experiment=mse upstream=${hydra:job.num},ones", 1),
        ("experiment=mse +params.x=1,2", 2),
    ],
)
def test_only_what_may_reach_further_is_composed_in_full(
    loader: ConfigLoader, line: str, in_full: int
) -> None:
    assert both(loader, line.split())[2] == in_full


def test_points_of_a_large_grid_are_reached_without_the_others(loader: ConfigLoader) -> None:
    grid = Grid(axes(loader, ["seed=range(100000000)", "dtype=float32,float64", "shape.n=range(1000)"]))
    assert grid.size == 2 * 10**11
    assert grid[grid.size - 1].overrides == ["seed=99999999", "dtype=float64", "shape.n=999"]


def test_a_configuration_does_not_share_what_is_changed(loader: ConfigLoader) -> None:
    master = loader.load_configuration("config", ["experiment=mse"], RunMode.MULTIRUN)
    grid = Grid(axes(loader, ["experiment=mse", "shape.n=3,4", "inputs.scale=1,2"]))
    composer = Composer(loader, master, grid.keys)
    configs = [composer(point)[0] for point in grid]
    assert [(config.shape["n"], config.inputs.scale) for config in configs] == [
        (3, 1),
        (3, 2),
        (4, 1),
        (4, 2),
    ]


def test_compose_of_tests_has_the_sweeper() -> None:
    register_with_hydra()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert (
            compose("config", [], return_hydra_config=True).hydra.runtime.choices["hydra/sweeper"] == "grid"
        )
