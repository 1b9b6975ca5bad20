"""`handgrad judge FILE.py::NAME`: judge a backward from the command line, without a test or a YAML."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runner.errors import BadInput, UserError, reason, unknown

KINDS = "normal, uniform, positive, boolean or int:N"


def main(options: argparse.Namespace) -> int:
    """Judge, print, and return 0 where all is right, 1 where something is not; BadInput gets out."""
    from runner.doors.judge import judge  # PyTorch takes a second

    inputs = dict(_input(text, i, options.seed) for i, text in enumerate(options.input))
    parameters = dict(map(_parameter, options.param))
    subject = _loaded(options.subject)
    reference = None if options.reference == "none" else _loaded(options.reference)
    result = judge(
        subject,
        reference,
        dtypes=[name for text in options.dtype or ["float32"] for name in text.split(",")],
        check=options.check,
        second_order=options.second_order,
        timing=options.timing,
        seed=options.seed,
        **inputs,
        **parameters,
    )
    print(result)
    if options.csv:
        from runner.report import csv

        folder = Path(options.csv)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"report: {csv.write(folder, result.rows)}")
    return 0 if result else 1


def arguments(made: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    made.description = "Judge a hand-written backward against autograd of a plain reference."
    made.epilog = "Exit status 0 if every gradient is right, 1 if one is not, 2 for bad input."
    made.add_argument(
        "subject", metavar="FILE.py::NAME", help="a Function, op, module or function; or module.path::NAME"
    )
    made.add_argument(
        "--reference",
        required=True,
        metavar="FILE.py::NAME",
        help="the same as plain mathematics; `none` for finite differences of its own forward alone",
    )
    made.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="NAME=SIZE[:KIND]",
        help=f"a tensor, as x=4x8 or labels=4:int:10; KIND is {KINDS}; once for each",
    )
    made.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="a hyper-parameter, as eps=1e-5"
    )
    made.add_argument(
        "--dtype", action="append", default=None, metavar="NAME[,NAME]", help="float32 if not said otherwise"
    )
    made.add_argument("--check", default="full", choices=["off", "quick", "full"], help="full")
    made.add_argument("--second-order", action="store_true", help="differentiate the gradient itself too")
    made.add_argument("--timing", action="store_true", help="time it beside autograd")
    made.add_argument("--seed", type=int, default=42, help="of the inputs; 42")
    made.add_argument("--csv", metavar="DIR", help="write report.csv there")


def _input(text: str, index: int, seed: int) -> tuple[str, Any]:
    """Draw a tensor as it is described."""
    from runner.formula.draw import Draw

    name, _, described = text.partition("=")
    size, kind, *bound = (described if ":" in described else f"{described}:normal").split(":")
    draw = Draw(seed + index)
    try:
        sizes = tuple(int(n) for n in size.split("x")) if size != "scalar" else ()
        kinds: Mapping[str, Callable[[], Any]] = {
            "normal": lambda: draw.normal(sizes).float(),
            "uniform": lambda: draw.uniform(sizes).float(),
            "positive": lambda: draw.uniform(sizes, 0.5, 2).float(),
            "boolean": lambda: draw.boolean(sizes),
            "int": lambda: draw.integers(sizes, 0, int(*bound)),
        }
        if not name.isidentifier() or min(sizes, default=0) < 0 or len(bound) != (kind == "int"):
            raise ValueError
        return name, kinds[kind]()
    except (ValueError, KeyError, RuntimeError) as error:
        raise BadInput(f"--input {text}: is not NAME=SIZE[:KIND], as x=4x8; KIND is {KINDS}") from error


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise BadInput(f"--param {text}: is not NAME=VALUE, as eps=1e-5")
    import yaml

    try:
        return name, float(value) if _is_number(value) else yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise BadInput(f"--param {text}: {value} is not a value") from error


def _is_number(text: str) -> bool:
    """Tell whether a text is a number with a fraction or an exponent, which YAML may read as a word."""
    try:
        float(text)
    except ValueError:
        return False
    return not text.lstrip("+-").isdecimal()


def _loaded(text: str) -> Any:
    """Import a file, or a module, and return what is named in it. Raises BadInput."""
    import importlib

    from runner.formula.beside import import_file, name_of

    place, separator, name = text.rpartition("::")
    if not separator:
        raise BadInput(f"{text}: is not FILE.py::NAME, as kernels.py::RmsNorm")
    try:
        if place.endswith(".py"):
            import_file(Path(place))
            module = sys.modules[name_of(Path(place))]
        else:
            sys.path.insert(0, str(Path.cwd()))
            module = importlib.import_module(place)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise BadInput(f"{place}: {reason(error)}") from error
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            public = [n for n in vars(found) if not n.startswith("_")] if hasattr(found, "__dict__") else []
            raise BadInput(f"{place}: {unknown('name', part, public)}")
        found = getattr(found, part)
    return found
