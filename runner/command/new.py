"""`handgrad new NAME`: the page of a formula to start from, an experiment, and a test of what is missing."""

import argparse
import keyword
from pathlib import Path

from runner.errors import BadInput

PAGE = '''r"""{title}: y = x^2, elementwise. State your formula here, with the shape of each tensor.

    x: (n)   y: (n)   g = upstream of y: (n)

    dL/dx = ?    (n)
"""

from torch import Tensor

from handgrad.formula import Example, Gradients, Sizes, register


def shapes(n: int) -> Sizes:
    return {{"x": (n,)}}


def forward(x: Tensor) -> Tensor:
    return x * x


def by_hand(grad_y: Tensor, x: Tensor) -> Gradients:
    raise NotImplementedError("write dL/dx here, as in: return {{'x': ...}}")


register(gradients=[by_hand], name="{name}", example=Example(shape={{"n": 5}}), source="your derivation")
'''

EXPERIMENT = """# @package _global_
# {name} far from zero, where rounding shows:
# handgrad --config-dir {folder}/conf experiment={name}_far 'plugins=[{folder}/{name}.py]'
formula: {name}
inputs:
  offset: 1000
"""

TEST = '''"""Whether {name} is right: fails, with what is missing, until it is derived."""

from pathlib import Path

import handgrad


def test_{name}() -> None:
    result = handgrad.run("{name}", plugins=str(Path(__file__).with_name("{name}.py")), check="full")
    assert result, f"\\n{{result}}"
'''


def main(options: argparse.Namespace) -> int:
    """Write the files, and say what to do next. Raises BadInput; nothing is overwritten."""
    name, folder = options.name, Path(options.folder)
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise BadInput(f"{name}: the name of a formula is one of a Python module, as quadratic_form")
    files = {
        folder / f"{name}.py": PAGE.format(name=name, title=name.replace("_", " ").capitalize()),
        folder / "conf" / "experiment" / f"{name}_far.yaml": EXPERIMENT.format(name=name, folder=folder),
        folder / f"test_{name}.py": TEST.format(name=name),
    }
    if there := [str(path) for path in files if path.exists()]:
        raise BadInput(f"{', '.join(there)}: exists already; nothing was written")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {path}")
    print(f"run it:  handgrad formula={name} 'plugins=[{folder / name}.py]'")
    print(f"test it: pytest {folder / f'test_{name}.py'}")
    return 0


def arguments(made: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    made.add_argument("name", metavar="NAME", help="of the formula, and of its file")
    made.add_argument("--folder", default=".", metavar="DIR", help="where to; here if not said otherwise")
