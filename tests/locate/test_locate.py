"""Each kind of step and of answer, on a page with one mistake."""

from itertools import count
from pathlib import Path

import pytest

from runner.case.resolve import resolve
from runner.case.spec import Spec
from runner.experiment import run
from runner.formula import lookup
from runner.formula.derivation import Derivation
from runner.locate.answer import Answer
from runner.locate.judged import explained
from runner.locate.listing import listing
from runner.locate.locate import located
from runner.locate.wording import statement
from runner.settings import Config

PAGE = '''"""A layer of swish: y = (z s) w, z = x V, with the logistic sigmoid s of z."""

import torch
from torch import Tensor

from runner.formula import Example, Gradients, Sizes, register


def shapes(N: int, n: int, m: int) -> Sizes:
    return {"x": (N, n), "V": (n, m), "w": (m,)}


def forward(x: Tensor, V: Tensor, w: Tensor) -> Tensor:
    z = x @ V
    s = torch.sigmoid(z)
    h = z * s
    return h * w


def by_hand(grad_y: Tensor, x: Tensor, V: Tensor, w: Tensor) -> Gradients:
    z = x @ V
    s = torch.sigmoid(z)
    grad_w = summed(grad_y * z * s)
    grad_h = grad_y * w
    slope = s + z * s * (1 - s)
    grad_z = grad_h * slope
    return {"x": grad_z @ V.T, "V": x.T @ grad_z, "w": grad_w}


def summed(x: Tensor) -> Tensor:
    return x.sum(0)


register(gradients=[by_hand], name="NAME", example=Example(shape={"N": 9, "n": 20, "m": 30}))
'''

NUMBERS = count()  # no two pages have one name

REPAIRED = {
    "an operator": ("slope = s + z", "slope = s - z", "with + in place of - every gradient is right"),
    "a sign": ("grad_h = grad_y * w", "grad_h = -grad_y * w", "without neg every gradient is right"),
    "a number": ("* (1 - s)", "* (2 - s)", "with 1 in place of 2 every gradient is right"),
    "a number that stands first": ("= grad_y * w", "= len(x) * grad_y * w", "with 1 in place of the number"),
    "a factor": ("grad_y * w\n", "grad_y * w / len(x)\n", "with 1 in place of len(x) every gradient is"),
    "a factor less": ("z * s * (1 - s)", "z * s", "with `z * s` multiplied by (1 - s) every gradient is"),
    "an operand": ("grad_h * slope", "grad_y * slope", "with grad_h in place of grad_y every gradient is"),
    "transposed": ("x.T @ grad_z", "(grad_z.T @ x)", "with `grad_z.T @ x` transposed every"),
    "a mean": ("x.sum(0)", "x.mean(0)", "with sum in place of mean every gradient is right"),
    "an alias": ("grad_h = grad_y * w", "grad_h = grad_y", "multiplied by w every gradient is right"),
    "a name for another": ('"x": grad_z @', '"x": grad_h @', "with grad_z in place of grad_h"),
}  # fmt: skip


def planted(
    folder: Path, was: str, now: str, more: tuple[str, str] = ("", "")
) -> tuple[Spec, Derivation, str]:
    """Write the page with a mistake, and with `more` of its own; return what it defines, and the line."""
    name = f"page_{next(NUMBERS)}"
    text = PAGE.replace("NAME", name).replace(*more, 1)
    assert text.count(was) == 1
    line = text[: text.index(was)].count("\n") + 1
    file = folder / f"{name}.py"
    file.write_text(text.replace(was, now))
    spec = resolve(Config(formula=name, plugins=[str(file)]))
    return spec, lookup(name).derivations["by_hand"], f"{name}.py:{line}"


def lines(answer: Answer) -> list[str]:
    return [str(place[0]) for place in answer.places]


@pytest.mark.parametrize("kind", REPAIRED)
def test_a_mistake_is_repaired_where_it_was_made(kind: str, tmp_path: Path) -> None:
    was, now, said = REPAIRED[kind]
    spec, derivation, line = planted(tmp_path, was, now)
    answer = located(spec, derivation)
    assert lines(answer) == [line]
    assert answer.kind == "repair"
    assert answer.seeds >= 2
    assert said in str(statement(answer))


