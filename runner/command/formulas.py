"""`handgrad formulas`: what formulas there are by family, and what one of them states and takes."""

import argparse
import ast
import inspect
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from runner.errors import UserError, short, unknown
from runner.files import CONF, formula_modules

if TYPE_CHECKING:
    from runner.formula import Formula

INDENT = 2


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "List the formulas by family, a line each, with what the last sweep below outputs/ said of each at "
        "worst, or describe one: statement, derivations, settings."
    )
    name = parser.add_argument("name", nargs="?", metavar="NAME", help="the formula to describe")
    vars(name)["completer"] = formula_modules
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="look at the formulas of a plug-in too"
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="show the verdicts of this sweep, not of the last one"
    )


def main(options: argparse.Namespace) -> int:
    """Print; raises UserError for a formula that is not there."""
    from runner.report.signs import console

    if options.plugin:
        from runner.formula import plugins

        plugins.load(tuple(options.plugin))
    if options.name:
        describe(options.name, console(), options.report)
    else:
        list_all(options.plugin, console(), options.report)
    return 0


def list_all(given: Sequence[str], out: Console, report: Path | None = None) -> None:
    """Print a line for each formula below its family; those of `experiments/` without importing them."""
    from runner.report.latest import latest_sweep, worst_verdicts

    report = report or latest_sweep()
    verdicts = worst_verdicts(report) if report else {}
    families: dict[str, dict[str, str]] = {}
    for name, module in formula_modules().items():
        families.setdefault(module.split(".")[-2], {})[name] = _first_line(_docstring(module))
    if given:
        from runner.formula import lookup, registry

        own = sorted({*registry.registered()} - {*formula_modules()})
        families["plug-ins"] = {name: _first_line(lookup(name).statement) for name in own}
    width = max(len(name) for formulas in families.values() for name in formulas)
    for family, formulas in sorted(families.items()):
        out.print(Text(family, style="bold"))
        for name, line in formulas.items():
            start = Text.assemble(f"{'':{INDENT}}{name:{width}}{'':{INDENT}}", *_verdict(name, verdicts, out))
            start.append(_cut(line, max(20, out.width - len(start))))
            out.print(start, soft_wrap=True)
    if report:
        out.print(Text(f"\nverdicts: the worst of each formula in {report}"), soft_wrap=True)
    out.print(Text("\nhandgrad formulas NAME describes one"))


def _verdict(name: str, verdicts: Mapping[str, str], out: Console) -> Iterator[Text | str]:
    """Yield the column of verdicts, if there is one: what a formula has, and blanks up to the next column."""
    from runner.report.signs import shown

    if verdicts:
        width = max(len(shown(verdict, out)) for verdict in verdicts.values())
        said = shown(verdicts[name], out) if name in verdicts else Text()
        yield said
        yield " " * (width - len(said) + INDENT)


def _docstring(module: str) -> str:
    spec = find_spec(module)
    assert spec
    assert spec.origin
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text())) or ""


def _first_line(statement: str) -> str:
    return " ".join(statement.partition("\n\n")[0].split())


def _cut(line: str, room: int) -> str:
    return line if len(line) <= room else f"{line[: room - 3].rstrip()}..."


def describe(name: str, out: Console, report: Path | None = None) -> None:
    """Print the page of a formula, everything that may be set of it, and what a sweep said of it."""
    from runner.formula import lookup, names
    from runner.report.latest import latest_sweep, said_of
    from runner.report.show import reflowed

    if name not in names():
        raise UserError(unknown("formula", name, names()))
    formula, report = lookup(name), report or latest_sweep()
    said = said_of(report, formula.name) if report else []
    out.rule(name)
    _text(out, reflowed(formula.statement, out.width - INDENT))
    for heading, lines in _parts(formula):
        if lines := [*lines]:
            out.print(Text(f"\n{heading}", style="bold"))
            for line in lines:
                _text(out, line)
    _verdicts(said, report, out)
    shape = [f"shape.{n}={_typed(v)}" for n, v in _example(formula, "shape").items()]
    out.print(Text(f"\nRun it: {shlex.join(['handgrad', *_chosen(name), *shape[:1]])}"), soft_wrap=True)


def _verdicts(said: Sequence[tuple[str, str, str]], report: Path | None, out: Console) -> None:
    """Print the worst verdict of each derivation in each dtype."""
    from runner.report.signs import shown

    if said:
        out.print(Text(f"\nVerdicts in {report}, at worst", style="bold"), soft_wrap=True)
        width = max(len(f"{derivation}  {dtype}") for derivation, dtype, _ in said)
        for derivation, dtype, verdict in said:
            line = Text(f"{derivation}  {dtype}".ljust(width + INDENT)) + shown(verdict, out)
            out.print(Padding(line, (0, 0, 0, INDENT), expand=False))


def _parts(formula: "Formula") -> Iterator[tuple[str, Iterable[str]]]:
    yield (
        "Derivations",
        (
            f"{derivation.name}({_arguments(derivation.function)})  {derivation.kind.name}"
            for derivation in formula.derivations.values()
        ),
    )
    yield "Dimensions", _settings("shape", formula.dimensions, _example(formula, "shape"), {})
    domains = {name: formula.domain_of(name).description for name in formula.parameters}
    yield "Hyper-parameters", _settings("params", formula.parameters, _example(formula, "params"), domains)
    yield "Checked at its edges", filter(None, [", ".join(formula.edges)])
    yield "LaTeX", filter(None, [formula.latex])
    yield "Source", filter(None, [formula.source])
    yield "Experiments", (f"experiment={name}{said}" for name, said in _experiments(formula.name))
    yield "File", [_file(formula)]


def _arguments(function: Any) -> str:
    return ", ".join(inspect.signature(function).parameters)


def _example(formula: "Formula", part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(formula.example, part) if formula.example else {}
    return found


def _settings(
    group: str, defaults: Mapping[str, Any], example: Mapping[str, Any], domains: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each setting: how it is typed, what it may be, and what it is if nothing is said."""
    for name, default in defaults.items():
        value = example.get(name, default)
        said = "" if value is inspect.Parameter.empty else f"={_typed(value)}"
        domain = domains.get(name, "")
        yield f"{group}.{name}{said}" + (f"  {domain}" if domain else "")


def _typed(value: Any) -> str:
    from runner.record import spelled

    return spelled({"": value})[1:]


def _chosen(name: str) -> list[str]:
    return [f"experiment={name}"] if name in formula_modules() else [f"formula={name}", "plugins=[...]"]


def _experiments(formula: str) -> Iterator[tuple[str, str]]:
    """Yield the experiments of a formula, each with the comment of its YAML."""
    yamls = {path.stem: path.read_text() for path in sorted((CONF / "experiment").glob("*.yaml"))}
    if formula not in yamls and formula in formula_modules():
        yield formula, "  its own example"
    for name, text in yamls.items():
        if re.search(rf"^formula: *{re.escape(formula)}\s*$", text, re.MULTILINE):
            comment = re.search(r"^# (?!@)(.*)", text, re.MULTILINE)
            yield name, f"  {comment[1]}" if comment else ""


def _file(formula: "Formula") -> str:
    code = getattr(inspect.unwrap(formula.forward), "__code__", None)
    if code is None:
        return formula.forward.__module__
    path = Path(code.co_filename)
    return short(str(path)) if path.is_relative_to(Path.cwd()) else str(path)


def _text(out: Console, text: str) -> None:
    out.print(Padding(Text(text), (0, 0, 0, INDENT), expand=False))
