"""A wrong place is worse than none: where another line is as likely as the one that repairs, it is named too.

The answer named the other line alone. Of what is `OUT`, the repairs at its own line are out of the search.
"""

from pathlib import Path

import pytest

from runner.locate.locate import located
from tests.bench.locate import outcome
from tests.locate.by_hand import ByHand
from tests.locate.planted import planted_by_hand
from tests.locate.test_locate import lines, planted

OUT = {
    "a factor of what is used next": ByHand(
        "kl_div", "elementwise", "= g * (logp + 1 - logq)", "= logp + 1 - logq"
    ),
    "a number that is a factor": ByHand(
        "dpo_loss", "logistic", "grad_loss / max(len(h), 1) * by_h", "grad_loss * by_h"
    ),
    "a condition that always holds": ByHand("cross_entropy", "zero_row_sum", "p > 1 / 2", "p > 1 / -2"),
    "an operand that is taken away": ByHand(
        "max_pool2d", "scattered", "flat = torch.zeros_like(x).flatten(2)", "flat = x.flatten(2)"
    ),
    "a difference for a sum": ByHand(
        "lora_linear", "low_rank", 'grad_y @ W + of_A["x"]', 'grad_y @ W - of_A["x"]'
    ),
    "an argument that nothing reads, which is right": ByHand(
        "implicit_fixed_point", "by_solving", "W.mT * slope[:, None]", "W.mT / slope[:, None]"
    ),
}
PASSED_BY = ByHand(
    "einsum", "contracted", "slice(None) if c in own else None for c in every", "None for c in every"
)


@pytest.mark.parametrize("kind", OUT)
def test_the_line_of_the_mistake_is_named_too(kind: str) -> None:
    found = outcome(planted_by_hand(OUT[kind]), taken_out=True)
    assert found.is_named, str(found)


def test_a_call_that_a_repair_takes_out_is_where_the_mistake_is() -> None:
    found = outcome(planted_by_hand(PASSED_BY), taken_out=False)
    assert found.is_named, str(found)


def test_so_is_a_call_in_the_branch_that_another_one_stands_for(tmp_path: Path) -> None:
    now = "slope = sloped(s, z) if len(x) else s + z * s * (1 - s)"
    helper = "def sloped(s: Tensor, z: Tensor) -> Tensor:\n    return s\n\n\ndef summed(x"
    spec, derivation, line = planted(
        tmp_path, "slope = s + z * s * (1 - s)", now, more=("def summed(x", helper)
    )
    answer = located(spec, derivation)
    assert [int(name.rpartition(":")[2]) for name in lines(answer)] == [int(line.rpartition(":")[2]) + 6], (
        str(answer)
    )
