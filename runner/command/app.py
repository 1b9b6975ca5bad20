"""The Hydra application: `python -m runner`, and what surrounds it on the way in and out."""

import gc
import os
import re
import shutil
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from runner import interrupt
from runner.command.explain import explained, is_input
from runner.command.schema import register_with_hydra
from runner.errors import StoppedError, UserError, printable
from runner.files import CONF
from runner.streams import forgiving, unwritten

if TYPE_CHECKING:
    from runner.case.spec import Spec
    from runner.sweep.job import Job
    from runner.verdicts import Verdict

REFUSED = (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError, UserError, OSError)

# Torch and pandas take seconds to import: help, completion and --cfg do without them, so whatever
# needs them is imported where it is used.

BAD_INPUT = 2
LONGEST_LINE = 2000  # of a message
USUAL, USUAL_OF_SWEEPS = ("csv",), ("csv", "html")  # formats of a report


class Session(Callback):
    """Follows one command through Hydra: checks its input before a folder exists, notes the folder."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.fail_on: Verdict = "suspect_reference"
        self.is_new = self.is_sweep = self.debug = self.quiet = self.is_dry = False
        self.formats: Sequence[str] | None = None  # as is usual
        self.spec: Spec | None = None  # of a single run
        self.held = ExitStack()  # the folder of a sweep that one of Hydra's sweepers runs
        self.done: set[int] | None = None  # keys that such a sweep need not run again

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse bad input, and hold the folder. Hydra takes an exception for a warning, so this exits."""
        from runner.sweep.execution import Execution

        try:
            self._note(config, config.hydra.run.dir)
            self.spec = specification(config)
            Execution(config.workers, config.cluster, config.threads, **config.limits)
            if not config.dry_run:
                self._hold_for_one(config)
        except (UserError, OmegaConfBaseException, OSError) as error:
            refuse(error)
        if config.dry_run:
            from runner.command.dry_run import say_single

            say_single(self.spec, Path(config.hydra.run.dir))
            _leave(0)

    def _hold_for_one(self, config: DictConfig) -> None:
        """Hold the folder of a single run, whose report shows that run alone: it may not be a sweep's."""
        from runner.sweep import ledger

        folder = Path(config.hydra.run.dir)
        if ledger.is_of_a_sweep(folder):
            raise UserError(
                f"{folder}: holds the records of a sweep, which a single run would leave out of the report; "
                "choose another folder with hydra.run.dir=..."
            )
        folder.mkdir(parents=True, exist_ok=True)
        self.held.enter_context(ledger.owned(folder))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note the sweep's folder; hold it, where the sweeper is one of Hydra's, which know no ledger."""
        from runner.command.session import opened

        try:
            self._note(config, config.hydra.sweep.dir)
            self.is_sweep = True
            if config.hydra.runtime.choices["hydra/sweeper"] == "grid":
                return
            if config.dry_run:
                raise UserError("dry_run=true: Hydra's own sweepers cannot; leave hydra/sweeper out")
            self.held.enter_context(opened(Path(config.hydra.sweep.dir), config))
        except (UserError, OSError) as error:
            refuse(error)

    def rest(self) -> str:
        """Say how what was not run yet can be run."""
        from runner.sweep import ledger

        if not self.is_sweep:
            return "Nothing was recorded"
        if not (self.folder and (self.folder / ledger.NAME).exists()):
            return "What was recorded there is gone; the same command runs all of it again"
        return f"What is recorded is kept; the same command with hydra.sweep.dir={self.folder} runs the rest"

    def discard(self) -> None:
        """Remove the folder that this command made, where its points turn out to be bad input."""
        from runner.sweep import ledger

        self.held.close()
        empty = {"multirun.yaml", ledger.NAME, ledger.LOCK}
        if not (self.is_new and self.folder and self.folder.is_dir()):
            return
        if {path.name for path in self.folder.iterdir()} <= empty:
            with suppress(UserError, OSError), ledger.owned(self.folder):
                if not any("key" in record for record in ledger.read(self.folder)):
                    shutil.rmtree(self.folder)

    def _note(self, config: DictConfig, folder: str) -> None:
        self.folder, self.fail_on = Path(folder), config.fail_on
        self.is_new, self.is_sweep = not self.folder.exists(), False
        self.debug, self.quiet, self.is_dry = config.debug, config.quiet, config.dry_run
        if config.report.format is not None:
            from runner.report.formats import chosen

            self.formats = chosen(config.report.format)


_session = Session()


def followed() -> Session:
    """Return the command that is under way; Hydra finds it through `conf/config.yaml`."""
    return _session


def specification(config: DictConfig) -> "Spec":
    """Turn a composed configuration into a validated specification."""
    from runner.case.resolve import resolve
    from runner.command.compose import chosen_experiment, typed, without_hydra

    hydra_settings = config.hydra if "hydra" in config else HydraConfig.get()
    return resolve(typed(without_hydra(config)), chosen_experiment(hydra_settings))


def task(config: DictConfig) -> None:
    """Run one experiment and record its rows in the ledger of its folder."""
    from runner.sweep import ledger
    from runner.sweep.job import Job

    gc.enable()
    settings = HydraConfig.get()
    if settings.mode == RunMode.MULTIRUN:
        _one_of_many(config, Path(settings.sweep.dir), settings.job.num, list(settings.overrides.task))
        return
    spec, folder = followed().spec or specification(config), Path(settings.runtime.output_dir)
    if config.show:
        from runner.report.show import show

        show(spec)
    if (folder / ledger.NAME).exists():
        ledger.append(folder, {"event": "fresh"})
    _record(folder, Job(0, list(settings.overrides.task), spec), config)
    if config.explain:
        from runner.report.explain import explain

        explain(spec)


def _one_of_many(config: DictConfig, folder: Path, index: int, overrides: list[str]) -> None:
    """Run one job of a sweep of Hydra's own, perhaps in a process of its own, unless it is done already."""
    from runner.sweep import ledger
    from runner.sweep.job import Job, refusal
    from runner.sweep.plan import done, number

    if followed().done is None:
        followed().done = done(folder, retry=config.sweep.retry)
    try:
        spec = specification(config)
    except UserError as error:
        experiment = HydraConfig.get().runtime.choices.get("experiment") or ""
        ledger.append(folder, refusal(index, overrides, experiment, str(config.formula), error))
        return
    if number(spec.key) not in (followed().done or ()):
        _record(folder, Job(index, overrides, spec), config)


