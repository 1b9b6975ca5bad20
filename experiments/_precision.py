"""Where low precision is not good enough."""

import torch
from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """Return x in the dtype that sums are kept in: float32 for the half precisions, else its own."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
