"""`python -m tests.bench.bounds [SEEDS]`: how near right code comes to each bound, which is 1."""

import dataclasses
import itertools
import sys
from collections import defaultdict

import pandas as pd
import torch

from runner.case.spec import DTYPES
from runner.experiment import run
from runner.judge.judgement import Judgement
from tests.registry import EXPERIMENTS, specification


def measure(seeds: int) -> pd.DataFrame:
    """Judge every experiment in every dtype; return, for each bound, how often it was asked and how near."""
    torch.set_num_threads(1)
    ratios: dict[str, list[float]] = defaultdict(list)
    for experiment, dtype, seed in itertools.product(EXPERIMENTS, DTYPES, range(seeds)):
        spec = dataclasses.replace(specification(experiment, dtype=dtype), seed=seed, check="full")
        for judgement in run(spec):
            _note(ratios, judgement, f"accuracy in {dtype}")
    rows = [
        {"bound": name, "asked": len(of_one), "median": pd.Series(of_one).median(), "nearest": max(of_one)}
        for name, of_one in sorted(ratios.items())
    ]
    return pd.DataFrame(rows)


def _note(ratios: dict[str, list[float]], judgement: Judgement, accuracy: str) -> None:
    if judgement.errors is not None and judgement.bound:
        ratios[accuracy].append(judgement.errors.max_abs / judgement.bound)
    for trace in judgement.checked:
        if trace.closest is not None:
            ratios[f"correctness, {trace.check}"].append(trace.closest)


if __name__ == "__main__":
    print(measure(int((sys.argv[1:] or ["3"])[0])).to_string(index=False, float_format="{:.2g}".format))
