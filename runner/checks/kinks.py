"""Right around the numbers that stand in the code: where a function has a kink, and where code branches."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.shrink import everywhere
from runner.checks.source import literals
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

NEAR = (-1, 0, 1)
LARGEST = 128  # beyond lie sizes of blocks, and numbers that stand for infinity
MOST = 8  # samples


@check("full")
def around_literals(subject: Subject) -> Iterator[Outcome]:
    """Inputs made of the numbers in the source and of the hyper-parameters, of both signs, and one beside."""
    case, values = case_of(subject.small()), _values(subject)
    elements = max((case.inputs[name].numel() for name in subject.free(case)), default=0)
    if not elements:
        return
    for sample in subject.once(f"around {values}", lambda: list(_samples(subject, case, values))):
        yield from subject.compare(sample, "around_literals")
    if (left := len(values) - MOST * elements) > 0:
        unvisited = say("not_visited", count=left, total=len(values))
        yield Outcome(check="around_literals", broken=unvisited, verdict=None)


def _values(subject: Subject) -> list[float]:
    given = (value for value in subject.spec.params.values() if type(value) in (int, float))
    sizes = {abs(float(number)) for number in (*literals(subject), *given) if abs(number) <= LARGEST}
    return sorted({sign * size + step for size in sizes for sign in (1, -1) for step in NEAR})


def _samples(subject: Subject, case: Case, values: Sequence[float]) -> Iterator[Sample]:
    """Deal the values out to each input in an order of its own, and go on where the last sample ended."""
    small, generator = subject.small(), torch.Generator().manual_seed(subject.spec.seed)
    inputs = {name: case.inputs[name] for name in subject.free(case)}
    pools = {name: torch.tensor(values)[torch.randperm(len(values), generator=generator)] for name in inputs}
    samples = -(-len(values) // max(value.numel() for value in inputs.values()))
    for i in range(min(MOST, samples)):
        dealt = {}
        for name, value in inputs.items():
            places = torch.arange(i * value.numel(), (i + 1) * value.numel()) % len(values)
            dealt[name] = pools[name][places].view(value.shape).to(value)
        condition = f"numbers of the source, and one beside, part {i + 1}"
        if sample := subject.sample_at(condition, case.with_inputs(dealt), kink=True):
            numbers = sorted({*torch.cat([value.flatten() for value in dealt.values()]).tolist()}, key=abs)
            yield replace(sample, alone=(*(everywhere(small, number) for number in numbers),))
