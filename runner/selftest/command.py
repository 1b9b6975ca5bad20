"""`handgrad selftest`: plant mistakes of every class, and count those caught and the false alarms."""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from runner.errors import UserError, unknown

# Torch and pandas take seconds to import: --help does without them.


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="handgrad selftest", description=(__doc__ or "").partition(": ")[2])
    made.add_argument("--formula", nargs="+", default=[], metavar="NAME", help="plant into these alone")
    made.add_argument("--classes", nargs="+", default=[], metavar="CLASS", help="plant these classes alone")
    made.add_argument("--seeds", type=natural, default=10, help="seeds of right code; 10, and 0 for none")
    made.add_argument(
        "--per-class", type=natural, default=1, metavar="N", help="of each class and derivation, by lot; 1"
    )
    made.add_argument("--all", action="store_true", help="every mistake of every class")
    made.add_argument("--processes", type=natural, default=2, help="how many run at a time; 2")
    made.add_argument("--csv", type=Path, metavar="PATH", help="write one row for each mistake")
    made.add_argument("--markdown", action="store_true", help="print the table alone, as Markdown")
    return made


def natural(text: str) -> int:
    """Read a number that counts something."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be an integer >= 0")
    return int(text)


def main(arguments: Sequence[str]) -> int:
    """Run the self-test and print it; return 0 if all was caught and nobody falsely accused, else 1."""
    options = parser().parse_args(arguments)
    from runner.report.table import console
    from runner.selftest import report as report
    from runner.selftest.campaign import judges

    result = run(options)
    if options.csv:
        report.write(options.csv, result.outcomes)
    if options.markdown:
        print(report.markdown(result))
    else:
        report.show(result, console())
    judge = judges()[0]
    accused = any(alarm.judge == judge for one in result.innocent for alarm in one.alarms)
    return int(bool(result.survivors) or accused)


def run(options: argparse.Namespace) -> Any:
    """Plant and judge, several derivations at a time; return the `Result`.

    Raises UserError for a formula or a class that does not exist.
    """
    from runner.selftest.mistake import KINDS
    from runner.selftest.report import Result
    from runner.selftest.targets import targets

    for kind in options.classes:
        if kind not in KINDS:
            raise UserError(unknown("class of mistake", kind, KINDS))
    began = time.perf_counter()
    derivations = [(target.formula.name, target.derivation.name) for target in targets(options.formula)]
    formulas = dict.fromkeys(formula for formula, _ in derivations) if options.seeds else {}
    jobs: list[tuple[Any, ...]] = [
        (_plant, *derivation, options.classes, _most(options)) for derivation in derivations
    ]
    jobs += [(_innocent, formula, options.seeds) for formula in formulas]
    results = _at_a_time(options.processes, jobs)
    return Result(
        [outcome for found in results[: len(derivations)] for outcome in found],
        results[len(derivations) :],
        _settings(options, time.perf_counter() - began),
    )


def _most(options: argparse.Namespace) -> int | None:
    return None if options.all else options.per_class


def _settings(options: argparse.Namespace, seconds: float) -> str:
    most = _most(options)
    sample = "every mistake" if most is None else f"{most} of each class into each derivation, by a fixed lot"
    return f"{sample}; {options.seeds} seeds; {seconds / 60:.1f} min on {options.processes} processes"


def _plant(formula: str, derivation: str, kinds: Collection[str], most: int | None) -> Any:
    from runner.selftest.campaign import plant

    return plant(formula, derivation, kinds, most)


def _innocent(formula: str, seeds: int) -> Any:
    from runner.selftest.alarms import innocent

    return innocent(formula, seeds)


def _at_a_time(processes: int, jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run the jobs, in this process or in several; return what they return, in their order."""
    if processes < 2:
        return [_quietly(*job) for job in _followed(jobs, len(jobs))]
    context = multiprocessing.get_context("spawn")  # a fork would inherit PyTorch's threads
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [pool.submit(_quietly, *job) for job in jobs]
        for done in _followed(as_completed(futures), len(futures)):
            done.result()  # an error ends the run here, not after the others
        return [future.result() for future in futures]


def _followed(jobs: Iterable[Any], total: int) -> Iterable[Any]:
    """Show how far the run has come, where somebody is watching."""
    from rich.console import Console
    from rich.progress import track

    out = Console(stderr=True)
    return track(jobs, "judging", total=total, console=out, disable=not out.is_terminal, transient=True)


def _quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run one job on one thread; what a mistake makes PyTorch warn of is expected."""
    import warnings

    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments)
    finally:
        torch.set_num_threads(threads)
