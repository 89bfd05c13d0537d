"""What instruments do around one training step's forward pass."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

from torch import Tensor


class Observers:
    """Contexts for the forward pass of the next training step, and for no other pass.

    So an instrument that watches or records a training step sees nothing of the passes that others
    make for themselves.

    Attributes:
        loss_scale: What the gradient of an observed step's loss was multiplied by: the division of
            an accumulation and a loss scale (fp16). Known after the backward pass.
    """

    def __init__(self) -> None:
        self.loss_scale: Tensor | None = None
        self._waiting: list[AbstractContextManager[Any]] = []

    def add(self, context: AbstractContextManager[Any]) -> None:
        """Enter a context for the next pass."""
        self._waiting.append(context)

    def around(self, forward: Callable[[], Tensor]) -> Tensor:
        """The loss that a forward pass returns, made within the contexts."""
        entered, self._waiting = self._waiting, []
        with ExitStack() as stack:
            for context in entered:
                stack.enter_context(context)
            loss = forward()
        if entered:
            loss.register_hook(partial(setattr, self, "loss_scale"))  # type: ignore[no-untyped-call]
        return loss
