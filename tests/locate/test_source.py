"""Mistakes that only the source shows: numbers, indices, loops, dropped writes, and what nothing reads."""

from pathlib import Path

import pytest

from runner.case.resolve import resolve
from runner.formula import lookup
from runner.locate.answer import Answer
from runner.locate.locate import located, searched
from runner.locate.source import functions_of
from runner.locate.wording import statement
from runner.settings import Config
from tests.locate.by_hand import ByHand
from tests.locate.planted import planted_by_hand
from tests.locate.test_locate import NUMBERS, lines
from tests.locate.test_locate import planted as planted_in_swish

PAGE = '''"""A convolution of a sequence by a filter: y_t = the sum over k of w_k x_(t + k)."""

import torch
from torch import Tensor

from runner.formula import Example, Gradients, Sizes, register


def shapes(T: int, K: int) -> Sizes:
    return {"x": (T + K,), "w": (K,)}


def forward(x: Tensor, w: Tensor) -> Tensor:
    return sum(w[k] * x[k : k + len(x) - len(w)] for k in range(len(w)))


def by_hand(grad_y: Tensor, x: Tensor, w: Tensor) -> Gradients:
    grad_x, grad_w = torch.zeros_like(x), torch.zeros_like(w)
    last = len(w) - 1
    for k in range(last + 1):
        rows = slice(k, k + span(x, w))
        view = grad_x[rows]
        grad_w[k] = torch.dot(grad_y, x[rows])
        view += tap(w, k) * grad_y
    return {"x": grad_x, "w": grad_w}


def span(x: Tensor, w: Tensor) -> int:
    return len(x) - len(w)


def tap(w: Tensor, k: int) -> Tensor:
    return w[k] * 1


register(gradients=[by_hand], name="NAME", example=Example(shape={"T": 9, "K": 4}))
'''

REPAIRED = {
    "the end of a loop": ("range(last + 1)", "range(last + 0)", "with len(w) in place of len(w) - 1"),
    "a number of Python's": ("len(w) - 1\n", "len(w) - 2\n", "with 1 in place of 2"),
    "a write in place": ("view += tap", "view = tap", "with view += tap(w, k) * grad_y in place of"),
    "an index": ("grad_w[k] =", "grad_w[k - 2] =", "with k in place of k - 2"),
}


def planted(folder: Path, was: str, now: str) -> tuple[Answer, str]:
    """Write the page with a mistake; return what the locator answers, and the line."""
    name = f"page_{next(NUMBERS)}"
    text = PAGE.replace("NAME", name)
    assert text.count(was) == 1
    file = folder / f"{name}.py"
    file.write_text(text.replace(was, now))
    spec = resolve(Config(formula=name, plugins=[str(file)]))
    answer = located(spec, lookup(name).derivations["by_hand"])
    return answer, f"{name}.py:{text[: text.index(was)].count(chr(10)) + 1}"


@pytest.mark.parametrize("kind", REPAIRED)
def test_a_mistake_outside_of_the_steps_is_repaired_in_the_source(kind: str, tmp_path: Path) -> None:
    was, now, said = REPAIRED[kind]
    answer, line = planted(tmp_path, was, now)
    assert answer.kind == "repair"
    assert line in lines(answer)
    assert said in str(statement(answer))


def test_a_dropped_statement_is_found_by_the_name_that_nothing_reads(tmp_path: Path) -> None:
    answer, line = planted(tmp_path, "        view += tap(w, k) * grad_y\n", "        pass\n")
    assert answer.kind == "unread"
    assert line in lines(answer)
    assert "nothing reads view" in str(statement(answer))


def test_a_size_that_nothing_reads_is_no_sign(tmp_path: Path) -> None:
    was = "    return w[k] * 1\n"
    answer, _ = planted(tmp_path, was, "    size = len(w)\n    return (w.sin() * w.cos()).norm() * k\n")
    assert answer.kind != "unread"


def test_a_helper_that_does_not_read_its_argument_is_found(tmp_path: Path) -> None:
    answer, line = planted(tmp_path, "return w[k] * 1", "return torch.arange(1.0, len(w) + 1).sin()[k]")
    assert answer.kind != "unread"  # all arguments are read
    answer, line = planted(tmp_path, "return w[k] * 1", "return (w.sin() * w.cos()).norm()")
    assert (answer.kind, lines(answer)) == ("unread", [line])


def test_a_derivation_that_does_not_read_its_upstream_gradient_is_found() -> None:
    planted = planted_by_hand(ByHand("gather", "scattered", ".scatter_add_(1, index, grad_y)", ""))
    with planted.written():
        answer = located(planted.target.spec, planted.derivation)
    assert [place[0].line for place in answer.places] == [*planted.lines]
    assert str(statement(answer)).startswith("nothing reads grad_y and index, which ")


def test_what_was_given_and_is_written_to_is_found_at_its_new_name(tmp_path: Path) -> None:
    was = "grad_x, grad_w = torch.zeros_like(x), torch.zeros_like(w)"
    answer, line = planted(tmp_path, was, was.replace("torch.zeros_like(x)", "x"))
    assert (answer.kind, lines(answer)) == ("overwrites", [line])
    assert "grad_x, which page_" in str(statement(answer))


def test_what_is_left_out_of_the_search_is_not_shown(tmp_path: Path) -> None:
    name = f"page_{next(NUMBERS)}"
    file = tmp_path / f"{name}.py"
    file.write_text(PAGE.replace("NAME", name).replace("range(last + 1)", "range(last + 0)"))
    spec = resolve(Config(formula=name, plugins=[str(file)]))
    derivation = lookup(name).derivations["by_hand"]
    answer, search, _ = searched(spec, derivation, words=lambda words: "last + 1" in words)
    assert search is not None
    assert not any("last + 1" in rewrite.words for rewrite in search.rewrites)
    assert "last + 1" not in str(statement(answer))


def test_a_source_that_is_not_that_of_the_code_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "moved.py"
    file.write_text("def f(x):\n    return x + 1\n")
    own, other = (compile(f"def f(x):\n    return x {sign} 1\n", str(file), "exec") for sign in "+-")
    codes = [module.co_consts[0] for module in (own, other)]
    assert [function.code for function in functions_of(codes)] == codes[:1]


def test_the_derivation_itself_is_not_changed(tmp_path: Path) -> None:
    spec, derivation, _ = planted_in_swish(tmp_path, "slope = s + z", "slope = s - z")
    before = derivation.function.__code__
    located(spec, derivation)
    assert derivation.function.__code__ is before
