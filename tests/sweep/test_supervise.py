"""A point is lost only by what happened while it ran, never by what its worker did before."""

import pickle
import secrets
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runner.case.spec import Spec
from runner.sweep.supervise import Terms, retire, run_chunk

FILE = Path(__file__).with_name("hostile.py")


@pytest.fixture
def terms() -> Iterator[Terms]:
    terms = Terms(token=secrets.token_hex(), share=1, threads=1)
    yield terms
    for child in retire(terms.token):
        child.close()


def spec(mood: str) -> bytes:
    """Return a point that is never resolved here, so that only the child registers its formula."""
    return pickle.dumps(
        Spec(
            formula="hostile",
            plugins=(str(FILE),),
            derivations=("moody",),
            shape={"n": 3},
            params={"mood": mood},
        )
    )


@pytest.mark.parametrize("size", [0, 10_000_000], ids=["small", "larger than the socket takes at once"])
def test_a_child_that_has_left_costs_the_next_point_nothing(terms: Terms, size: int) -> None:
    (first,) = run_chunk([spec("replaces")], terms)
    assert first["tainted"], "its process is not to be trusted with another point"
    psutil.wait_procs(psutil.Process().children(), timeout=30)
    (second,) = run_chunk([spec("good") + b" " * size], terms)
    assert (second.get("status"), second.get("error")) == ("completed", None)
