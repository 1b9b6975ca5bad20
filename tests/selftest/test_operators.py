"""Each change of a syntax tree does what its docstring says."""

import ast

import pytest

from runner.selftest.mutate import changes
from runner.selftest.operators import OPERATORS

CASES = [
    ("a + b", "algebra", "a - b"),
    ("a * b", "algebra", "a / b"),
    ("a + b", "dropped term", "a"),
    ("a - b", "dropped term", "b"),
    ("a * grad_y", "upstream ignored", "a"),
    ("2 * a", "scale", "a"),
    ("a / n", "scale", "a"),
    ("v + eps", "eps", "v"),
    ("rsqrt(v + eps)", "eps", "rsqrt(v) + eps"),
    ("a @ b", "transpose", "b @ a"),
    ("a * 2.0", "scale", "a * 1.0"),
    ("a * 1", "scale", "a * 2"),
    ("a * 3", "scale", "a * -3"),
    ("-a", "algebra", "a"),
    ("~a", "algebra", "a"),
    ("a.mT", "transpose", "a"),
    ("a.transpose(0, 1)", "transpose", "a"),
    ("a.to(d)", "wrong dtype", "a"),
    ("a.sum_to_size(s)", "missing broadcast sum", "a"),
    ("wide(a)", "algebra", "a"),
    ("a.sum(0)", "scale", "a.mean(0)"),
    ("torch.mean(a)", "scale", "torch.sum(a)"),
    ("a.sum(dim=-1)", "reduction axis", "a.sum(dim=0)"),
    ("a.mean(0)", "reduction axis", "a.mean(-1)"),
    ("torch.sum(a, dim=1, keepdim=True)", "reduction axis", "torch.sum(a, dim=1, keepdim=False)"),
    ("a.sum(dim=(0, 2, 3))", "reduction axis", "a.sum(dim=(2, 3))"),
    ("a > b", "ties and zeros", "a >= b"),
    ("a == b", "ties and zeros", "a != b"),
    ("torch.where(c, a, b)", "algebra", "torch.where(c, b, a)"),
    ("torch.einsum('ij,j->i', a, b)", "transpose", "torch.einsum('ji,j->i', a, b)"),
    ("{'x': a, 'y': b}", "swapped gradients", "{'x': b, 'y': a}"),
    ("{'x': a, 'y': b}", "missing output", "{'x': a}"),
    ("a[i:j]", "tail of a tile", "a[i + 1:j]"),
    ("a[i:j]", "tail of a tile", "a[i:j - 1]"),
    ("range(n)", "tail of a tile", "range(n - 1)"),
    ("a if c else b", "algebra", "b"),
]


def changed(source: str) -> set[tuple[str, str]]:
    tree = ast.parse(f"def f():\n    {source}").body[0]
    assert isinstance(tree, ast.FunctionDef)
    return {(kind, ast.unparse(other.body[0])) for kind, other in changes(tree)}


@pytest.mark.parametrize(("before", "kind", "after"), CASES, ids=[f"{b} to {a}" for b, _, a in CASES])
def test_change(before: str, kind: str, after: str) -> None:
    assert (kind, after) in changed(before)


def test_statements_are_dropped() -> None:
    assert ("dropped term", "pass") in changed("a[0] = b")
    assert {("dropped term", "pass"), ("dropped term", "a = b"), ("algebra", "a -= b")} <= changed("a += b")


@pytest.mark.parametrize(
    ("source", "scaled"),
    [
        ("a.sum(-1)", {"a.mean(-1)"}),
        ("a[0]", set()),
        ("a.flatten(2)", set()),
        ("a.sum(dim=1)", {"a.mean(dim=1)"}),
    ],
)
def test_axes_and_indices_are_no_numbers(source: str, scaled: set[str]) -> None:
    assert {after for kind, after in changed(source) if kind == "scale"} == scaled


def test_every_operator_is_tried() -> None:
    tried = {kind for source, _, _ in CASES for kind, _ in changed(source)}
    assert {kind for _, kind, _ in CASES} <= tried
    operators = {operator for found in OPERATORS.values() for operator in found}
    assert all(operator.__doc__ for operator in operators)