def test_a_step_that_no_edit_repairs_is_told_what_it_should_be(tmp_path: Path) -> None:
    spec, derivation, line = planted(tmp_path, "grad_h * slope", "torch.sin(grad_h) * slope.exp()")
    answer = located(spec, derivation)
    assert (answer.kind, lines(answer)[0], answer.due) == ("step", line, "dL/dz")
    assert str(statement(answer)).endswith("should give dL/dz")


def test_a_gradient_that_is_returned_for_another_is_found_at_its_entry(tmp_path: Path) -> None:
    spec, derivation, line = planted(tmp_path, '"w": grad_w}', '"w": w}')
    answer = located(spec, derivation)
    assert (answer.kind, lines(answer), answer.due) == ("step", [line], "dL/dw")


def test_a_missing_sum_is_found_at_its_line(tmp_path: Path) -> None:
    spec, derivation, line = planted(tmp_path, "return x.sum(0)", "return x")
    assert line in lines(located(spec, derivation))


def test_two_mistakes_are_not_located(tmp_path: Path) -> None:
    spec, derivation, _ = planted(
        tmp_path, "    grad_z = grad_h * slope\n", "    grad_z = torch.sin(grad_h * slope)\n    x = x.cos()\n"
    )
    answer = located(spec, derivation)
    assert (answer.kind, answer.places) == ("nowhere", ())
    assert str(statement(answer)).startswith("not located")


def test_more_than_two_lines_are_not_named_but_what_they_lie_between_is(tmp_path: Path) -> None:
    was = "    slope = s + z * s * (1 - s)\n"
    chain = "t = torch.cos(z)", "u = torch.sin(s) * t", "w = u + torch.exp(-s)", "v = s * w", "slope = s + v"
    spec, derivation, line = planted(tmp_path, was, "".join(f"    {step}\n" for step in chain))
    answer = located(spec, derivation)
    first = int(line.rpartition(":")[2])
    assert (answer.kind, answer.places, answer.due) == ("nowhere", (), "dL/dz")
    assert [place[0].line for place in answer.between] == [*range(first, first + len(chain))]
    assert str(statement(answer)).startswith("not located")
    assert f"{line} and " in str(statement(answer))


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ("slope = s + z", "slope = s  + z", "right_here"),
        ("slope = s + z", "slope = undefined + z", "raises"),
    ],
)
def test_what_cannot_be_searched_is_said_why(was: str, now: str, reason: str, tmp_path: Path) -> None:
    spec, derivation, _ = planted(tmp_path, was, now)
    answer = located(spec, derivation)
    assert (answer.kind, answer.reason) == ("nowhere", reason)


def test_a_wrong_row_ends_with_the_answer_and_keeps_its_verdict(tmp_path: Path) -> None:
    spec, _, line = planted(tmp_path, "s * (1 - s)", "s * (1 + s)")
    judged = run(spec)
    told = explained(spec, judged)
    assert [one.verdict for one in told] == [one.verdict for one in judged]
    wrong = [one for one in told if one.verdict == "wrong"]
    assert {one.wrt for one in wrong} == {"x", "V"}
    assert {one.wrong_line for one in wrong} == {line}
    assert all(one.diagnosis[-1].name == "repaired_at" for one in wrong)
    assert {one.wrong_line for one in told if one.verdict != "wrong"} == {""}


def test_the_listing_says_what_each_line_is(tmp_path: Path) -> None:
    spec, derivation, line = planted(tmp_path, "slope = s + z", "slope = s - z")
    made = listing(spec, derivation, located(spec, derivation))
    (rows,) = made.files.values()
    what = {row.text.strip(): row.what for row in rows}
    assert what["s = torch.sigmoid(z)"] == "= s"
    assert what["grad_h = grad_y * w"] == "= dL/dh"
    assert what["return x.sum(0)"] == "= dL/dw"
    assert [f"{spec.formula}.py:{row.line}" for row in rows if row.mark == "wrong"] == [line]
    assert made.wrong == ["x", "V"]
