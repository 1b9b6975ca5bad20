"""How a verdict, or a change of one, looks on a page: a sign, and a class of the style sheet."""

from runner.report.changes.change import Kind
from runner.report.changes.told import HEADINGS, SAME
from runner.report.signs import LOOKS, OTHER
from runner.verdicts import OUTCOMES

OF_CHANGES: dict[Kind, tuple[str, str]] = {
    "wrong": ("✗", "v-wrong"),
    "accuracy": ("≈", "v-inaccurate"),
    "time": ("▼", "v-inaccurate"),
    "memory": ("▲", "v-inaccurate"),
    "gone": ("-", "v-unsupported"),
    "unclear": ("?", "v-suspect_reference"),
    "mended": ("✓", "v-exact"),
    "more accurate": ("✓", "v-exact"),
    "faster": ("✓", "v-exact"),
    "leaner": ("✓", "v-exact"),
    "new": ("+", "v-unchecked"),
}
STYLES = {
    **{verdict: (LOOKS[verdict].sign, f"v-{verdict}") for verdict in OUTCOMES},
    **{HEADINGS[kind]: look for kind, look in OF_CHANGES.items()},
    SAME: ("=", "v-unsupported"),
}


def look(text: str) -> tuple[str, str]:
    """Return the sign of a verdict or a change, and its class."""
    return STYLES.get(text, (OTHER.sign, "v-failed"))
