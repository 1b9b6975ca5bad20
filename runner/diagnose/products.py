"""A hypothesis on a term that is missing: the product of the upstream gradient and inputs, elementwise."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from runner.diagnose import factors
from runner.diagnose.evidence import Evidence
from runner.diagnose.scale import spread
from runner.diagnose.statement import Statement, say

UPSTREAM = "upstream gradient"
MOST_INPUTS = 6  # of which products are made
MOST_FACTORS = 2  # beside the upstream gradient


def term(evidence: Evidence) -> Statement | None:
    """Off by the upstream gradient times one or two inputs: a path that is not added, or added twice."""
    for names, product in _products(evidence):
        if not evidence.certain(product):
            continue
        factor = factors.relation(evidence, evidence.difference, product)
        if factor:
            too_much = factor.value > 0
            apart = replace(factor, value=abs(factor.value)).apart
            return say("term_too_much" if too_much else "term_missing", names=names, apart=apart)
    return None


def _products(evidence: Evidence) -> Iterator[tuple[list[str], Tensor]]:
    """Yield every product with the names of what it is made of, those of few factors first."""
    upstream = dict(spread(evidence)).get(UPSTREAM)
    if upstream is None:
        return
    known = dict([*_repeated(evidence.inputs, evidence.truth.shape)][:MOST_INPUTS])
    for count in range(1, 1 + MOST_FACTORS):
        for names in combinations_with_replacement(known, count):
            product = upstream
            for name in names:
                product = product * known[name]
            yield [f"the {UPSTREAM}", *names], product


def _repeated(inputs: Mapping[str, Tensor], size: torch.Size) -> Iterator[tuple[str, Tensor]]:
    """Yield the inputs that have a number for each element of the gradient, or can be repeated to."""
    for name, value in inputs.items():
        try:
            yield name, value.expand(size)
        except RuntimeError:  # of a shape that says nothing about single elements
            continue
