"""Every formula beside autograd's backward, eager and compiled, at its own size and at some 2^22 elements.

Of each formula the best derivation and mode counts; what is slower than autograd as it is written, is
compiled. One thread, `timing=quick`. And those that memory rules under torch.compile at 2^24 elements, beside
the machine's own limit: `efficiency` is the limit over the time.
"""

import math
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from runner.environment import ROOT
from runner.formula import lookup, names
from runner.report import csv
from tests.registry import specification

LARGE, LARGEST = 2**22, 2**24
BY_MEMORY = (
    "mse", "relu", "sigmoid", "tanh", "gelu", "silu", "softmax", "log_softmax", "cross_entropy", "layer_norm",
    "rms_norm", "batch_norm", "dropout",
)  # fmt: skip
IMAGES = "N=8 C=32 image=[128,128]"
ATTENTION = "batch=[2,8] T=512 S=512 d=64 e=64"
AT_LARGE = {
    **dict.fromkeys(("cholesky", "eigh", "inverse", "logdet", "matrix_exp"), "n=256"),
    **dict.fromkeys(("qr", "svd"), "m=256 n=256"), "solve": "n=256 k=16", "lstsq": "m=256 n=128 k=16",
    "implicit_fixed_point": "N=64 d=256 n=256", "einsum": "b=1 i=256 j=256 k=256",
    **dict.fromkeys(("scaled_dot_product_attention", "attention_softcap"), ATTENTION),
    "flash_attention": f"{ATTENTION} params.tile=128",
    "fused_linear_cross_entropy": "N=1024 d=512 V=4096 params.chunk=256 inputs.scale=0.1",
    "info_nce": "N=1024 d=512",
    "linear_attention": "batch=[2,8] T=512 d=64 e=64", "multi_head_attention": "N=4 T=256 D=256",
    "grouped_query_attention": "N=2 K=2 G=4 T=256 S=256 d=64 e=64", "transformer_block": "N=4 T=128 D=256",
    "gpt2": "layers=4 N=4 T=64 D=128 V=512", "embedding_bn_mlp": "N=1024 k=3 d=16 h=256 V=27",
    **dict.fromkeys(("avg_pool2d", "max_pool2d", "unfold", "batch_norm", "instance_norm"), IMAGES),
    "group_norm": IMAGES.replace("32", "36"), "upsample_bilinear": IMAGES.replace("128", "64"),
    "depthwise_conv2d": f"{IMAGES} kernel=[3,3]", "conv2d": f"{IMAGES} O=32 kernel=[3,3]",
    "conv1d": "N=8 C=64 O=64 L=1024 K=3", "conv_transpose2d": "N=4 C=32 O=32 places=[64,64] kernel=[3,3]",
    "lenet": "N=64 A=6 B=16 C=120 image=[32,32] k=5", "linear_scan": "T=128 n=16384",
    **dict.fromkeys(("rnn_bptt", "lstm_bptt"), "N=64 T=64 D=128 H=128"),
    "embedding": "batch=[64,128] V=16384 d=256", "gather": "m=2048 n=2048 k=2048", "outer": "m=2048 n=2048",
    "sum_to_shape": "a=[64,1,512] b=[128,1]", "matmul": "a=[8,1,512,512] b=[2,512,512]",
    "pairwise_distance": "m=256 n=256 d=64", "ctc_loss": "T=256 N=32 C=64 S=32",
}  # fmt: skip
"""Where all dimensions enlarged alike are a shape that nobody has."""
AT_LARGEST = {"batch_norm": "N=32 C=32 image=[128,128]"}
FIGURES = ("manual_ms", "autograd_ms", "speedup", "speedup_low", "efficiency", "autograd_efficiency")
SETTINGS = ("check=off", "timing=quick", "threads=1", "workers=1", "limits.timeout_s=120", "quiet=true")


def measure(chosen: Iterable[str] = ()) -> pd.DataFrame:
    """Return a row for each formula and size: the best derivation, and how it compares."""
    rows: list[dict[str, Any]] = []
    for name in chosen or names():
        for elements in (0, LARGE, *((LARGEST,) if name in BY_MEMORY else ())):
            rows.append(_best(name, elements))
            print(rows[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _best(name: str, elements: int) -> dict[str, Any]:
    row: dict[str, Any] = {"formula": name, "size": f"2^{math.log2(elements):.0f}" if elements else "own"}
    shape = _shape(name, elements)
    timed = _run(name, "compile" if elements == LARGEST else "eager", shape)
    if elements != LARGEST and not bool((timed["speedup"] >= 1).any()):
        timed = pd.concat([timed, _run(name, "compile", shape)])
    judged = timed[timed["speedup"].notna()]
    if judged.empty:
        return {**row, "derivation": " ".join(timed["error"].astype(str))[:60]}
    best = judged.sort_values("speedup").iloc[-1]
    found = {name: best[name] for name in ("shape", "derivation", "execution")}
    return {**row, **found, **{figure: float(best[figure]) for figure in FIGURES}}


def _shape(name: str, elements: int) -> list[str]:
    """Return the shape at which the inputs have about so many elements."""
    known = {LARGE: AT_LARGE, LARGEST: AT_LARGEST}.get(elements, {})
    if name in known:
        return [size if "." in size else f"shape.{size}" for size in known[name].split()]
    factors = (*range(1, 2**11), *range(2**17, LARGEST, 2**17)) if elements else [1]  # last, of a vector
    best = min(factors, key=lambda factor: abs(math.log(_size(name, factor) / max(elements, 1))))
    return [f"enlarge={best}"]


def _size(name: str, factor: int) -> int:
    spec, formula = specification(name), lookup(name)
    shape = {n: _times(size, factor) for n, size in spec.shape.items()}
    return sum(math.prod(size) for size in formula.sizes(shape, spec.params).values())


def _times(size: Any, factor: int) -> Any:
    return [one * factor for one in size] if isinstance(size, list) else size * factor


def _run(name: str, execution: str, shape: list[str]) -> pd.DataFrame:
    """Return the first row of each derivation, as times are of all its gradients together."""
    with tempfile.TemporaryDirectory() as folder:
        gradients = [one.name for one in lookup(name).derivations.values() if one.kind.is_timed]
        chosen = [f"experiment={name}", f"derivation=[{','.join(gradients)}]", f"execution={execution}"]
        command = [sys.executable, "-m", "runner", "-m", *chosen, *shape, *SETTINGS]
        command.append(f"hydra.sweep.dir={folder}")
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        return csv.read(Path(folder) / csv.NAME).drop_duplicates("derivation")


if __name__ == "__main__":
    print(measure(sys.argv[1:]).to_string(index=False))
