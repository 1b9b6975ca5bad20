"""One line is named where names, helpers that are right elsewhere, or known values tell it from its like.

The repairs at the line itself are taken out of the search.
"""

import pytest

from tests.bench.locate import outcome
from tests.locate.by_hand import ByHand
from tests.locate.planted import planted_by_hand

MISTAKES = {
    "a name that is no gradient of what it says": ByHand(
        "glu", "product_rule", "grad_y * torch.sigmoid(b)", "torch.sigmoid(b)"
    ),
    "a name that lacks a function": ByHand("kl_div", "elementwise", "else torch.log(target)", "else target"),
    "a gradient that gets the name of another": ByHand(
        "conv2d", "im2col", "functional.fold(grad_col, *geometry)", "grad_col"
    ),
    "a shape, and not the line that returns it by its name": ByHand(
        "depthwise_conv2d",
        "entry_by_entry",
        "padding : padding + height, padding : padding + width",
        "padding : padding + height, padding : width",
    ),
    "an entry that is handed on without a step": ByHand(
        "mlp", "reverse_sweep", 'through(of_layer["x"], slope(received[i - 1]))', 'of_layer["x"]'
    ),
    "a line, and not the helper that it calls": ByHand(
        "layer_norm", "saved_statistics", "- row_mean(q))}", ")}"
    ),
    "a line, and not what lays its result out": ByHand(
        "rnn_bptt",
        "through_time",
        "through(grad_h[:, t] + carried, tanh.output_square(h[:, t]))",
        "grad_h[:, t] + carried",
    ),
    "a number that should be a gradient": ByHand(
        "cross_entropy",
        "zero_row_sum",
        "slope, likely = s * p - q, p > 1 / 2",
        "G, slope, likely = grad_loss, s * p - q, p > 1 / 2",
    ),
    "a statement, and not the docstring, where nothing reads an argument": ByHand(
        "flash_attention", "tiled", "return S - T if causal", "return T if causal"
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_one_line_is_named(kind: str) -> None:
    found = outcome(planted_by_hand(MISTAKES[kind]), taken_out=True)
    assert (len(found.answer.places), found.is_named) == (1, True), str(found)
