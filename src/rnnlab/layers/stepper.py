"""A layer's steps, one by one, for a loop that does more between them."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rnnlab.layers.inputs import View
from rnnlab.layers.trace import Recorder, Trace
from rnnlab.layers.watch import StateCollector, Watcher, trainable

State = tuple[Tensor, ...]


class Stepper:
    """Takes steps, and shows them as one forward pass to watchers and recorders.

    Made by `Layer.stepper`. All sequences have the same number of steps.

    Args:
        step: `Layer.step`.
        state: The state before the first step, each part (B, ...).
        parameters: Those of the layer.
        watcher: Gets the gradients at the states after each step, see `Layer.watch`.
        recorders: Get the trace, see `Layer.record`.
        weights: `Trace.weights`.
        view: Of the inputs, see `WatchedInputs`; None where nobody watches them.
    """

    def __init__(
        self,
        step: Callable[[Tensor, State], tuple[Tensor, State]],
        state: State,
        parameters: Sequence[Tensor],
        watcher: Watcher | None,
        recorders: Sequence[Recorder],
        weights: Mapping[str, Tensor],
        view: View | None = None,
    ) -> None:
        self._step = step
        self._recorders = recorders
        self._weights = weights
        self._view = view
        self._initial = state
        self._steps: list[tuple[Tensor, Tensor]] = []
        self._collector: StateCollector | None = None
        if watcher is not None:
            self._collector = StateCollector(watcher)
            first = trainable(*state, *parameters)
            state = self._collector.begin((first, *state[1:]), parameters)
        self._state = state

    def step(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B H"]:
        """The output of the next step."""
        if self._view is not None:
            x = self._view(x.unsqueeze(1)).squeeze(1)
        output, self._state = self._step(x, self._state)
        if self._collector is not None:
            self._collector.add(self._state)
        if self._recorders:
            self._steps.append((x.detach().clone(), output.detach().clone()))
        return output

    def finish(self) -> None:
        """After the last step, of at least one."""
        if self._recorders:
            inputs, outputs = (
                torch.stack(steps, dim=1) for steps in zip(*self._steps, strict=True)
            )
            initial = tuple(part.detach() for part in self._initial)
            trace = Trace(inputs, None, initial, outputs, self._weights)
            for recorder in self._recorders:
                recorder(trace)
