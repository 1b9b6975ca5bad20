from collections.abc import Iterator

import pytest

from tests.sweep.clusters import scheduler, worker


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Run a cluster of two workers; return the setting that leads a sweep there."""
    with scheduler() as (_, address), worker(address, threads=2):
        yield f"cluster={address}"


@pytest.fixture(params=["workers=2", "cluster"])
def pool(request: pytest.FixtureRequest) -> str:
    """Return the setting that gives a sweep two workers: on this machine, then on a cluster."""
    setting: str = request.getfixturevalue("cluster") if request.param == "cluster" else request.param
    return setting
