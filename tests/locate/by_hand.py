"""Sixty mistakes of the kinds that people make, written by hand before the locator was tuned.

Each is planted into a copy of a formula's file: the snippet stands there once, and is replaced.
"""

from typing import NamedTuple


class ByHand(NamedTuple):
    """A mistake as data: where, what stood there, and what somebody would write instead."""

    formula: str
    derivation: str
    was: str
    now: str


LAYER_NORM = (
    ("q - xh * row_mean(q * xh) - row_mean(q)", "q + xh * row_mean(q * xh) - row_mean(q)"),
    ("q - xh * row_mean(q * xh) - row_mean(q)", "q - xh * row_mean(q * xh)"),
    ("q - xh * row_mean(q * xh) - row_mean(q)", "q - row_mean(q * xh) - row_mean(q)"),
    ("q - xh * row_mean(q * xh) - row_mean(q)", "q - xh * row_mean(q) * xh - row_mean(q)"),
    ("q - xh * row_mean(q * xh) - row_mean(q)", "q - x * row_mean(q * xh) - row_mean(q)"),
    ("rstd * (q - xh", "rstd**2 * (q - xh"),
    ("else w * grad_y  # dL/dxh", "else grad_y  # dL/dxh"),
    ("(grad_y * xh).sum_to_size(w.shape)", "(grad_y * x).sum_to_size(w.shape)"),
    ("(grad_y * xh).sum_to_size(w.shape)", "(q * xh).sum_to_size(w.shape)"),
    ("= grad_y.sum_to_size(b.shape)", "= grad_y.mean(dim=(0, 1))"),
)

ATTENTION = (
    ("grad_qk = factor(q, scale) * grad_s", "grad_qk = grad_s"),
    ("grad_qk = factor(q, scale) * grad_s", "grad_qk = grad_s / factor(q, scale)"),
    (
        "softmax.output_product(grad_y @ v.mT, probabilities)",
        "softmax.output_product(grad_y @ v.mT, -probabilities)",
    ),
    ('softmax.output_product(grad_y @ v.mT, probabilities)["x"]', "(grad_y @ v.mT) * probabilities"),
    (
        'softmax.output_product(grad_y @ v.mT, probabilities)["x"]',
        "(grad_y @ v.mT - ((grad_y @ v.mT) * probabilities).sum(-1, keepdim=True))",
    ),
    (
        'softmax.output_product(grad_y @ v.mT, probabilities)["x"]',
        "probabilities * (grad_y @ v.mT - ((grad_y @ v.mT) * probabilities).sum(-2, keepdim=True))",
    ),
    ('"k": grad_qk.mT @ q', '"k": grad_s.mT @ q'),
    ('"q": grad_qk @ k', '"q": grad_s @ k'),
    ('"v": probabilities.mT @ grad_y', '"v": grad_s.mT @ grad_y'),
    ('"v": probabilities.mT @ grad_y', '"v": probabilities.softmax(-1).mT @ grad_y'),
)

LSTM_STEP = (
    ("grad_c_next + through(grad_h_next * o, tanh.output_square(t))", "grad_c_next + grad_h_next * o"),
    (
        "grad_c_next + through(grad_h_next * o, tanh.output_square(t))",
        "through(grad_h_next * o, tanh.output_square(t))",
    ),
    (
        "grad_c_next + through(grad_h_next * o, tanh.output_square(t))",
        "grad_c_next + through(grad_h_next * t, tanh.output_square(t))",
    ),
    (
        "grad_c_next + through(grad_h_next * o, tanh.output_square(t))",
        "grad_c_next + through(grad_h_next * o, 1 - t)",
    ),
    ("through(grad_c * g, sigmoid.output_product(i))", "through(grad_c * i, sigmoid.output_product(i))"),
    ("through(grad_c * c, sigmoid.output_product(f))", "through(grad_c * c, tanh.output_square(f))"),
    ("through(grad_c * i, tanh.output_square(g))", "through(grad_c * i, sigmoid.output_product(g))"),
    ("through(grad_h_next * t, sigmoid.output_product(o))", "through(grad_c * t, sigmoid.output_product(o))"),
    ('"c": grad_c * f', '"c": grad_c * i'),
    ('"c": grad_c * f', '"c": grad_c_next * f'),
)

