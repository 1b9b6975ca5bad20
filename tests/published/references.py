"""The mathematics of published Functions, written down plainly; autograd differentiates it."""

import torch
from torch import Tensor
from torch.nn.functional import softplus

Sizes = dict[str, tuple[int, ...]]


def rows(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n)}


def sparsemax(x: Tensor) -> Tensor:
    """Project each row onto the probability simplex: max(x - tau, 0), where tau makes it sum to 1.

    Where x = tau it is not differentiable; both packages choose 0 there, as relu does.
    """
    z, k = _sorted(x)
    kept = k * z > z.cumsum(-1) - 1
    tau = ((z * kept).sum(-1, keepdim=True) - 1) / kept.sum(-1, keepdim=True)
    return torch.relu(x - tau)


def entmax15(x: Tensor) -> Tensor:
    """Return max(x/2 - tau, 0)^2, where tau makes each row sum to 1."""
    half = x / 2
    z, k = _sorted(half.detach())
    mean = z.cumsum(-1) / k
    spread = k * ((z**2).cumsum(-1) / k - mean**2)
    kept = mean - torch.sqrt(torch.clamp((1 - spread) / k, min=0)) <= z
    top = half.sort(-1, descending=True).values * kept
    size = kept.sum(-1, keepdim=True)
    mean = top.sum(-1, keepdim=True) / size
    spread = (((top - mean) * kept) ** 2).sum(-1, keepdim=True)
    tau = mean - torch.sqrt((1 - spread) / size)
    return torch.clamp(half - tau, min=0) ** 2


def _sorted(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row from the largest down, and how many numbers there are up to each."""
    return x.sort(-1, descending=True).values, torch.arange(1, x.shape[-1] + 1, device=x.device)


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def mish(x: Tensor) -> Tensor:
    return x * torch.tanh(softplus(x))


def hard_sigmoid(x: Tensor) -> Tensor:
    return torch.clamp(x + 3, min=0, max=6) / 6


def hard_swish(x: Tensor) -> Tensor:
    return x * torch.clamp(x + 3, min=0, max=6) / 6


def hard_mish(x: Tensor) -> Tensor:
    return x * torch.clamp(x + 2, min=0, max=2) / 2
