"""`docs/report.md`, made of the definition of the row; `make docs` writes it."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime

from runner.record import GROUPS, SCHEMA_VERSION, Column
from runner.report import groups
from runner.verdicts import NOT_RIGHT, OUTCOMES

TYPES = {str: "text", int: "integer", float: "number", bool: "True or False", datetime: "moment"}
READ_AS = {str: "`string`", int: "`Int64`", float: "`float64`", bool: "`boolean`", datetime: "`datetime64`"}

HEAD = f"""# The report

The columns of `report.csv` and `summary.csv`, in their order. This page is made of their definition
(`runner/record.py`, `runner/report/groups.py`) by `make docs`, and a test holds it to that. The columns are
the same in every report of a schema version, which is {SCHEMA_VERSION}: another name, order or meaning is a
new version. A report of an older version is read all the same, its missing cells empty.

- One row of `report.csv` is one gradient: one derivation, by one input, at one point of a sweep.
- Rows that are not right stand first: {", ".join(name for name in OUTCOMES if name in NOT_RIGHT)}.
  Among them, and below, rows keep the order of the sweep, whatever order they ran in, so that a comparison of
  two files shows what differs.
- An empty cell was not measured. A NaN that was measured is written as `nan`, an infinity as `inf`.
- The file is UTF-8 with `,`, `"` and a line feed. Figures are written with all their digits, and read back as
  they were; control characters in a text are escaped, and a text of more than 4,000 characters is cut.
- A text that a spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@` or an apostrophe) has an
  apostrophe before it. `read_report` takes it away again.
- A sweep also makes `report.html`, one file that opens without a network: what is not right, with the command
  that runs it alone, verdicts by formula and dtype, pictures of error, time and memory, the checks, every row
  to sort, filter and open, the mathematics. Filters stand in its address, which can be sent. Of more than
  120,000 rows it has the columns that matter most; of more than 200,000 the rows that are not right, and one
  for each group of all.
  `report.format=csv,html` makes it of a single run.
- `handgrad report FOLDER --figures` draws the plots for papers, as SVG and PNG in `FOLDER/figures`: the map
  of verdicts by formula and dtype; for each dtype error against size, with its bound and autograd's own
  error; for each derivation that ran at three sizes or more time and memory, with fitted growth and the
  machine's limit; and speedups with their intervals. They are 85 mm wide, a column of most journals; colours
  are those that the colour-blind tell apart, and text stays text. That needs the extra `figures`. A report of
  more than 200,000 rows has verdicts alone.
- `report.format=csv,parquet` writes the same rows as `report.parquet` too; that needs the extra `parquet`.

```
from handgrad import read_report

table = read_report("outputs/mine")                   # a folder, a report.csv, summary.csv or report.parquet
table[table.verdict >= "suspect_reference"]           # verdicts are ordered, from best to worst
read_report("outputs/mine", expand=True)["shape.m"]   # every dimension and hyper-parameter as a column
```

pandas shows an empty figure and a measured `nan` alike; `nonfinite` and `verdict` tell them apart.
"""

SUMMARY = """
## `summary.csv`

One row for each formula, derivation, dtype, device and execution. A time is a fact of a derivation at a
point: it counts once, however many inputs the derivation differentiates. Here too rows that are not right
stand first.
"""


def document() -> str:
    """Return the page."""
    return "\n".join([HEAD, "## `report.csv`", *_report(), SUMMARY, *_table(groups.COLUMNS), ""])


def _report() -> Iterator[str]:
    for group, columns in GROUPS.items():
        yield f"\n### {group.capitalize()}\n"
        yield from _table(columns)


def _table(columns: Iterable[Column]) -> Iterator[str]:
    yield "| column | type | read as | unit | meaning |"
    yield "|---|---|---|---|---|"
    for column in columns:
        read_as = "ordered categories" if column.categories else READ_AS[column.type]
        values = f": {', '.join(f'`{name}`' for name in column.categories)}" if column.categories else ""
        meaning = f"{column.meaning}{values}".replace("|", r"\|")
        yield f"| `{column.name}` | {TYPES[column.type]} | {read_as} | {column.unit} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(document())
