"""Seeded inputs for a formula, drawn or read from a file, and the case that they make."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runner.case import tensors
from runner.case.case import Case
from runner.errors import FormulaError, unknown
from runner.formula import Formula, Shape
from runner.formula.draw import UPSTREAMS, Draw
from runner.formula.example import GIVEN, NOT_DRAWN
from runner.formula.signature import signature
from runner.settings import Inputs


def make_case(
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

    An input that the formula samples in a dtype of its own keeps it where that is the more precise, as a
    float32 master weight among bfloat16 activations; upstream gradients have the dtype of the result.
    Where the settings name a file, inputs are read from it; `upstream="file"` reads upstream gradients too.
    In place of both, GIVEN stands for the tensors of the formula's example.
    """
    rng = Draw(seed, settings)
    file = settings.file if settings else None
    given = _given(formula, file)
    read = {name: given[name] for name in formula.sizes(shape, params)} if given else None
    drawn = read or draw_inputs(formula, shape, params, rng)
    keep = not read or file == GIVEN
    inputs = {name: _placed(value, device, dtype, keep=keep) for name, value in drawn.items()}
    case = Case(formula, inputs, params, {})
    if upstream in NOT_DRAWN:
        grads = {name: given[f"grad_{name}"] for name in formula.outputs}
    else:
        grads = {name: UPSTREAMS[upstream](rng, case.results[name].shape) for name in formula.outputs}
    dtypes = {name: case.results[name].dtype for name in grads if case.results[name].is_floating_point()}
    return case.with_upstream(
        {name: grad.to(device, dtypes.get(name, dtype)) for name, grad in grads.items()}
    )


def _given(formula: Formula, file: str | None) -> Mapping[str, Tensor]:
    """Return tensors that are not drawn: those of the formula's example, or of a file."""
    if file != GIVEN:
        return tensors.load(file) if file else {}
    return formula.example.tensors if formula.example else {}


def _placed(value: Tensor, device: str, dtype: torch.dtype, *, keep: bool) -> Tensor:
    """Move a tensor, and round a floating one to the dtype of the experiment or to its own."""
    if not value.is_floating_point():
        return value.to(device)
    stated = keep and value.dtype != torch.float64  # what is drawn is float64 until somebody says otherwise
    return value.to(device, torch.promote_types(value.dtype, dtype) if stated else dtype)


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
        if value.is_complex():
            raise FormulaError(
                f"{formula.name}: sample draws {name} as {value.dtype}; an input is real: give pairs, "
                "as torch.view_as_real makes them"
            )
        if tuple(value.shape) != tuple(sizes[name]):
            raise FormulaError(
                f"{formula.name}: sample draws {name} as {tuple(value.shape)}; shapes says {sizes[name]}"
            )
    return dict(sampled)


def with_all_digits(case: Case, shape: Shape, seed: int = 0) -> Case:
    """Return a float64 case with numbers that float32 does not hold, so that a float32 step shows its loss.

    Inputs that the formula samples itself stay as they are: labels, masks, matrices with a property.
    """
    generator = torch.Generator().manual_seed(seed)
    sampled = sampled_names(case.formula, shape, case.params) if case.formula.sample else set()

    def more(tensor: Tensor) -> Tensor:
        noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor)
        return tensor * (1 + 1e-8 * noise) if tensor.is_floating_point() else tensor

    inputs = {name: value if name in sampled else more(value) for name, value in case.inputs.items()}
    upstream = {name: more(value) for name, value in case.upstream.items()}
    return Case(case.formula, inputs, case.params, upstream)


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
