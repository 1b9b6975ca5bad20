"""Published backwards are right, and the rows say how accurate."""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from runner.case.spec import DTYPES
from runner.function import register_function
from tests.conftest import Run
from tests.published import references

pytestmark = [pytest.mark.published, pytest.mark.usefixtures("own_formulas")]

SPARSE = {"arguments": ("x", "dim", "k"), "options": {"dim": -1, "k": None}}
ME = "timm/layers/activations_me.py"

# Where the Function is, its name, the reference, how it is called, and the properties that it lacks.
FUNCTIONS: dict[str, tuple[str, str, Callable[..., Tensor], dict[str, Any], set[str]]] = {
    "entmax-sparsemax": ("entmax.activations", "SparsemaxFunction", references.sparsemax, SPARSE, set()),
    "entmax-entmax15": ("entmax.activations", "Entmax15Function", references.entmax15, SPARSE, set()),
    "sparsemax": (
        "sparsemax.sparsemax", "SparsemaxFunction", references.sparsemax,
        {"arguments": ("x", "dim"), "options": {"dim": -1}},
        {"other_shapes"},  # a single row without a batch raises
    ),
    "timm-swish": (ME, "SwishAutoFn", references.swish, {}, set()),
    "timm-mish": (ME, "MishAutoFn", references.mish, {}, set()),
    "timm-hard_sigmoid": (ME, "HardSigmoidAutoFn", references.hard_sigmoid, {}, set()),
    "timm-hard_swish": (ME, "HardSwishAutoFn", references.hard_swish, {}, set()),
    "timm-hard_mish": (ME, "HardMishAutoFn", references.hard_mish, {}, set()),
}  # fmt: skip


def module(place: str) -> Any:
    """Import a module, or a file of a package without the package, which may need more than PyTorch."""
    if not place.endswith(".py"):
        return importlib.import_module(place)
    package, _, file = place.partition("/")
    found = importlib.util.find_spec(package)
    assert found is not None, f"{package} is not installed: make published"
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / file
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(params=FUNCTIONS)
def lacks(request: pytest.FixtureRequest) -> set[str]:
    """Register one published Function; return what it is known to lack."""
    place, name, reference, call, known = FUNCTIONS[request.param]
    function = getattr(module(place), name)
    register_function(function, name="published", shapes=references.rows, forward=reference, **call)
    return known


def judged(run: Run, *settings: str) -> dict[str, Any]:
    (row,) = run(
        "formula=published", "shape.batch=[2,3]", "shape.n=7", "upstream=normal",
        "inputs.distribution=normal", "inputs.scale=2", "timing=off", *settings,
    ).rows  # fmt: skip
    assert row["status"] == "completed", row["error"]
    return row


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_is_right(lacks: set[str], run: Run, dtype: str) -> None:
    row = judged(run, f"dtype={dtype}", "check=quick")
    assert row["verdict"] in ("exact", "correct"), row["diagnosis"]


def test_every_property(lacks: set[str], run: Run) -> None:
    row = judged(run, "check=full")
    assert {*(row["failed_checks"] or "").split()} == lacks, row["diagnosis"]
