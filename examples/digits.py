"""Train two classifiers of scikit-learn's handwritten digits by hand-derived gradients, without autograd.

    python -m examples.digits                    # curve.csv and curve.svg in outputs/digits
    python -m examples.digits --steps 50 --rate 1 --folder outputs/faster

`logistic_regression` learns which digits are odd, `softmax_regression` which digit each is: plain gradient
descent on all images at once, from zero. It needs the extra `digits`: pip install --editable '.[digits]'.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from experiments.networks import logistic_regression, softmax_regression

SHOWN = 10  # steps from one point of the curve to the next
COLUMNS = ("formula", "step", "loss", "test_loss", "test_accuracy")


class Task(NamedTuple):
    """What is trained: a formula's forward and gradient, its parameters, how targets are named and made."""

    forward: Callable[..., dict[str, Tensor]]
    gradient: Callable[..., dict[str, Tensor]]
    parameters: dict[str, Tensor]
    target: str
    of_digit: Callable[[Tensor], Tensor]
    decided: Callable[[Tensor], Tensor]


class Images(NamedTuple):
    """Images and what is in them: x: (N, 64), from 0 to 1   digit: (N)."""

    x: Tensor
    digit: Tensor


def tasks() -> dict[str, Task]:
    """Return both, with parameters of zero."""
    zeros, logistic, softmax = torch.zeros, logistic_regression, softmax_regression
    return {
        "logistic_regression": Task(
            logistic.forward, logistic.by_score, {"w": zeros(64), "b": zeros(())},
            "t", lambda digit: (digit % 2).float(), lambda z: (z > 0).float(),
        ),
        "softmax_regression": Task(
            softmax.forward, softmax.by_scores, {"W": zeros(10, 64), "b": zeros(10)},
            "labels", lambda digit: digit, lambda z: z.argmax(dim=1),
        ),
    }  # fmt: skip


def load() -> tuple[Images, Images]:
    """Return the images to learn from, and every fourth one, by which it is tested."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x, digit = torch.tensor(found.data, dtype=torch.float32) / 16, torch.tensor(found.target)
    kept = torch.arange(len(x)) % 4 == 3
    return Images(x[~kept], digit[~kept]), Images(x[kept], digit[kept])


@torch.no_grad()
def train(name: str, steps: int, rate: float, seen: Images, unseen: Images) -> Iterator[dict[str, Any]]:
    """Yield a row of the curve at each SHOWN steps, the first and the last."""
    task = tasks()[name]
    parameters, target = task.parameters, {task.target: task.of_digit(seen.digit)}
    for step in range(steps + 1):
        made = task.forward(X=seen.x, **parameters, **target)
        if step % SHOWN == 0 or step == steps:
            loss, accuracy = tested(task, parameters, unseen)
            yield dict(zip(COLUMNS, (name, step, float(made["loss"]), loss, accuracy), strict=True))
        gradients = task.gradient(torch.ones(()), made["z"], X=seen.x, **parameters, **target)
        parameters = {p: value - rate * gradients[p] for p, value in parameters.items()}


def tested(task: Task, parameters: dict[str, Tensor], unseen: Images) -> tuple[float, float]:
    """Return loss and accuracy on images that nothing was learned from."""
    target = task.of_digit(unseen.digit)
    made = task.forward(X=unseen.x, **parameters, **{task.target: target})
    return float(made["loss"]), float((task.decided(made["z"]) == target).double().mean())


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw loss and accuracy by step, a line for each formula."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, name in enumerate(dict.fromkeys(row["formula"] for row in rows)):
        own, colour = [row for row in rows if row["formula"] == name], f"C{number}"
        step = [row["step"] for row in own]
        left.plot(step, [row["loss"] for row in own], color=colour, label=name)
        left.plot(step, [row["test_loss"] for row in own], color=colour, linestyle=":", label=f"{name}, test")
        right.plot(step, [100 * row["test_accuracy"] for row in own], color=colour, label=name)
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    right.set(xlabel="step", ylabel="test accuracy, %", ylim=(None, 100))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path)


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """Write the curve as CSV."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main(given: list[str] | None = None) -> int:
    """Train both, write curve and plot, and print where they end."""
    options = arguments().parse_args(given)
    try:
        seen, unseen = load()
    except ImportError as missing:
        print(f"error: {missing.name} is missing: pip install --editable '.[digits]'", file=sys.stderr)
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in tasks():
        own = [*train(name, options.steps, options.rate, seen, unseen)]
        print(f"{name:20} {told(own)} of {len(unseen.x)} images")
        rows += own
    write(rows, options.folder / "curve.csv")
    draw(rows, options.folder / "curve.svg")
    print(f"curve: {options.folder / 'curve.csv'}\ncurve: {options.folder / 'curve.svg'}")
    return 0


def told(curve: list[dict[str, Any]]) -> str:
    """Say how many steps were taken, and where they led."""
    first, last = curve[0], curve[-1]
    loss, accuracy = f"{first['loss']:.3f} -> {last['loss']:.3f}", f"{last['test_accuracy']:.1%}"
    return f"{last['step']} steps  loss {loss}  test accuracy {accuracy}"


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.digits", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("--steps", type=positive(int), default=300, help="of gradient descent; 300")
    parser.add_argument("--rate", type=positive(float), default=0.5, help="of learning; 0.5")
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/digits"), help="where the curve is written"
    )
    return parser


def positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """Return what reads a number above 0."""

    def read(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text}: must be above 0")
        return value

    read.__name__ = kind.__name__
    return read


if __name__ == "__main__":
    sys.exit(main())
