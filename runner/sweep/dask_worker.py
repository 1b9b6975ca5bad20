"""What runs inside a Dask worker. Nothing here imports PyTorch: that is its child processes' business."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from distributed import get_worker

from runner.sweep.supervise import Results, Terms, retire, run_chunk


def run_there(specs: Sequence[bytes], terms: Terms) -> Results:
    """Run pickled specifications in turn, with a share of this machine for each of the worker's threads."""
    return run_chunk(specs, replace(terms, share=get_worker().state.nthreads))


def retire_there(token: str) -> None:
    """End the children that this worker has of a sweep."""
    retire(token)


def offers_gpu(dask_worker: Any) -> bool:
    """Tell whether a worker was started with `--resources GPU=1`; Dask hands it over by this name."""
    return bool(dask_worker.state.total_resources.get("GPU"))