def _record(folder: Path, job: "Job", config: DictConfig) -> None:
    """Run one point in this process, whatever `workers` says, and record it."""
    from runner.sweep.execute import execute_alone
    from runner.sweep.execution import Execution
    from runner.sweep.ledger import Ledger

    execution = Execution(threads=config.threads, timeout_s=config.limits.timeout_s)
    with Ledger(folder) as ledger:
        execute_alone(job, ledger, execution)


def main() -> NoReturn:
    """Run the command line; exit with 0, 1 when a gradient is not right, or 2 for bad input."""
    forgiving()
    interrupt.install()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here as they were raised
    sys.argv = [*map(_as_hydra_takes_it, sys.argv)]
    if line := os.environ.get("COMP_LINE"):  # Hydra's completion knows neither `python -m` nor commands
        typed = re.compile(r"^\s*(\S*python\S* -m (runner|handgrad)|\S*handgrad)( run)?\b")
        os.environ["COMP_LINE"] = typed.sub("handgrad", line)
    global _session
    session = _session = Session()
    gc.disable()  # imports make many objects and free none; `task` turns it on again
    try:
        register_with_hydra()
        app = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(task)
        with session.held:
            app()
        status = conclude()
    except StoppedError as error:
        with suppress(OSError, UserError):  # the disk may be full, or the folder gone
            conclude()
        say_error(f"{error}. {session.rest()}")
        status = BAD_INPUT
    except REFUSED as error:
        refuse(error)
    except Exception as error:
        if not is_input(error):
            raise
        refuse(error)
    except KeyboardInterrupt:
        if session.folder and session.folder.is_dir():
            with suppress(OSError, UserError):
                if session.is_sweep:
                    conclude()
            print(f"interrupted. {session.rest()}", file=sys.stderr)
        status = interrupt.status()
    _leave(status)


def _as_hydra_takes_it(argument: str) -> str:
    """Translate what is shorter than Hydra's own way: --debug, and report.format=csv,parquet for a list."""
    key, _, value = argument.partition("=")
    if key == "report.format" and value and not value.startswith("["):
        return f"{key}=[{value}]"
    return "debug=true" if argument == "--debug" else argument


def _leave(status: int) -> NoReturn:
    """Exit, with a word where what was printed reached nobody."""
    interrupt.ignore()
    with suppress(ValueError):
        sys.stdout.flush()
    if (why := unwritten()) and followed().folder:
        print(
            f"what was printed could not be written: {why}; it stands in {followed().folder}", file=sys.stderr
        )
    sys.exit(status)


def conclude() -> int:
    """Make the report from the ledger, print it, and return the exit status.

    Raises UserError where the folder is gone, or the report cannot be written.
    """
    session = followed()
    if session.folder is None or session.is_dry:
        return 0
    from runner.report.publish import publish
    from runner.sweep import ledger

    if not (session.folder / ledger.NAME).exists():
        raise UserError(
            f"{session.folder}: has been removed while points were recorded in it. {session.rest()}"
        )
    try:
        usual = USUAL_OF_SWEEPS if session.is_sweep else USUAL
        also = usual if session.formats is None else session.formats
        return publish(session.folder, session.fail_on, also=also, quiet=session.quiet)
    except OSError as error:
        raise UserError(
            f"{error.filename or session.folder}: {error.strerror}: the report could not be written. The "
            f"ledger has every result: handgrad report {session.folder} makes it"
        ) from error


def refuse(error: Exception) -> NoReturn:
    """Print one message and exit with status 2; the traceback only for --debug.

    What a package makes of Ctrl-C, while it is being imported, is still Ctrl-C.
    """
    if _was_interrupted(error):
        sys.exit(interrupt.status())
    if followed().debug or "debug=true" in sys.argv:
        traceback.print_exception(error)
    followed().discard()
    say_error(explained(error))
    sys.exit(BAD_INPUT)


def _was_interrupted(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def say_error(text: str) -> None:
    """Print one message, as it is read by a terminal."""
    print("error: " + "\n".join(printable(line, LONGEST_LINE) for line in text.splitlines()), file=sys.stderr)
