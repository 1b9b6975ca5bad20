"""The clock: how long a gradient takes beside autograd's, how much memory, and how far from the limit."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from runner.case.case import Case
from runner.clock import heap, memory
from runner.clock.block import cache_of
from runner.clock.ceilings import ceilings
from runner.clock.compiled import compiled
from runner.clock.noise import interval, spread
from runner.clock.preemption import Preemptions
from runner.clock.rounds import Blocks, interleaved
from runner.clock.work import Work, work
from runner.formula.autograd import Graph
from runner.formula.derivation import Derivation
from runner.judge import manual, reference
from runner.judge.judgement import Times
from runner.record import PREEMPTED
from runner.settings import Execution, Timing, Warmth

NOISY = 0.1  # of a median, the interquartile range


def clock(
    case: Case, derivation: Derivation, wrt: Sequence[str], settings: Timing, execution: Execution = "eager"
) -> Times:
    """Time a derivation against autograd on the inputs that it differentiates; `wrt` are their names.

    Forward and saved intermediates are made, and arguments picked, beforehand: each clock counts the
    gradient alone, on the same upstream gradient, without any `.grad`. What the derivation itself raises
    gets out.
    """
    warmth: Warmth = "cold" if settings.heap == "cold" else "warm"
    heap.set_heap(warmth)
    with torch.no_grad():
        eager = Side.of(derivation, case)
        manual.result_of(case, derivation, eager.call)  # the first call allocates; it is not what is asked
        found = eager.work
        timed, compile_ms = eager, None
        if execution == "compile":
            timed, compile_ms = _compiled(derivation, case)
        theirs = Side.autograd(case, wrt)
        tasks = {"manual": timed.call, "autograd": theirs.call, "forward": _forward(case)}
        peaks = [memory.peak_mb(side.call, case.device) for side in (timed, theirs)]
        preemptions = Preemptions()
        blocks, ended = interleaved(tasks, settings, case.device)
        is_preempted = (
            preemptions.are_many and case.device.type == "cpu"
        )  # a GPU's events do not see the host
    heap.trim(int(max(peaks) * memory.MEGABYTE))
    return Times(
        timing=_how(settings, case.device, ended, PREEMPTED if is_preempted else ""),
        **_times(blocks, is_noisy=is_preempted),
        compile_ms=compile_ms,
        peak_memory_mb=_short(peaks[0]),
        autograd_peak_memory_mb=_short(peaks[1]),
        saved_mb=_short(eager.saved_mb),
        autograd_saved_mb=_short(theirs.saved_mb),
        operations=found.operations,
        **_limit(found, theirs, case, blocks),
    )


def _how(settings: Timing, device: torch.device, *more: str) -> str:
    heap_is = settings.heap if heap.is_glibc() else "unknown"
    said = [settings.level, f"cache={cache_of(settings, device)}", f"heap={heap_is}", *more]
    return " ".join(filter(None, said))


@dataclass(frozen=True)
class Side:
    """One of the two whose gradients are timed: a call without arguments, and the tensors that it holds."""

    call: Callable[[], Any]
    kept: Sequence[Tensor]
    given: Sequence[Tensor]

    @classmethod
    def of(cls, derivation: Derivation, case: Case) -> "Side":
        """Bind a derivation to a case, and what its own forward saves for it."""
        with memory.keeping() as kept:
            call = derivation.bound(case.values, case.inputs)
        held = [leaf for leaf in tree_leaves(call.keywords) if isinstance(leaf, Tensor)]  # type: ignore[attr-defined]
        return cls(call, [*held, *kept], _given(case))

    @classmethod
    def autograd(cls, case: Case, wrt: Sequence[str]) -> "Side":
        """Record what a user would call, twice: what it saves is seen through hooks, which cost time."""
        with memory.keeping() as kept:
            observed = reference.recorded(case)
        given = [*_given(case), *observed.leaves.values()]
        saved = [tensor.detach() for tensor in kept]
        graph: Graph = reference.recorded(case)
        return cls(graph.bound(wrt), saved, given)

    @property
    def saved_mb(self) -> float:
        """The memory that forward keeps for backward, beyond inputs and upstream gradients."""
        return memory.size_mb(self.kept, self.given)

    @cached_property
    def work(self) -> Work:
        """What a call has to do at least."""
        return work(self.call, self.kept)


def _given(case: Case) -> list[Tensor]:
    return [*case.inputs.values(), *case.upstream.values()]


def _forward(case: Case) -> Callable[[], Any]:
    return partial(case.evaluate_library, case.inputs)


def _compiled(derivation: Derivation, case: Case) -> tuple[Side, float]:
    """Compile for the shapes of a case alone; return what it makes, and the milliseconds that it took."""
    import torch._dynamo
    import torch._inductor.config

    made = compiled(derivation, dynamic=False)
    side = Side.of(made, case)
    torch._dynamo.reset()
    with torch._inductor.config.patch(force_disable_caches=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no cache
        began = time.perf_counter()
        side.call()
        return side, _ms(time.perf_counter() - began)


def _times(blocks: Blocks, *, is_noisy: bool) -> dict[str, Any]:
    mine, theirs = blocks["manual"], blocks["autograd"]
    ratios = [theirs / mine for mine, theirs in zip(mine, theirs, strict=True)]
    low, high = interval(ratios)
    return {
        "blocks": len(mine),
        "manual_ms": _ms(median(mine)),
        "manual_iqr_ms": _ms(spread(mine)),
        "autograd_ms": _ms(median(theirs)),
        "autograd_iqr_ms": _ms(spread(theirs)),
        "forward_ms": _ms(median(blocks["forward"])),
        "speedup": _short(median(ratios), 3),
        "speedup_low": _short(low, 3),
        "speedup_high": _short(high, 3),
        "noisy": is_noisy or any(spread(side) > NOISY * median(side) for side in (mine, theirs)),
        "manual_blocks_ms": tuple(map(_ms, mine)),
        "autograd_blocks_ms": tuple(map(_ms, theirs)),
    }


def _limit(done: Work, autograd: Side, case: Case, blocks: Blocks) -> dict[str, Any]:
    """Return the least time of the machine for what has to be done: moving its bytes, or computing.

    A derivation that computes more than autograd does is held against what autograd computes.
    """
    known = ceilings(case.device)
    moving = known.least_seconds_to_move(done.bytes)
    flops = min(done.flops, autograd.work.flops) if done.flops else 0  # without any, nobody need count
    computing = known.least_seconds_to_compute(flops, case.dtype)
    floor = max(moving, computing)
    return {
        "floor_ms": _ms(floor),
        "floor_by": "memory" if moving >= computing else "compute",
        "efficiency": _short(floor / median(blocks["manual"]), 3),
        "autograd_efficiency": _short(floor / median(blocks["autograd"]), 3),
    }


def _ms(seconds: float) -> float:
    return _short(seconds * 1e3)


def _short(value: float, digits: int = 4) -> float:
    return float(f"{value:.{digits}g}")