MLP = (
    ("slope(received[i - 1]))", "slope(received[i - 1]) / 2)"),
    ('delta = through(of_layer["x"], slope(received[i - 1]))', 'delta = of_layer["x"]'),
    (
        'delta = through(of_layer["x"], slope(received[i - 1]))',
        'delta = through(of_layer["x"], slope(of_layer["x"]))',
    ),
    (
        'delta = through(of_layer["x"], slope(received[i - 1]))',
        'delta = through(of_layer["x"], received[i - 1])',
    ),
    ("delta = grad_y  # d_k", "delta = 2 * grad_y  # d_k"),
    ("delta = grad_y  # d_k", "delta = grad_y / len(grad_y)  # d_k"),
    ('f"b{i}": of_layer["b"]}', 'f"b{i}": of_layer["b"] / len(x)}'),
    ('f"W{i}": of_layer["W"]', 'f"W{i}": -of_layer["W"]'),
    (
        "linear.outer_product(delta, received[i - 1], W, b)",
        "linear.outer_product(delta, torch.relu(received[i - 1] - 1), W, b)",
    ),
    (
        'return {**gradients, "x": of_layer["x"]}',
        'return {**gradients, "x": through(of_layer["x"], slope(x))}',
    ),
)

CROSS_ENTROPY = (
    ('return {"z": G * (s * p - q)}', 'return {"z": G * (s * p - q) / s.numel()}'),
    ('return {"z": G * (s * p - q)}', 'return {"z": G * (q - s * p)}'),
    ('return {"z": G * (s * p - q)}', 'return {"z": s * p - q}'),
    ('return {"z": G * (s * p - q)}', 'return {"z": G * (s * p + q)}'),
    ('return {"z": G * (s * p - q)}', 'return {"z": G * (s - q)}'),
    ('return {"z": G * (s * p - q)}', 'return {"z": G * p * (s * p - q)}'),
    (
        "return torch.where(labels == ignore_index, 0, G)[:, None]",
        "return torch.where(labels == ignore_index, 0, G)[:, None] / len(labels)",
    ),
    ("return len(counted) if weight is None", "return len(labels) if weight is None"),
    (
        "G = grad_loss / divisor(labels, weight, ignore_index, reduction)",
        "G = grad_loss * divisor(labels, weight, ignore_index, reduction)",
    ),
    ("G = grad_loss / divisor(labels, weight, ignore_index, reduction)", "G = grad_loss"),
)

FUSED = (
    ("dW += dz.T @ X[rows]", "dW = dz.T @ X[rows]"),
    ("dW += dz.T @ X[rows]", "dW -= dz.T @ X[rows]"),
    ("dW += dz.T @ X[rows]", "dW += dz.T @ X[rows] / chunk"),
    ("dW += dz.T @ X[rows]", "dW += z.T @ X[rows]"),
    ("dX[rows] = dz @ W", "dX[rows] += dz @ W + X[rows]"),
    ("dX[rows] = dz @ W", "dX[rows] = z @ W"),
    ("dX[rows] = dz @ W", "dX[start] = (dz @ W)[0]"),
    (
        'dz = by_logits(G[rows], z, labels[rows], ignore_index, "none")',
        'dz = by_logits(G[rows], -z, labels[rows], ignore_index, "none")',
    ),
    (
        'dz = by_logits(G[rows], z, labels[rows], ignore_index, "none")',
        'dz = by_logits(grad_loss, z, labels[rows], ignore_index, "mean")',
    ),
    ("rows = slice(start, start + chunk)", "rows = slice(start + 1, start + chunk)"),
)

MISTAKES = tuple(
    ByHand(formula, derivation, was, now)
    for formula, derivation, snippets in (
        ("layer_norm", "saved_statistics", LAYER_NORM),
        ("scaled_dot_product_attention", "saved_probabilities", ATTENTION),
        ("lstm_step", "gates", LSTM_STEP),
        ("mlp", "reverse_sweep", MLP),
        ("cross_entropy", "zero_row_sum", CROSS_ENTROPY[6:]),
        ("cross_entropy", "stable_log_sum_exp", CROSS_ENTROPY[:6]),
        ("fused_linear_cross_entropy", "chunked", FUSED),
    )
    for was, now in snippets
)
