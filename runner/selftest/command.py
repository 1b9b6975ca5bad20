"""`handgrad selftest`: plant mistakes of every class, and count those caught and the false alarms."""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.errors import UserError, reason, unknown
from runner.sweep.descendants import end_with_parent

INTERRUPTED = 130  # as a shell says it of a command that Ctrl-C has ended

# Torch and pandas take seconds to import: --help does without them.


def arguments(made: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    made.description = (__doc__ or "").partition(": ")[2]
    made.add_argument("--formula", nargs="+", default=[], metavar="NAME", help="plant into these alone")
    made.add_argument("--classes", nargs="+", default=[], metavar="CLASS", help="plant these classes alone")
    made.add_argument("--seeds", type=natural, default=2, help="seeds of right code; 2, and 0 for none")
    made.add_argument(
        "--per-derivation", type=natural, default=8, metavar="N", help="into each derivation, by lot; 8"
    )
    made.add_argument(
        "--per-class", type=natural, default=1, metavar="N", help="of one class into one derivation; 1"
    )
    made.add_argument("--lot", type=natural, default=0, metavar="SEED", help="draw others; 0")
    made.add_argument("--all", action="store_true", help="every mistake of every class")
    made.add_argument("--processes", type=natural, default=2, help="how many run at a time; 2")
    made.add_argument("--csv", type=Path, metavar="PATH", help="write one row for each mistake")
    made.add_argument("--markdown", action="store_true", help="print the table alone, as Markdown")


def natural(text: str) -> int:
    """Read a number that counts something."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be an integer >= 0")
    return int(text)


def main(options: argparse.Namespace) -> int:
    """Run the self-test and print it; return 0 if all was caught and nobody falsely accused, else 1.

    Interrupted, it prints what it has, and returns 130.
    """
    from runner.report.signs import console
    from runner.selftest import report as report
    from runner.selftest.campaign import judges

    result = run(options)
    if options.csv:
        report.write(options.csv, result.outcomes)
    if options.markdown:
        print(report.markdown(result))
    else:
        report.show(result, console())
    if result.interrupted:
        return INTERRUPTED
    judge = judges()[0]
    accused = any(alarm.judge == judge for one in result.innocent for alarm in one.alarms)
    return int(bool(result.survivors or result.lost) or accused)


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
        (_plant, *derivation, options.classes, _drawn(options)) for derivation in derivations
    ]
    jobs += [(_innocent, formula, options.seeds) for formula in formulas]
    finished = _at_a_time(options.processes, jobs)
    kept = {place: found for place, found in finished.items() if not isinstance(found, Lost)}
    of_mistakes = [kept.get(i, []) for i in range(len(derivations))]
    settings = _settings(options, time.perf_counter() - began)
    interrupted = len(finished) < len(jobs)
    return Result(
        [outcome for found in of_mistakes for outcome in found],
        [kept[i] for i in range(len(derivations), len(jobs)) if i in kept],
        f"interrupted after {len(finished)} of {len(jobs)} parts; {settings}" if interrupted else settings,
        interrupted,
        [str(found) for found in finished.values() if isinstance(found, Lost)],
    )


class Lost(str):
    """What one part of a self-test raised; the others go on."""


def _drawn(options: argparse.Namespace) -> dict[str, int]:
    """Return the fields of the lot: of every mistake there are none."""
    if options.all:
        return {}
    return {
        "per_class": options.per_class,
        "per_derivation": options.per_derivation,
        "seed": options.lot,
    }


def _settings(options: argparse.Namespace, seconds: float) -> str:
    counts = f"{options.per_derivation} into each derivation, {options.per_class} of a class at most"
    sample = "every mistake" if options.all else f"lot {options.lot}: {counts}"
    return f"{sample}; {options.seeds} seeds; {seconds / 60:.1f} min on {options.processes} processes"


def _plant(formula: str, derivation: str, kinds: Collection[str], drawn: dict[str, int]) -> Any:
    from runner.selftest.campaign import Lot, plant

    return plant(formula, derivation, kinds, Lot(**drawn))


def _innocent(formula: str, seeds: int) -> Any:
    from runner.selftest.alarms import innocent

    return innocent(formula, seeds)


def _at_a_time(processes: int, jobs: Sequence[tuple[Any, ...]]) -> dict[int, Any]:
    """Run the jobs, in this process or in several; return what they return by their place.

    After Ctrl-C, or where something kills a process, that is what those gave that had ended by then.
    """
    finished: dict[int, Any] = {}
    with suppress(KeyboardInterrupt, BrokenProcessPool):
        for place, result in _followed(_each(processes, jobs), jobs):
            finished[place] = result
    return finished


def _each(processes: int, jobs: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
    """Yield the place and the result of each job as it ends, `Lost` where it raises."""
    if processes < 2:
        yield from ((place, _quietly(*job)) for place, job in enumerate(jobs))
        return
    context = multiprocessing.get_context("spawn")  # a fork would inherit PyTorch's threads
    with ProcessPoolExecutor(processes, mp_context=context, initializer=end_with_parent) as pool:
        places = {pool.submit(_quietly, *job): place for place, job in enumerate(jobs)}
        try:
            for done in as_completed(places):
                yield places[done], done.result()
        except BaseException:  # Ctrl-C, or a process that was killed: nobody waits for the others
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _followed(ended: Iterable[tuple[int, Any]], jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Show how far the run has come: a bar where somebody is watching, else a line for each part."""
    from rich.console import Console
    from rich.progress import track

    out = Console(stderr=True)
    if out.is_terminal:
        yield from track(ended, "judging", total=len(jobs), console=out, transient=True)
        return
    began = time.perf_counter()
    for count, (place, result) in enumerate(ended, start=1):
        _, *what = jobs[place]
        seconds = time.perf_counter() - began
        print(f"{count}/{len(jobs)} {what[0]}: {seconds:.0f} s", file=sys.stderr, flush=True)
        yield place, result


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
    except Exception as error:  # a mistake of the self-test's own, which costs no other part
        return Lost(f"{' '.join(arguments[:2] if function is _plant else arguments[:1])}: {reason(error)}")
    finally:
        torch.set_num_threads(threads)
