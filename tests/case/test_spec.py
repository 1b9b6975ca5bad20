"""A specification is plain data: its point is what was asked, its key all that decides the answer."""

import dataclasses
import pickle
import string
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case import spec as specs
from runner.case.spec import DTYPES, Spec, case_of, edge_case, without_file
from runner.formula import Edge
from runner.formula.draw import Draw
from runner.settings import Inputs, Timing
from tests.by_hand import Lying
from tests.conftest import Plant

CHANGES: dict[str, list[Any]] = {
    "formula": ["matvec"],
    "experiment": ["mine"],
    "plugins": [("mine.py",)],
    "derivations": [("outer_product",), ("outer_product", "jacobian"), ("jacobian", "outer_product")],
    "shape": [{"m": 3}, {"m": 2, "n": 3}, {"m": [2]}, {}],
    "params": [{"eps": 0.1}, {"eps": 0.2}, {"eps": None}, {"eps": "0.1"}, {"eps": True}],
    "seed": [0, 43],
    "device": ["cuda"],
    "dtype": ["float64", "bfloat16", "float16"],
    "precision": ["auto", "float32"],
    "upstream": ["normal", "file"],
    "inputs": [
        Inputs("normal"), Inputs(scale=2.0), Inputs(offset=1.0), Inputs(file="dump.npz"),
        Inputs(scale=1.0 + 2**-52),
    ],
    "file_digest": ["0123456789abcdef"],
    "check": ["quick", "full"],
    "second_order": [True],
    "execution": ["compile"],
    "timing": [Timing("quick"), Timing("precise"), Timing("quick", rounds=4), Timing("quick", cache="cold")],
}  # fmt: skip
"""Other values of every field, each of which is another experiment."""


def spec(**changes: Any) -> Spec:
    return Spec(**{"formula": "planted", "shape": {"m": 2}, "params": {}, **changes})


def test_every_field_has_its_changes() -> None:
    assert CHANGES.keys() == {field.name for field in dataclasses.fields(Spec)}
    assert all(CHANGES.values())


@pytest.mark.parametrize("name", CHANGES)
def test_every_field_changes_the_point(name: str) -> None:
    points = [spec().point, *(spec(**{name: value}).point for value in CHANGES[name])]
    assert len({*points}) == len(points)


def test_what_is_the_same_has_the_same_point() -> None:
    one = spec(shape={"m": 2, "layers": [1, 2]}, params={"a": 1, "b": 2}, inputs=Inputs("normal"))
    other = spec(shape={"layers": [1, 2], "m": 2}, params={"b": 2, "a": 1}, inputs=Inputs("normal"))
    assert one.point == other.point
    assert one.point == dataclasses.replace(one).point


def test_a_point_is_the_same_in_every_process() -> None:
    assert spec().point == "p22781b5dabc89cca", "with another hash no ledger's points are found again"
    assert pickle.loads(pickle.dumps(spec())).point == spec().point


@pytest.fixture
def planted(plant: Plant) -> Spec:
    plant(outer_product)
    return spec(shape={"m": 2, "n": 3}, derivations=("outer_product",))


def outer_product(grad_y: Tensor, W: Tensor, x: Tensor) -> dict[str, Tensor]:
    return {"W": torch.outer(grad_y, x), "x": W.mT @ grad_y}


@pytest.mark.parametrize(("name", "letter"), [("point", "p"), ("formula_sha", "f"), ("key", "k")])
def test_a_hash_is_never_read_as_a_number(planted: Spec, name: str, letter: str) -> None:
    value = getattr(planted, name)
    assert (value[0], len(value)) == (letter, 17)
    assert {*value[1:]} <= {*string.hexdigits.lower()}


