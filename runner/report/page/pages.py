"""What the page says of each formula: its statement as mathematics, where it comes from, and its code."""

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass

from latex2mathml.converter import convert
from markupsafe import Markup

from runner.errors import UserError
from runner.formula import lookup
from runner.formula.formula import Formula

LETTER = r'<mi mathvariant="normal">[^<]+</mi>'
UPRIGHT = re.compile(rf"<mrow>{LETTER}(?:{LETTER}|<mn>\d+</mn>)+</mrow>")
TAG = re.compile("<[^>]*>")


@dataclass(frozen=True)
class Page:
    """A formula as the page shows it."""

    name: str
    mathematics: str
    statement: str
    source: str
    code: str


def pages(names: Iterable[str]) -> list[Page]:
    """Return the pages of formulas by name; one that is no longer there, as of a plug-in, has none."""
    found = []
    for name in sorted({*names}):
        try:
            found.append(_page(lookup(name)))
        except UserError:
            continue
    return found


def _page(formula: Formula) -> Page:
    module = inspect.getmodule(formula.forward)
    return Page(
        name=formula.name,
        mathematics=_mathml(formula.latex),
        statement=inspect.cleandoc(module.__doc__ or "") if module else "",
        source=formula.source,
        code=_code(module),
    )


def _mathml(latex: str) -> str:
    """Return MathML; a statement that the converter cannot read stays as it was typed."""
    if not latex:
        return ""
    try:
        return Markup(UPRIGHT.sub(_word, convert(latex, display="block")))
    except Exception:  # whatever the converter raises: a user's own statement may hold anything
        return latex


def _word(letters: re.Match[str]) -> str:
    """Return a word as one identifier, which is upright too, and which a screen reader does not spell."""
    return f"<mi>{TAG.sub('', letters[0])}</mi>"


def _code(module: object) -> str:
    """Return the code below the statement; nothing where there is no file."""
    try:
        text = inspect.getsource(module)  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
    _, _, rest = text.partition('"""')
    return rest.partition('"""')[2].strip() or text
