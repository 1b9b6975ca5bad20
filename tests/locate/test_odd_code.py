"""Code without source, notebooks' cells, generators, caught exceptions, contexts, writes, custom ops."""

import linecache
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import handgrad
from runner.case.spec import Spec
from runner.formula.derivation import Derivation
from runner.locate.answer import Answer
from runner.locate.listing import listing
from runner.locate.locate import located
from runner.locate.wording import statement
from tests.locate.test_locate import planted

HEAD = "def by_hand(grad_y, x, V, w):\n    z = x @ V\n    s = torch.sigmoid(z)\n"
WRONG = "    grad_z = grad_y * w * (s + z * s)\n"  # (1 - s) is missing
TAIL = '    return {"x": grad_z @ V.T, "V": x.T @ grad_z, "w": (grad_y * z * s).sum(0)}\n'


@pytest.fixture
def right(tmp_path: Path) -> tuple[Spec, Derivation]:
    spec, derivation, _ = planted(tmp_path, "slope = s + z", "slope = s  + z")
    return spec, derivation


def compiled(source: str, file: str, **more: Any) -> Any:
    names: dict[str, Any] = {"torch": torch, **more}
    exec(compile(source, file, "exec"), names)
    return names["by_hand"]


def asked(right: tuple[Spec, Derivation], function: Any) -> tuple[Answer, Derivation]:
    derivation = replace(right[1], function=function)
    return located(right[0], derivation), derivation


def lines(answer: Answer) -> list[str]:
    return [str(place[0]) for place in answer.places]


def test_code_without_source_is_named_by_its_line(right: tuple[Spec, Derivation]) -> None:
    answer, derivation = asked(right, compiled(HEAD + WRONG + TAIL, "<string>"))
    assert lines(answer) == ["<string>:4"]
    (rows,) = listing(right[0], derivation, answer).files.values()
    assert [(row.line, row.text, row.mark) for row in rows if row.mark] == [(4, "", "wrong")]


def test_a_cell_of_a_notebook_has_its_source(right: tuple[Spec, Derivation]) -> None:
    source, file = HEAD + WRONG + TAIL, "/tmp/ipykernel_1/2.py"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    answer, derivation = asked(right, compiled(source, file))
    assert lines(answer) == ["2.py:4"]
    assert "multiplied by (1 - s)" in str(statement(answer))
    (rows,) = listing(right[0], derivation, answer).files.values()
    assert [row.text for row in rows] == source.splitlines()


def test_a_derivation_that_is_one_call_of_compiled_code_is_told_by_that_call(
    right: tuple[Spec, Derivation],
) -> None:
    @torch.library.custom_op("handgrad_tests::slope", mutates_args=())
    def slope(z: Tensor) -> Tensor:
        return torch.sigmoid(z) + z * torch.sigmoid(z)

    slope(torch.zeros(1))  # PyTorch imports what it needs when an op is called first
    wrong = "    grad_z = grad_y * w * slope(z)\n"
    answer, _ = asked(right, compiled(HEAD + wrong + TAIL, "<string>", slope=slope))
    assert (lines(answer), answer.due) == (["<string>:4"], "dL/dz")


def test_a_generator_is_traced(right: tuple[Spec, Derivation]) -> None:
    source = HEAD + "    parts = [*pieces(grad_y, w, s, z)]\n    grad_z = torch.cat(parts)\n" + TAIL
    source += (
        "def pieces(grad_y, w, s, z):\n    for i in range(len(z)):\n        rows = slice(i, i + 1)\n"
        "        yield grad_y[rows] * w * (s[rows] - z[rows] * s[rows] * (1 - s[rows]))\n"
    )
    answer, _ = asked(right, compiled(source, "<string>"))
    assert lines(answer) == ["<string>:10"]
    assert "with + in place of -" in str(statement(answer))


def test_an_exception_that_the_code_catches_is_no_repair(right: tuple[Spec, Derivation]) -> None:
    good = "grad_y * w * (s + z * s * (1 - s))"
    caught = (
        "    try:\n        grad_z = grad_y * w * torch.sin(s)\n        grad_z = grad_z + 0 * z\n"
        f"    except Exception:\n        grad_z = {good}\n"
    )
    answer, _ = asked(right, compiled(HEAD + caught + TAIL, "<string>"))
    assert answer.kind != "repair"
    assert {line.line for place in answer.places or answer.between for line in place} & {5, 6}


def test_a_write_into_an_input_is_traced(right: tuple[Spec, Derivation]) -> None:
    source = HEAD + "    grad_y *= w\n    grad_z = grad_y * (s - z * s * (1 - s))\n"
    source += '    return {"x": grad_z @ V.T, "V": x.T @ grad_z, "w": (grad_y / w * z * s).sum(0)}\n'
    answer, _ = asked(right, compiled(source, "<string>"))
    assert lines(answer) == ["<string>:5"]
    assert "with + in place of -" in str(statement(answer))


def test_a_slice_that_is_written_wrong_is_found_at_its_line(right: tuple[Spec, Derivation]) -> None:
    source = HEAD + "    slope = s + z * s * (1 - s)\n    grad_z = torch.zeros_like(z)\n"
    source += "    for i in range(len(z)):\n        grad_z[i] = grad_y[i] * w / slope[i]\n" + TAIL
    answer, _ = asked(right, compiled(source, "<string>"))
    assert lines(answer) == ["<string>:7"]
    assert "with * in place of /" in str(statement(answer))


class Kept(torch.autograd.Function):
    """Keeps a tensor on the context itself, and has a sign wrong."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(w)
        ctx.s = torch.sigmoid(x)
        ctx.x = x
        y: Tensor = x * ctx.s * w
        return y

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor]:
        (w,) = ctx.saved_tensors
        slope = ctx.s - ctx.x * ctx.s * (1 - ctx.s)
        return grad_y * w * slope, (grad_y * ctx.x * ctx.s).sum(0)


def test_a_function_that_keeps_tensors_on_its_context_is_traced() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(5, 7, dtype=torch.float64), torch.randn(7, dtype=torch.float64)
    result = handgrad.judge(Kept, lambda x, w: x * torch.sigmoid(x) * w, *inputs)
    wrong = [row for row in result.rows if row["verdict"] == "wrong"]
    assert {row["wrt"] for row in wrong} == {"x"}
    number = next(
        n for n, line in enumerate(Path(__file__).read_text().splitlines(), 1) if "slope = ctx.s" in line
    )
    assert {row["wrong_line"].rpartition("/")[2] for row in wrong} == {f"test_odd_code.py:{number}"}
    assert f">>{number:5}" in result.explain()
