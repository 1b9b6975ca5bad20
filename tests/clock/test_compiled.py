"""Derivations under torch.compile: judged and timed as they are compiled, or told why they are not."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import Run

HAS_COMPILER = shutil.which("g++") is not None
needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="there is no g++: Debian's package is g++")

MINE = """
import torch
from runner.formula import register

def shapes(n):
    return {"x": (n,)}

def forward(x):
    return x * x

def right(grad_y, x):
    return {"x": 2 * grad_y * x}

def wrong(grad_y, x):
    return {"x": grad_y * x if torch.compiler.is_compiling() else 2 * grad_y * x}

def impossible(grad_y, x):
    return {"x": 2 * grad_y * x * float(str((x * 0).sum().item() + 1))}

register(name="mine", shapes=shapes, forward=forward, gradients=[right, wrong, impossible])
"""


@needs_compiler
def test_compiled_code_has_its_own_verdict_and_the_sweep_goes_on(tmp_path: Path, run: Run) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    plugin = f"plugins=[{tmp_path / 'mine.py'}]"
    rows = run("-m", "formula=mine", plugin, "shape.n=7", "execution=eager,compile", "timing=quick").rows
    found = {(row["execution"], row["derivation"]): SimpleNamespace(**row) for row in rows}
    assert len(found) == 6
    assert {found["eager", name].verdict for name in ("right", "wrong", "impossible")} <= {"exact", "correct"}
    right = found["compile", "right"]
    assert right.verdict in ("exact", "correct"), right.error
    assert right.compile_ms > 1
    assert right.manual_ms > 0
    assert right.notes == ""
    assert found["eager", "right"].compile_ms is None
    assert found["compile", "wrong"].verdict == "wrong", "only the compiled code is"
    assert found["compile", "wrong"].speedup is None
    impossible = found["compile", "impossible"]
    assert impossible.status == "failed"
    assert impossible.error.startswith("FormulaError: torch.compile cannot compile it: ")
    assert right.key != found["eager", "right"].key


def test_without_a_compiler_it_is_bad_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    outcome = run("experiment=mse", "execution=compile")
    assert outcome.status == 2
    assert "there is no no-such-compiler to compile it; install it (on Debian and Ubuntu" in outcome.err
