"""Arbitrary numbers, and the diagnosis of a gradient of which everything is known."""

import json
from typing import Any

import torch
from torch import Tensor

from runner.diagnose import Statement, diagnose, sentence
from runner.diagnose.sentences import SENTENCES

NAN, INF = float("nan"), float("inf")
BOUND = 1e-11
NOTHING = "no simple explanation: "


def numbers(*size: int, seed: int = 0) -> Tensor:
    """Draw arbitrary numbers, none of them near zero."""
    drawn = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn + 0.1 * drawn.sign()


T, X, U = numbers(5, 7), numbers(5, 7, seed=1), numbers(5, 7, seed=2)
OTHERS = {"w": numbers(5, 7, seed=5), "b": numbers(7, seed=6), "labels": torch.arange(7)}
SQUARE, SYMMETRIC = numbers(5, 5), numbers(5, 5) + numbers(5, 5).T
ROW, COLUMN = numbers(1, 7, seed=3), numbers(5, 1, seed=4)


def read(statement: Statement | None) -> str:
    """Return a statement's sentence, which a ledger must give back, whether or not it reads floats."""
    if statement is None:
        return ""
    kept = json.dumps(statement.as_data())
    assert sentence(json.loads(kept)) == sentence(json.loads(kept, parse_float=str)) == str(statement)
    assert statement.name in SENTENCES
    return str(statement)


def judged(gradient: Tensor, truth: Tensor, bound: float, **known: Any) -> str:
    """Diagnose with a bound of one's own."""
    return read(diagnose(gradient, truth, bound, **known))


def told(gradient: Tensor, truth: Tensor = T, **known: Any) -> str:
    """Diagnose with everything known that the runner knows."""
    size = dict(zip("mnkl", truth.shape, strict=False))
    params = {"eps": 1e-5, "p": 0.1, "causal": True, "mode": "sum"}
    matching = {"value": X, "upstream": U} if truth.shape == T.shape else {}
    known = {"dimensions": size, "params": params, **matching, **known}
    return judged(gradient, truth, BOUND, **known)


def replaced(index: Any, values: Tensor | float, tensor: Tensor = T) -> Tensor:
    changed = tensor.clone()
    changed[index] = values
    return changed
