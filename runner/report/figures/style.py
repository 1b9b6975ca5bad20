"""How figures look: as wide as a column of a journal, in colours that the colour-blind tell apart."""

from typing import Any

from runner.verdicts import OUTCOMES

WIDTH = 3.35
"""Inches: 85 mm, a column of most journals."""
DPI = 400

RC: Any = {
    "font.size": 7.5, "axes.labelsize": 7.5, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5, "legend.title_fontsize": 7.5,
    "axes.titlesize": 7.5, "axes.linewidth": 0.6, "lines.linewidth": 1.0,
    "lines.markersize": 3.2, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4, "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#e3e3e3", "grid.linewidth": 0.5, "axes.axisbelow": True, "legend.frameon": False,
    "legend.handlelength": 1.8, "legend.columnspacing": 1.2, "figure.constrained_layout.use": True,
    "svg.fonttype": "none", "svg.hashsalt": "handgrad", "text.parse_math": False,
}  # fmt: skip
"""Matplotlib's settings; the salt makes the same figure the same file."""

BLUE, VERMILION, GREEN, PURPLE, GREY, BLACK = (
    "#0072b2", "#d55e00", "#009e73", "#8a4f9e", "#6b6b6b", "#000000",
)  # fmt: skip
"""Of Okabe and Ito's palette, but for a darker purple and the grey."""

SERIES: dict[str, dict[str, Any]] = {
    "mine": {"color": BLUE, "marker": "o", "zorder": 4},
    "theirs": {"color": VERMILION, "marker": "s", "markerfacecolor": "none", "zorder": 3},
    "bound": {"color": GREY, "marker": "_", "linestyle": "--", "zorder": 2},
    "fit": {"color": BLACK, "linestyle": (0, (1, 1.2)), "linewidth": 0.9, "zorder": 5},
}
DTYPES: dict[str, dict[str, Any]] = {
    "float64": {"color": BLACK, "marker": "D"},
    "float32": {"color": BLUE, "marker": "o"},
    "bfloat16": {"color": VERMILION, "marker": "s"},
    "float16": {"color": GREEN, "marker": "^"},
}
OTHER_DTYPE: dict[str, Any] = {"color": PURPLE, "marker": "v"}

VERDICTS = dict(
    zip(
        OUTCOMES,
        ("#cfe5f2", "#cfe5f2", "#e9eef2", "#f6e3a1", "#f2f2f2", "#e3cdea", "#f3b38d", "#e58a55", "#c9c9c9",
         "#c9c9c9", "#c9c9c9"),
        strict=True,
    )
)  # fmt: skip
"""Light enough for black text, and of a lightness of its own for each kind."""
SHORT = {"suspect_reference": "suspect", "unsupported": "no kernel"}
"""What is too wide for a cell."""
