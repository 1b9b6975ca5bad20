"""The Hydra application: `python -m runner`, and what surrounds it on the way in and out."""

import gc
import os
import re
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from runner.config import Config, register_schema
from runner.errors import UserError
from runner.explain import explained

# Torch and pandas take seconds to import: help, completion and --cfg do without them, so whatever
# needs them is imported where it is used.

CONF = Path(__file__).resolve().parents[1] / "conf"
BAD_INPUT = 2
INTERRUPTED = 130


class Session(Callback):
    """Follows one command through Hydra: checks its input before a folder exists, notes the folder."""

    folder: Path | None = None
    fail_on = "suspect_reference"
    debug = False

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse bad input. Hydra takes an exception of a callback for a warning, so this one exits."""
        Session._note(config, config.hydra.run.dir)
        try:
            specification(config)
        except (UserError, OmegaConfBaseException) as error:
            refuse(error)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note the sweep's folder; its points are checked one by one."""
        Session._note(config, config.hydra.sweep.dir)

    @classmethod
    def discard(cls) -> None:
        """Remove the folder that Hydra made for a sweep whose points turn out to be bad input."""
        if cls.folder and cls.folder.is_dir() and {p.name for p in cls.folder.iterdir()} <= {"multirun.yaml"}:
            shutil.rmtree(cls.folder)

    @classmethod
    def _note(cls, config: DictConfig, folder: str) -> None:
        cls.folder, cls.fail_on, cls.debug = Path(folder), config.fail_on, config.debug


def specification(config: DictConfig) -> Any:
    """Turn a composed configuration into a validated specification."""
    from runner.spec import resolve

    choices = config.hydra.runtime.choices if "hydra" in config else HydraConfig.get().runtime.choices
    experiment = choices.get("experiment")
    if OmegaConf.is_missing(config, "formula"):
        raise UserError(f"nothing to run: choose experiment=..., one of {', '.join(experiments())}")
    settings = config.copy()
    with read_write(settings), open_dict(settings):
        settings.pop("hydra", None)
    plain = OmegaConf.to_object(settings)
    assert isinstance(plain, Config)  # the schema is the root of every composed configuration
    return resolve(plain, experiment or "")


def experiments() -> list[str]:
    """Return the names of the experiments in `conf/`."""
    return sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def task(config: DictConfig) -> None:
    """Run one experiment and record its rows in the ledger of its folder."""
    from runner.experiment import refused, run
    from runner.record import as_dict
    from runner.sweep import ledger

    gc.enable()
    settings = HydraConfig.get()
    sweep = settings.mode == RunMode.MULTIRUN
    folder = Path(settings.sweep.dir if sweep else settings.runtime.output_dir)
    if not sweep:
        (folder / ledger.NAME).unlink(missing_ok=True)
    try:
        spec = specification(config)
    except UserError as error:  # one point of a sweep; a single run was refused before it began
        row = refused(str(settings.runtime.choices.get("experiment") or ""), str(config.formula), error)
        ledger.append(folder, {"rows": [as_dict(row)], "bad_input": True})
        return
    if config.show:
        from runner.report.show import show

        show(spec)
    ledger.append(folder, {"rows": [as_dict(row) for row in run(spec)]})


def main() -> NoReturn:
    """Run the command line; exit with 0, 1 when a gradient is not right, or 2 for bad input."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here as they were raised
    sys.argv = ["debug=true" if argument == "--debug" else argument for argument in sys.argv]
    if line := os.environ.get("COMP_LINE"):  # Hydra's completion knows neither `python -m` nor commands
        typed = re.compile(r"^\s*(\S*python\S* -m runner|\S*handgrad( run)?)\b")
        os.environ["COMP_LINE"] = typed.sub("handgrad", line)
    Session.folder = None
    gc.disable()  # imports make many objects and free none; `task` turns it on again
    register_schema()
    app = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(task)
    try:
        app()
    except (HydraException, OmegaConfBaseException, UserError, OSError) as error:
        refuse(error)
    except KeyboardInterrupt:
        conclude()
        sys.exit(INTERRUPTED)
    sys.exit(conclude())


def conclude() -> int:
    """Make the report from the ledger, print it, and return the exit status."""
    if Session.folder is None or not Session.folder.is_dir():
        return 0
    from runner.report import publish

    return publish(Session.folder, Session.fail_on)


def refuse(error: Exception) -> NoReturn:
    """Print one message and exit with status 2; the traceback only for --debug."""
    if Session.debug or "debug=true" in sys.argv:
        traceback.print_exception(error)
    Session.discard()
    print(f"error: {explained(error)}", file=sys.stderr)
    sys.exit(BAD_INPUT)
