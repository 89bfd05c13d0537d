"""What a layer reads, shown to those who watch its inputs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import Tensor, nn

View = Callable[[Tensor], Tensor]
"""Gets the inputs of a pass (B, T, D), or of one step (B, 1, D) after the other; returns what the
layer is to read, which must have the same values."""

InputWatcher = Callable[[], View]
"""Called at each forward pass, for the view of its inputs."""


class WatchedInputs(nn.Module):
    """A module whose inputs may be watched; it calls `viewed` in each of its passes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._input_watchers: list[InputWatcher] = []

    def watch_inputs(self, watcher: InputWatcher) -> AbstractContextManager[None]:
        """Show the inputs of each call inside the `with` block, as this layer alone reads them.

        So a hook on what a view returns sees the gradient that comes from this layer: in two
        directions that of each one, in a residual block that of the branch.

        Args:
            watcher: See `InputWatcher`.
        """
        return listed(self._input_watchers, watcher)

    def viewed(self) -> View:
        """The inputs of a pass that begins, through the views of all who watch."""
        views = [watcher() for watcher in self._input_watchers]

        def view(x: Tensor) -> Tensor:
            for each in views:
                x = each(x)
            return x

        return view


@contextmanager
def listed(values: list[Any], value: Any) -> Iterator[None]:
    """A value is in a list while the `with` block lasts."""
    values.append(value)
    try:
        yield
    finally:
        values.remove(value)
