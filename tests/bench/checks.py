"""What judging costs at each experiment's own shape, in float32, beside autograd and gradcheck."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch

from runner.case.spec import Spec, case_of
from runner.experiment import run
from runner.judge import manual
from runner.judge.reference import in_float64, recorded
from tests.registry import EXPERIMENTS, specification

ROUNDS = 7


def measure() -> pd.DataFrame:
    """Time all of it in turn, for the first derivation of each experiment; medians in milliseconds."""
    torch.set_num_threads(1)
    rows = [_row(name) for name in EXPERIMENTS]
    table = pd.DataFrame(rows)
    medians = {c: round(float(table[c].median()), 2) for c in table.columns if c != "experiment"}
    return pd.concat([table, pd.DataFrame([{"experiment": "MEDIAN", **medians}])], ignore_index=True)


def _row(name: str) -> dict[str, Any]:
    spec = specification(name)
    spec = dataclasses.replace(spec, derivations=spec.derivations[:1])
    case = case_of(spec)
    tasks: dict[str, Callable[[], Any]] = {
        "autograd_ms": lambda: recorded(case).gradients(),
        "off_ms": lambda: run(dataclasses.replace(spec, check="off")),
        "quick_ms": lambda: run(dataclasses.replace(spec, check="quick")),
        "full_ms": lambda: run(dataclasses.replace(spec, check="full")),
        "gradcheck_ms": lambda: _gradcheck(spec),
    }
    times: dict[str, list[float]] = {task: [] for task in tasks}
    for _ in range(ROUNDS):
        for task, call in tasks.items():
            started = time.perf_counter()
            call()
            times[task].append((time.perf_counter() - started) * 1e3)
    found = {task: round(statistics.median(values[1:]), 2) for task, values in times.items()}
    return {"experiment": name, **found, "quick_at_most_ms": round(10 * found["autograd_ms"] + 5, 2)}


def _gradcheck(spec: Spec) -> bool:
    """Hold the derivation against finite differences as its users would: in a Function, in float64."""
    case = in_float64(case_of(spec))
    names, derivation = case.differentiable, case.formula.derivations[spec.derivations[0]]

    class Manual(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *leaves: torch.Tensor) -> Any:
            ctx.save_for_backward(*leaves)
            inputs = {**case.inputs, **dict(zip(names, leaves, strict=True))}
            results = case.evaluate(inputs)
            return tuple(results[output] for output in case.formula.outputs)

        @staticmethod
        def backward(ctx: Any, *upstream: torch.Tensor) -> Any:
            inputs = {**case.inputs, **dict(zip(names, ctx.saved_tensors, strict=True))}
            grads = dict(zip(case.formula.outputs, upstream, strict=True))
            moved = dataclasses.replace(case, inputs=inputs, upstream=grads)
            found = manual.call(moved, derivation, moved.values)
            return tuple(found.get(name) for name in names)

    leaves = [case.inputs[name].clone().requires_grad_() for name in names]
    return torch.autograd.gradcheck(Manual.apply, leaves, raise_exception=False)
