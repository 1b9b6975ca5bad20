"""Real tensors from a file are used as they are, or refused with one message."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from runner.case.spec import case_of, edge_case
from runner.case.tensors import headers, load
from runner.errors import UserError
from runner.settings import Inputs
from tests.conftest import Plant, Run
from tests.registry import specification
from tests.test_planted import right

Tensors = dict[str, Tensor]
NAMES = ("dump.safetensors", "dump.npz")


def save(path: Path, tensors: Tensors) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})  # type: ignore[arg-type]
    else:
        save_file(tensors, path)
    return path


@pytest.fixture
def dumped() -> Tensors:
    """W x = y with numbers that no generator draws, NaN among them."""
    W = torch.arange(15.0).reshape(3, 5) / 7
    W[1, 2] = torch.nan
    return {"W": W, "x": torch.linspace(-1, 1, 5), "grad_y": torch.tensor([1.0, -2.0, 0.5])}


def run_dump(run: Run, file: str, *settings: str) -> Any:
    return run(
        "formula=planted", "shape.m=3", "shape.n=5", "timing=off", f"inputs.file={file}",
        *settings,
    )  # fmt: skip


@pytest.mark.parametrize("file", NAMES)
def test_inputs_and_upstream_come_from_the_file(
    plant: Plant, run: Run, tmp_path: Path, dumped: Tensors, file: str
) -> None:
    seen: list[Tensors] = []

    def spies(grad_y: Tensor, W: Tensor, x: Tensor) -> Tensors:
        seen.append({"W": W, "x": x, "grad_y": grad_y})
        return right(grad_y, W, x)

    plant(spies)
    save(tmp_path / file, dumped)
    outcome = run_dump(run, file)
    assert outcome.status == 0, outcome.err
    assert {(row["distribution"], row["upstream"]) for row in outcome.rows} == {(f"file:{file}", "file")}
    for name, tensor in dumped.items():
        assert torch.equal(seen[0][name].nan_to_num(9), tensor.nan_to_num(9))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_every_dtype_and_an_upstream_that_the_file_has_not(
    plant: Plant, run: Run, tmp_path: Path, dumped: Tensors, dtype: str
) -> None:
    plant(right)
    cast = {name: tensor.to(getattr(torch, dtype)) for name, tensor in dumped.items()}
    save(tmp_path / NAMES[0], {name: cast[name] for name in ("W", "x")})
    outcome = run_dump(run, NAMES[0], f"dtype={dtype}", "upstream=normal")
    assert outcome.status == 0, outcome.err
    assert {row["upstream"] for row in outcome.rows} == {"normal"}


def without(name: str) -> Any:
    return lambda tensors: {n: t for n, t in tensors.items() if n != name}


def also(**more: Tensor) -> Any:
    return lambda tensors: {**tensors, **more}


def double(*names: str) -> Any:
    return lambda tensors: {n: t.double() if n in names else t for n, t in tensors.items()}


@pytest.mark.parametrize("file", NAMES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("x"), "lacks x; it has "),
        (also(w=torch.ones(3)), "unknown tensor 'w'; did you mean 'W'? There is: W, grad_y, x."),
        (also(x=torch.ones(4)), "x is (4,); shape.m=3 shape.n=5 asks for (5,)"),
        (also(W=torch.ones(5, 3)), "W is (5, 3); shape.m=3 shape.n=5 asks for (3, 5)"),
        (also(grad_y=torch.ones(1)), "grad_y is (1,); shape.m=3 shape.n=5 asks for (3,)"),
        (double("W", "x", "grad_y"), "W is float64; dtype=float32 asks for float32; dtype=float64 would fit"),
        (double("x"), "x is float64; dtype=float32 asks for float32"),
        (also(x=torch.ones(5, dtype=torch.int64)), "x is int64; dtype=float32 asks for float32"),
    ],
)
def test_a_file_that_does_not_fit(
    plant: Plant, run: Run, tmp_path: Path, dumped: Tensors, file: str, change: Any, message: str
) -> None:
    plant(right)
    save(tmp_path / file, change(dumped))
    outcome = run_dump(run, file)
    assert outcome.status == 2
    assert f"error: inputs.file={file}: {message}" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert outcome.folders == [], "nothing half written"


@pytest.mark.parametrize("file", NAMES)
@pytest.mark.parametrize("keep", [0, 5, 60, -20])
def test_a_truncated_file(
    plant: Plant, run: Run, tmp_path: Path, dumped: Tensors, file: str, keep: int
) -> None:
    plant(right)
    path = save(tmp_path / file, dumped)
    path.write_bytes(path.read_bytes()[:keep])
    outcome = run_dump(run, file)
    assert outcome.status == 2
    assert f"error: inputs.file={file}: is not a whole {path.suffix} file: " in outcome.err
    assert outcome.folders == []


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("nowhere.npz", None, "No such file or directory"),
        ("nowhere.safetensors", None, "No such file or directory"),
        ("dump.pt", b"", "must end in .safetensors or .npz; other formats, pickles among them, are not read"),
        ("other.safetensors", b"{}" * 20, "is not a whole .safetensors file: SafetensorError"),
        ("other.npz", b"{}" * 20, "is not a whole .npz file: BadZipFile"),
    ],
)
def test_not_such_a_file(
    plant: Plant, run: Run, tmp_path: Path, file: str, content: bytes | None, message: str
) -> None:
    plant(right)
    if content is not None:
        (tmp_path / file).write_bytes(content)
    outcome = run_dump(run, file)
    assert outcome.status == 2
    assert f"error: inputs.file={file}: {message}" in outcome.err


def test_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([{}], dtype=object))
    for read in (headers, load):
        with pytest.raises(UserError, match="ValueError"):
            read(str(path))


def test_a_bad_file_among_good_ones(plant: Plant, run: Run, tmp_path: Path, dumped: Tensors) -> None:
    plant(right)
    save(tmp_path / "good.npz", dumped)
    sweep = (
        "-m", "formula=planted", "shape.m=3", "shape.n=5", "timing=off", "inputs.file=good.npz,bad.npz",
    )  # fmt: skip
    refused = run(*sweep)
    assert (refused.status, refused.folders) == (2, [])
    assert "error: inputs.file=bad.npz: No such file" in refused.err
    by_hydra = run(*sweep, "hydra/sweeper=basic")
    assert [row["status"] for row in by_hydra.rows] == ["failed", "completed", "completed"]
    assert "bad.npz: No such file" in by_hydra.rows[0]["error"]
    assert by_hydra.status == 2


def labels(file: Path, dtype: torch.dtype) -> str:
    case = case_of(specification("cross_entropy"))
    save_file({n: t if t.is_floating_point() else t.to(dtype) for n, t in case.inputs.items()}, file)
    return str(file)


def test_labels_have_the_dtype_that_the_formula_draws(tmp_path: Path) -> None:
    spec = specification("cross_entropy", inputs=Inputs(file=labels(tmp_path / "a.safetensors", torch.int64)))
    assert spec.file_digest
    with pytest.raises(UserError, match="is int32; it must be int64"):
        specification("cross_entropy", inputs=Inputs(file=labels(tmp_path / "b.safetensors", torch.int32)))


def test_the_key_changes_with_the_content_of_the_file(tmp_path: Path) -> None:
    file, keys = tmp_path / "dump.safetensors", set()
    for factor in (1.0, 2.0):
        save(file, {name: tensor * factor for name, tensor in case_of(specification("mse")).inputs.items()})
        keys.add(specification("mse", inputs=Inputs(file=str(file))).key)
    assert len(keys) == 2


def test_a_degenerate_case_is_drawn_and_not_read(tmp_path: Path) -> None:
    spec = specification("layer_norm")
    case = case_of(spec)
    upstream = {f"grad_{name}": tensor for name, tensor in case.upstream.items()}
    save(tmp_path / "dump.npz", {**case.inputs, **upstream})
    of_file = specification("layer_norm", inputs=Inputs(file=str(tmp_path / "dump.npz")))
    assert torch.equal(case_of(of_file).upstream["y"], case.upstream["y"])
    edge = case.formula.edges["one_number"]
    assert edge_case(of_file, edge).inputs["x"].shape[-1] == 1


def test_a_forward_that_raises_is_a_failed_row(
    plant: Plant, run: Run, tmp_path: Path, dumped: Tensors
) -> None:
    def broken(W: Tensor, x: Tensor) -> Tensor:
        raise ArithmeticError("no forward today")

    plant(right, forward=broken)
    save(tmp_path / "dump.npz", dumped)
    outcome = run_dump(run, "dump.npz")
    assert [row["status"] for row in outcome.rows] == ["failed"]
    assert "no forward today" in outcome.rows[0]["error"]


def test_columns_first_numbers_keep_their_places(tmp_path: Path) -> None:
    numbers = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez(tmp_path / "dump.npz", x=numbers, y=np.float64(3))
    read = load(str(tmp_path / "dump.npz"))
    assert read["x"].is_contiguous()
    assert read["x"].tolist() == numbers.tolist()
    assert (read["y"].shape, headers(str(tmp_path / "dump.npz"))["y"].shape) == ((), ())
    assert dataclasses.astuple(headers(str(tmp_path / "dump.npz"))["x"]) == ((2, 3), "float64")
