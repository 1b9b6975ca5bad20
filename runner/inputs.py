"""Seeded inputs for a formula, and the case that they make: everything a gradient is checked on."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runner.config import Inputs
from runner.draw import UPSTREAMS, Draw
from runner.errors import FormulaError, unknown
from runner.formula import Formula, Shape, signature


@dataclass(frozen=True)
class Case:
    """One formula at concrete tensors: inputs by name, hyper-parameters, upstream gradients by output."""

    formula: Formula
    inputs: Mapping[str, Tensor]
    params: Mapping[str, Any]
    upstream: Mapping[str, Tensor]

    @property
    def differentiable(self) -> list[str]:
        """The inputs that have a gradient: floating, and not held constant."""
        return [
            name
            for name, value in self.inputs.items()
            if value.is_floating_point() and name not in self.formula.constants
        ]

    def map(self, change: Callable[[Tensor], Tensor]) -> "Case":
        """Apply a function to every floating tensor, constants and upstream included."""

        def changed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {n: change(t) if t.is_floating_point() else t for n, t in tensors.items()}

        return Case(self.formula, changed(self.inputs), self.params, changed(self.upstream))

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Case":
        """Move every tensor, and round the floating ones to a dtype."""
        moved = Case(
            self.formula,
            {name: value.to(device) for name, value in self.inputs.items()},
            self.params,
            {name: value.to(device) for name, value in self.upstream.items()},
        )
        return moved.map(lambda tensor: tensor.to(dtype))

    @cached_property
    def results(self) -> dict[str, Tensor]:
        """Outputs and saved intermediates of the plain forward, without a graph."""
        with torch.no_grad():
            return self.formula.apply(self.formula.forward, self.inputs, self.params)

    @property
    def values(self) -> dict[str, Any]:
        """Everything that a derivation may ask for, by name."""
        upstream = {f"grad_{name}": value for name, value in self.upstream.items()}
        return {**self.params, **self.inputs, **self.results, **upstream}


def draw(
    formula: Formula,
    shape: Shape,
    params: Mapping[str, Any],
    *,
    seed: int,
    settings: Inputs | None = None,
    upstream: str = "ones",
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Case:
    """Draw inputs, then upstream gradients, and round and move both."""
    rng = Draw(seed, settings)
    sizes = formula.sizes(shape, params)
    sampled = _sampled(formula, rng, shape, params, sizes)
    inputs = {name: sampled[name] if name in sampled else rng.default(size) for name, size in sizes.items()}
    case = Case(formula, inputs, params, {}).to(device, dtype)
    grads = {name: UPSTREAMS[upstream](rng, case.results[name].shape) for name in formula.outputs}
    return Case(formula, case.inputs, params, grads).to(device, dtype)


def draw_inputs(formula: Formula, shape: Shape, params: Mapping[str, Any], rng: Draw) -> dict[str, Tensor]:
    """Draw the inputs alone: first what the formula samples, then the others in the order of `shapes`."""
    sizes = formula.sizes(shape, params)
    sampled = _sampled(formula, rng, shape, params, sizes)
    return {name: sampled[name] if name in sampled else rng.default(size) for name, size in sizes.items()}


def _sampled(
    formula: Formula,
    rng: Draw,
    shape: Shape,
    params: Mapping[str, Any],
    sizes: Mapping[str, tuple[int, ...]],
) -> dict[str, Tensor]:
    if formula.sample is None:
        return {}
    sampled = formula.sample(rng, **signature(formula.sample).pick({**params, **shape}))
    for name, value in sampled.items():
        if name not in sizes:
            raise FormulaError(f"{formula.name}: sample: {unknown('input', name, sizes)}")
        if tuple(value.shape) != tuple(sizes[name]):
            raise FormulaError(
                f"{formula.name}: sample draws {name} as {tuple(value.shape)}; shapes says {sizes[name]}"
            )
    return dict(sampled)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, NumPy and torch, and put their generators back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