@pytest.mark.parametrize("changed", ["fingerprint", "judge_fingerprint", "__version__"])
def test_a_change_of_code_changes_the_key_and_leaves_the_point(
    planted: Spec, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before, again = (planted.point, planted.key), dataclasses.replace(planted)
    assert (again.point, again.key) == before
    place: Any = torch if changed == "__version__" else specs
    value: Any = "9.9" if changed == "__version__" else lambda *of: "another"
    monkeypatch.setattr(place, changed, value)
    after = dataclasses.replace(planted)
    assert after.point == before[0]
    assert after.key != before[1]
    assert (after.formula_sha == planted.formula_sha) is (changed != "fingerprint")


def of_upstream(grad_y: Tensor) -> dict[str, Tensor]:
    return {"x": 2 * grad_y}


def test_the_code_of_a_function_is_that_of_its_class(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def recorded(module: str) -> str:
        hashed.append(module)
        return module

    monkeypatch.setattr(specs, "fingerprint", recorded)
    plant(of_upstream, forward=Lying.apply, shapes=lambda n: {"x": (n,)})
    assert spec(shape={"n": 2}, derivations=("of_upstream",)).formula_sha
    assert hashed == ["tests.by_hand", "tests.case.test_spec"], "not torch.autograd, whose every file is read"


def test_a_change_of_settings_changes_the_key(planted: Spec) -> None:
    assert dataclasses.replace(planted, seed=1).key != planted.key
    assert dataclasses.replace(planted, seed=1).formula_sha == planted.formula_sha


@pytest.mark.parametrize(
    ("inputs", "word"),
    [
        (Inputs("uniform"), "uniform"),
        (Inputs("normal", scale=2.0), "normal*2"),
        (Inputs("normal", offset=100.0), "normal+100"),
        (Inputs("ties", scale=0.5, offset=-1.5), "ties*0.5-1.5"),
        (Inputs("zeros", scale=0.0), "zeros*0"),
        (Inputs("normal", scale=2.0, ids="zipf"), "normal*2 ids=zipf"),
        (Inputs("normal", scale=2.0, file="a/folder/dump.npz"), "file:dump.npz"),
    ],
)
def test_where_inputs_come_from_in_one_word(inputs: Inputs, word: str) -> None:
    assert spec(inputs=inputs).distribution == word
    assert spec(inputs=inputs).settings["distribution"] == word


def test_what_the_report_says() -> None:
    assert spec(seed=3, check="full").settings == {
        "experiment": "", "formula": "planted", "shape": {"m": 2}, "params": {}, "dtype": "float32",
        "device": "cpu", "seed": 3, "distribution": "uniform", "upstream": "ones", "execution": "eager",
        "check": "full",
    }  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_case_of_a_specification(planted: Spec, dtype: Any) -> None:
    case = case_of(dataclasses.replace(planted, dtype=dtype, seed=5, inputs=Inputs(offset=100.0)))
    expected = (torch.rand(9, generator=torch.Generator().manual_seed(5)) + 100).to(DTYPES[dtype])
    assert torch.equal(torch.cat([case.inputs["W"].flatten(), case.inputs["x"]]), expected)
    assert (case.dtype, case.upstream["y"].dtype) == (DTYPES[dtype], DTYPES[dtype])


@pytest.mark.parametrize(
    ("upstream", "without"), [("file", "normal"), ("ones", "ones"), ("normal", "normal")]
)
def test_a_specification_without_its_file(upstream: str, without: str) -> None:
    changed = without_file(spec(upstream=upstream, inputs=Inputs("normal", 2.0, file="dump.npz")))
    assert (changed.upstream, changed.inputs) == (without, Inputs("normal", 2.0))


def no_x(x: Tensor) -> dict[str, Tensor]:
    return {"x": 0 * x}


def negative(W: Tensor, *, scale: float) -> dict[str, Tensor]:
    return {"W": -scale * W.abs()}


@pytest.mark.parametrize(
    ("edge", "W", "x"),
    [
        (Edge(), (2, 3), None),
        (Edge(shape={"m": 0}), (0, 3), None),
        (Edge(inputs=no_x), (2, 3), [0, 0, 0]),
        (Edge(shape={"n": 1}, inputs=no_x), (2, 1), [0]),
    ],
)
def test_an_edge_changes_what_it_says(planted: Spec, edge: Edge, W: tuple[int, ...], x: Any) -> None:
    case = edge_case(planted, edge)
    assert tuple(case.inputs["W"].shape) == W
    assert tuple(case.upstream["y"].shape) == W[:1]
    if x is None:
        assert case.inputs["x"].abs().sum() > 0
    else:
        assert case.inputs["x"].tolist() == x


def test_an_edge_sets_hyper_parameters_and_its_inputs_may_ask_for_them(plant: Plant) -> None:
    def scaled(W: Tensor, x: Tensor, *, scale: float = 1.0) -> Tensor:
        return scale * (W @ x)

    plant(outer_product, forward=scaled)
    asked = spec(shape={"m": 2, "n": 3}, params={"scale": 1.0})
    case = edge_case(asked, Edge(params={"scale": 3.0}, inputs=negative))
    plain = case_of(asked)
    assert case.params == {"scale": 3.0}
    assert torch.equal(case.inputs["W"], -3 * plain.inputs["W"])
    assert torch.equal(case.inputs["x"], plain.inputs["x"])


def test_an_edge_is_drawn_and_not_read(planted: Spec) -> None:
    of_file = dataclasses.replace(planted, upstream="file", inputs=Inputs(file="nowhere.npz"))
    drawn = edge_case(of_file, Edge(shape={"n": 1}))
    rng = Draw(of_file.seed)
    assert torch.equal(drawn.inputs["W"], rng.uniform((2, 1)))
    assert torch.equal(drawn.inputs["x"], rng.uniform((1,)))
    assert torch.equal(drawn.upstream["y"], rng.normal((2,)))
