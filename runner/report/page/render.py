"""Fills the template of a page, with style and script in the same file; whatever is filled in is escaped."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from runner.report.page.looks import STYLES, look
from runner.report.page.table import Table

SCRIPTS = ("state.js", "map.js", "table.js")


def rendered(template: str, table: Table | None, view: dict[str, Any], **values: Any) -> str:
    """Return a page; `view` is what its script needs to know beside the table's rows."""
    environment = Environment(
        loader=PackageLoader(__package__ or "", "assets"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"look": look, "short": _short}
    return environment.get_template(template).render(
        style=_asset("page.css"),
        script="\n".join(map(_asset, SCRIPTS)),
        table=table,
        view={"looks": STYLES, "table": table.view if table else None, **view},
        **values,
    )


def _asset(name: str) -> str:
    return (files(__package__ or "") / "assets" / name).read_text(encoding="utf-8")


def _short(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
