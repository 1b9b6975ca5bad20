"""Several verdicts are put into one sentence."""

from typing import Any

import pytest

from runner import diagnose
from runner.formula import Shape
from tests.diagnose.diagnosed import read


def summarise(*verdicts: Any, **more: Any) -> str:
    return read(diagnose.summarise(*verdicts, **more))


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (["W", "x"], ["b"], "W and x are right, only b is wrong"),
        (["W"], ["b", "x"], "W is right, only b and x are wrong"),
        (["W"], [], ""),
        ([], ["W", "x"], ""),
    ],
)
def test_one_input_of_several(right: list[str], wrong: list[str], words: str) -> None:
    assert summarise(inputs=dict.fromkeys(right, True) | dict.fromkeys(wrong, False)) == words


def test_one_condition_of_several() -> None:
    conditions = {"contiguous input": True, "non-contiguous input": False, "ties": True}
    assert summarise(conditions=conditions) == (
        "wrong only for non-contiguous input (right for contiguous input and ties)"
    )
    assert summarise({"W": True, "b": False}, conditions).startswith(
        "W is right, only b is wrong; wrong only"
    )
    assert summarise() == ""


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ([{"m": 5, "n": 5}, {"m": 7, "n": 7}], [{"m": 3, "n": 5}, {"m": 9, "n": 2}], "only where m != n"),
        ([{"m": 5, "n": 4}, {"m": 7, "n": 2}], [{"m": 3, "n": 5}, {"m": 9, "n": 10}], "only where m < n"),
        ([{"n": 32}, {"n": 48}, {"n": 64}], [{"n": 35}, {"n": 56}], "only where n is no multiple of 16"),
        (
            [{"size": [1, 3]}, {"size": [4, 3]}],
            [{"size": [2, 1]}, {"size": [4, 1]}],
            "only where size[1] = 1",
        ),
        ([{"n": 5}, {"n": 8}], [{"n": 7}, {"n": 3}], "at n=7 and n=3, and not at n=5 and n=8"),
        ([{"n": 3}, {"n": 7}], [{"n": 5}, {"n": 9}], "at n=5 and n=9, and not at n=3 and n=7"),
        ([{"n": 3}], [{"n": n} for n in (2, 4, 5, 6)], "at n=2, n=4, n=5 and others, and not at n=3"),
    ],
)
def test_some_shapes_of_several(right: list[Shape], wrong: list[Shape], words: str) -> None:
    shapes = [(shape, True) for shape in right] + [(shape, False) for shape in wrong]
    assert summarise(shapes=shapes).startswith(f"wrong at {len(wrong)} of {len(shapes)} shapes")
    assert summarise(shapes=shapes).endswith(words)


def test_shapes_that_are_all_wrong_tell_nothing() -> None:
    assert summarise(shapes=[({"n": 3}, False), ({"n": 5}, False)]) == ""
