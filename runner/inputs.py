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

from runner import tensors
from runner.compare import magnitude
from runner.config import Inputs
from runner.draw import UPSTREAMS, Draw
from runner.errors import FormulaError, unknown
from runner.formula import Formula, Shape
from runner.signature import signature


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

        def moved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {
                n: t.to(device, dtype) if t.is_floating_point() else t.to(device) for n, t in tensors.items()
            }

        return Case(self.formula, moved(self.inputs), self.params, moved(self.upstream))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the floating inputs."""
        return next(
            (t.dtype for t in self.inputs.values() if t.is_floating_point()), torch.get_default_dtype()
        )

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return next(iter(self.inputs.values())).device

    @property
    def terms(self) -> int:
        """No fewer terms than any sum in the gradient has: every number that goes in."""
        return sum(tensor.numel() for tensor in (*self.inputs.values(), *self.upstream.values())) or 1

    @cached_property
    def upstream_size(self) -> float:
        """The largest finite number in the upstream gradients."""
        return max(map(magnitude, self.upstream.values()))

    @cached_property
    def results(self) -> dict[str, Tensor]:
        """Outputs and saved intermediates of the plain forward, without a graph."""
        with torch.no_grad():
            return self.formula.apply(self.formula.forward, self.inputs, self.params)

    def with_results(self, change: Callable[[Tensor], Tensor]) -> "Case":
        """Return the case with every output and saved intermediate changed, the inputs left alone."""
        changed = Case(self.formula, self.inputs, self.params, self.upstream)
        changed.__dict__["results"] = {name: change(value) for name, value in self.results.items()}
        return changed

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
    """Draw inputs, then upstream gradients, and round and move both.

    Where the settings name a file, inputs are read from it; `upstream="file"` reads upstream gradients too.
    """
    rng = Draw(seed, settings)
    given = tensors.load(settings.file) if settings and settings.file else {}
    read = {name: given[name] for name in formula.sizes(shape, params)} if given else None
    inputs = read or draw_inputs(formula, shape, params, rng)
    case = Case(formula, inputs, params, {}).to(device, dtype)
    if upstream == "file":
        grads = {name: given[f"grad_{name}"] for name in formula.outputs}
    else:
        grads = {name: UPSTREAMS[upstream](rng, case.results[name].shape) for name in formula.outputs}
    return Case(formula, case.inputs, params, grads).to(device, dtype)


def draw_inputs(formula: Formula, shape: Shape, params: Mapping[str, Any], rng: Draw) -> dict[str, Tensor]:
    """Draw the inputs alone: first what the formula samples, then the others in the order of `shapes`."""
    sizes = formula.sizes(shape, params)
    sampled = _sampled(formula, rng, shape, params, sizes)
    return {name: sampled[name] if name in sampled else rng.default(size) for name, size in sizes.items()}


def sampled_names(formula: Formula, shape: Shape, params: Mapping[str, Any]) -> set[str]:
    """Return the inputs that the formula draws itself, and whose values therefore are not free."""
    return {*_sampled(formula, Draw(0), shape, params, formula.sizes(shape, params))}


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
        torch.default_generator.manual_seed(seed)  # torch.manual_seed takes a millisecond without a GPU
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
