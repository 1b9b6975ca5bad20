"""The degenerate cases that recur, drawn for a formula."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from runner.case.spec import case_of, edge_case
from runner.formula import Edge
from tests.registry import specification

SHIFTED: list[tuple[Edge, Callable[[Tensor], Tensor]]] = [
    (Edge.zeros("x"), torch.zeros_like),
    (Edge.filled("x", 2), lambda x: torch.full_like(x, 2)),
    (Edge.scaled("x", 100), lambda x: 100 * x),
    (Edge.shifted("x", 1000), lambda x: x + 1000),
]


@pytest.mark.parametrize(("edge", "change"), SHIFTED)
def test_an_input_is_replaced_and_the_others_stay(edge: Edge, change: Callable[[Tensor], Tensor]) -> None:
    spec = specification("layer_norm")
    before, after = case_of(spec).inputs, edge_case(spec, edge).inputs
    assert torch.equal(after["x"], change(before["x"]))
    assert torch.equal(after["w"], before["w"])


def test_the_rest_of_an_edge_may_be_said_too() -> None:
    edge = Edge.filled("labels", -1, params={"ignore_index": 0}, raises=IndexError)
    assert (edge.params, edge.raises) == ({"ignore_index": 0}, IndexError)
    case = edge_case(specification("cross_entropy"), edge)
    assert case.inputs["labels"].dtype == torch.int64
    assert {*case.inputs["labels"].tolist()} == {-1}


@pytest.mark.parametrize(
    ("experiment", "edge", "size"), [("linear", "no_rows", [3, 0]), ("mlp", "empty_batch", 0)]
)
def test_a_dimension_is_empty_as_its_kind_is(experiment: str, edge: str, size: object) -> None:
    spec = specification(experiment)
    stated = case_of(spec).formula.edges[edge]
    assert [*stated.shape.values()] == [size]
    assert edge_case(spec, stated).inputs["x"].numel() == 0
    assert dataclasses.replace(stated, shape={}) == Edge()
    assert Edge.empty("N").shape == {"N": 0}
