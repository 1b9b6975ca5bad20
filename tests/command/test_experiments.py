"""Every formula is an experiment: by its example, and by a YAML where one differs from it."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from runner.case.spec import case_of
from runner.command.schema import register_with_hydra
from runner.files import CONF
from runner.formula import Example
from runner.settings import Inputs
from tests.conftest import Plant, Run
from tests.registry import EXPERIMENTS, FORMULAS, configuration, specification
from tests.test_planted import right

OFF = "timing=off"


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_is_an_experiment_of_its_name(name: str) -> None:
    assert name in EXPERIMENTS
    assert configuration(name).formula == name
    assert configuration(name).plugins == []


def test_a_file_of_conf_comes_before_the_formula() -> None:
    assert (CONF / "experiment/matvec.yaml").exists()
    assert configuration("matvec").upstream == "ones"
    assert not (CONF / "experiment/softmax.yaml").exists()
    assert configuration("softmax").upstream is None


def test_a_file_of_the_user_comes_before_the_formula(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine/experiment").mkdir(parents=True)
    yaml = "# @package _global_\nformula: softmax\nseed: 7\nparams: {dim: 0}\n"
    (tmp_path / "mine/experiment/softmax.yaml").write_text(yaml)
    outcome = run("--config-dir", "mine", "experiment=softmax", OFF)
    assert {(row["seed"], row["params"], row["shape"]) for row in outcome.rows} == {
        (7, "dim=0", "size=[3,7,5]")
    }
    assert outcome.err == ""


def test_glob_lists_them_all(run: Run) -> None:
    register_with_hydra()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        options = GlobalHydra.instance().config_loader().get_group_options("experiment")
    assert options == EXPERIMENTS
    outcome = run("-m", "experiment=glob(lo*,exclude=log*)", OFF)
    assert {row["experiment"] for row in outcome.rows} == {"lora_linear"}


@pytest.mark.parametrize("chosen", ["experiment=conv2d", "formula=conv2d"])
@pytest.mark.parametrize("sweeper", ["grid", "basic"])
def test_what_is_typed_replaces_single_settings_of_the_example(run: Run, chosen: str, sweeper: str) -> None:
    typed = ("shape.N=1", "shape.image=[5,7]", "params.padding=0", "inputs.distribution=uniform")
    (row, *_) = run("-m", f"hydra/sweeper={sweeper}", chosen, *typed, OFF).rows
    assert row["shape"] == "N=1 C=4 O=6 image=[5,7] kernel=[3,2]"
    assert row["params"] == "stride=[2,1] padding=0 dilation=1 groups=1 bias=true"
    assert (row["distribution"], row["upstream"], row["experiment"]) == ("uniform", "normal", "conv2d")


def test_a_dimension_of_the_example_is_enlarged() -> None:
    assert specification("layer_norm", enlarge=2).shape == {"batch": [4, 6], "n": 14}


def test_a_formula_without_an_example_is_as_in_the_notebook(plant: Plant, run: Run) -> None:
    plant(right)
    (row, *_) = run("formula=planted", "shape.m=3", "shape.n=2", OFF).rows
    assert (row["distribution"], row["upstream"]) == ("uniform", "ones")
    outcome = run("formula=planted", "shape.m=3", OFF)
    assert outcome.status == 2
    assert "planted: shape lacks n; it takes m, n, as in shape.n=5" in outcome.err


def test_the_example_of_a_plugin(plant: Plant, run: Run) -> None:
    plant(right, example=Example(shape={"m": 4, "n": 3}, upstream="ones"))
    (row, *_) = run("formula=planted", "shape.n=2", OFF).rows
    assert (row["shape"], row["distribution"], row["upstream"]) == ("m=4 n=2", "normal", "ones")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_specification_says_everything(experiment: str) -> None:
    spec = specification(experiment)
    assert spec.upstream in ("ones", "normal")
    assert spec.inputs.distribution in ("uniform", "normal")
    assert {*spec.shape} == {*case_of(spec).formula.dimensions}


def test_the_offset_of_a_yaml_is_added_to_the_example() -> None:
    near, far = specification("variance"), specification("variance_offset")
    assert far.inputs == Inputs("normal", offset=1000)
    assert torch.equal(case_of(near).inputs["x"] + 1000, case_of(far).inputs["x"])


def test_the_configuration_of_a_formula_composes() -> None:
    register_with_hydra()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", ["experiment=softmax", "shape.size=[2,2]"])
    assert (composed.formula, composed.shape.size, composed.inputs.distribution) == ("softmax", [2, 2], None)
