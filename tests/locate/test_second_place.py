"""Where a named line may make up for another, both are named; what passes the mistake by is no repair."""

import pytest

from runner.locate.locate import located, searched
from runner.locate.wording import statement
from tests.locate.by_hand import ByHand
from tests.locate.planted import planted_by_hand

USED = """
    G = upstream_by_row(grad_loss, labels, weight, ignore_index, reduction)
    return {"z": G * (s * p - q)}"""
SUM = "torch.sum(q, dim=1, keepdim=True)"
MISTAKES = {
    "a step that is handed on as it is": ByHand(
        "gru_step", "gates", 'of_h["x"] + grad_h_next * z', 'of_h["x"]'
    ),
    "an operand that the repair takes out": ByHand(
        "cross_entropy", "stable_log_sum_exp", f"s = {SUM}{USED}", f"s = q{USED}"
    ),
}
NEVER = ByHand(
    "cross_entropy", "zero_row_sum", "torch.sum(torch.where(likely, 0, slope), dim", "torch.sum(likely, dim"
)


@pytest.mark.parametrize("kind", MISTAKES)
def test_both_lines_are_named(kind: str) -> None:
    planted = planted_by_hand(MISTAKES[kind])
    with planted.written():
        answer = located(planted.target.spec, planted.derivation)
    named = [line.line for place in answer.places for line in place]
    assert {*named} & {*planted.lines}, str(statement(answer))
    assert len(answer.places) == 2


def test_a_condition_that_never_holds_is_no_repair() -> None:
    planted = planted_by_hand(NEVER)
    with planted.written():
        _, search, _ = searched(
            planted.target.spec, planted.derivation, lambda spot, edit: True, planted.undone.__contains__
        )
    assert search is not None
    assert not [r.words for r in search.rewrites if "p > 1 / 2" not in r.words]
