"""Seeded random numbers for inputs."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from runner.settings import Inputs

Size = Sequence[int]

PLACE = torch.device("cpu")
FLOAT = torch.float32  # both are named at every draw: a plug-in may have set torch's defaults to others


class Draw:
    """A small random generator: on the CPU, of numbers that float32 holds, whatever the experiment's dtype.

    One seed therefore gives the same numbers, up to rounding, everywhere. They come as float64, which leaves
    their dtype open: the experiment's. What `sample` casts to another keeps it, where it is the more precise.
    """

    def __init__(self, seed: int, settings: Inputs | None = None) -> None:
        self._generator = torch.Generator(PLACE).manual_seed(seed)
        self._settings = settings or Inputs()

    def default(self, size: Size) -> Tensor:
        """Draw from `inputs.distribution`, times `inputs.scale`, plus `inputs.offset`."""
        values = DISTRIBUTIONS[self._settings.distribution or DEFAULT_DISTRIBUTION](self, size)
        if self._settings.scale != 1.0:
            values = values * self._settings.scale
        return (values + self._settings.offset if self._settings.offset else values).double()

    def uniform(self, size: Size, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draw from [low, high)."""
        return (self._rand(size) * (high - low) + low).double()

    def normal(self, size: Size, mean: float = 0.0, std: float = 1.0) -> Tensor:
        """Draw from the normal distribution."""
        return self._randn(size, mean, std).double()

    def integers(self, size: Size, low: int, high: int) -> Tensor:
        """Draw int64 from [low, high), distributed as `inputs.ids` says."""
        return IDS[self._settings.ids or DEFAULT_IDS](self, size, low, high)

    def boolean(self, size: Size, probability: float = 0.5) -> Tensor:
        """Draw a mask that is True with the given probability."""
        return self._rand(size) < probability

    def _integers(self, size: Size, low: int, high: int) -> Tensor:
        return torch.randint(low, high, tuple(size), generator=self._generator, device=PLACE)

    def _zipf(self, size: Size, low: int, high: int) -> Tensor:
        """Draw the k-th number of the range with a probability of 1/k, as the k-th most frequent word."""
        ranks = torch.arange(1, high - low + 1, dtype=torch.float64, device=PLACE)
        below = ranks.reciprocal().cumsum(0)
        drawn = torch.searchsorted(below, self._rand(size).double() * below[-1:], right=True)
        return low + drawn.clamp(max=high - low - 1)

    def _one_row(self, size: Size, low: int, high: int) -> Tensor:
        return self._integers((1,), low, high).expand(tuple(size)).clone()

    def _sorted(self, size: Size, low: int, high: int) -> Tensor:
        return self._integers(size, low, high).flatten().sort().values.view(tuple(size))

    def _randn(self, size: Size, mean: float = 0.0, std: float = 1.0) -> Tensor:
        drawn = torch.randn(tuple(size), generator=self._generator, dtype=FLOAT, device=PLACE)
        return drawn * std + mean

    def _rand(self, size: Size) -> Tensor:
        return torch.rand(tuple(size), generator=self._generator, dtype=FLOAT, device=PLACE)


DISTRIBUTIONS: dict[str, Callable[[Draw, Size], Tensor]] = {
    "uniform": Draw._rand,
    "normal": Draw._randn,
    "zeros": lambda rng, size: torch.zeros(tuple(size), dtype=FLOAT, device=PLACE),
    "ties": lambda rng, size: rng._integers(size, -1, 2).to(FLOAT),
    "half_zeros": lambda rng, size: rng._randn(size) * rng.boolean(size),
    "negative": lambda rng, size: -rng._randn(size).abs(),
    "tiny": lambda rng, size: rng._randn(size, std=1e-20),
    "small": lambda rng, size: rng._randn(size, std=1e-4),
    "large": lambda rng, size: rng._randn(size, std=30.0),
    "huge": lambda rng, size: rng._randn(size, std=1e5),
    "offset": lambda rng, size: rng._randn(size, mean=10.0),
}
IDS: dict[str, Callable[[Draw, Size, int, int], Tensor]] = {
    "uniform": Draw._integers,
    "zipf": Draw._zipf,
    "one_row": Draw._one_row,
    "sorted": Draw._sorted,
}
"""Distributions of integers: labels, and ids that choose a row."""
UPSTREAMS: dict[str, Callable[[Draw, Size], Tensor]] = {
    "ones": lambda rng, size: torch.ones(tuple(size), dtype=FLOAT, device=PLACE),
    "normal": Draw._randn,
}
DEFAULT_DISTRIBUTION, DEFAULT_UPSTREAM = "uniform", "ones"  # those of the notebook that handgrad began with
DEFAULT_IDS = "uniform"
