"""Looks at every operation that PyTorch dispatches, of calls that are not compiled."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class EachOperation(TorchDispatchMode):
    """Runs every operation, and shows a subclass what it made.

    Not for what `torch.compile` has made: it would compile this with it.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch from importing its compiler, which takes seconds, to leave this out of it."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation."""
        result = func(*args, **(kwargs or {}))
        self.see(func, args, kwargs or {}, result)
        return result

    def see(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Look at an operation, its arguments and its result."""
        raise NotImplementedError
