"""How diagnostics look into a recurrent layer: its gradients, its gates, its states."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.layers.stepper import Stepper
from rnnlab.layers.trace import GateValues, Recorder, Trace
from rnnlab.layers.watch import Collector, GradientHook, StateGradients, Watcher

State = tuple[Tensor, ...]


class Observable(nn.Module):
    """A recurrent layer's side of diagnostics: `watch` and `record`, of every cell and kernel.

    Both shadow `forward` and `outputs` of the one instance while their `with` block lasts, so that
    a layer that is not looked at does nothing for it, and one with a `forward` of its own is seen
    too. They may begin and end in any order, and be used several times at once.
    """

    _watchers: tuple[Watcher, ...] = ()
    _recorders: tuple[Recorder, ...] = ()

    @abstractmethod
    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """See `Layer.initial_state`."""

    @abstractmethod
    def scan(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        state: State | None = None,
        see: Callable[[State], None] | None = None,
    ) -> tuple[Tensor, State]:
        """See `Layer.scan`."""

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """See `Layer.step`."""

    def stepper(self, state: State) -> Stepper:
        """Steps to be taken one by one from a state; `watch` and `record` see them too."""
        watcher = self._show if self._watchers else None
        return Stepper(self.step, state, tuple(self.parameters()), watcher, self._recorders)

    @contextmanager
    def watch(self, watcher: Watcher) -> Iterator[None]:
        """Show dL/dh_t, the total gradient at every state (and dL/dc_t of an LSTM).

        Each call of `forward`, `outputs` or `stepper` inside of the `with` block calls `watcher`
        once, with `StateGradients`, at the end of its backward pass, wherever that takes place;
        without gradients (`torch.no_grad`) there is no such pass and no call. Outputs and gradients
        are what they were, up to rounding where another computation has to be taken: none for
        `bptt` and `scan`; torch's own kernels read a wider input, which their products may add up
        in another order (of six shapes tried in float32 the LSTM was equal bit by bit at four, and
        within 4e-7 at those with 256 and 512 hidden units). A layer that nothing could learn from,
        frozen and with frozen inputs, is shown all the same.

        Args:
            watcher: Called inside of the backward pass: it must change nothing.
        """
        with self._observed("_watchers", watcher):
            yield

    @contextmanager
    def record(self, recorder: Recorder) -> Iterator[None]:
        """Give `recorder` a `Trace` of each forward pass inside of the `with` block.

        It costs memory only: tensors are detached, not copied. `gate_values` makes gates and
        states of it. It works without gradients, too.
        """
        with self._observed("_recorders", recorder):
            yield

    @torch.no_grad()
    def gate_values(self, trace: Trace) -> GateValues:
        """All gates and states of a forward pass, computed again in the weights' precision.

        Here by the scan, and with no gates: only a cell itself knows what they are. rnnlab's own
        need a product or two for all steps at once, and no loop but the LSTM's over c_t.
        """
        seen: list[State] = []
        with torch.autocast(trace.inputs.device.type, enabled=False):
            inputs, *initial = self.precise(trace.inputs, *trace.initial)
            self.scan(inputs, trace.lengths, tuple(initial), seen.append)
        states = tuple(torch.stack(steps, dim=1) for steps in zip(*seen, strict=True))
        return GateValues(trace.valid, states)

    def watched(
        self,
        watcher: Watcher,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None,
        state: State | None,
        *,
        final: bool,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """`forward` with `watcher` called by its backward pass; here the scan, with hooks.

        A layer with a faster `forward` may have a faster way to these gradients, too.

        Args:
            watcher: See `watch`.
            x: See `forward`.
            lengths: See `forward`.
            state: See `forward`.
            final: Whether the state that is returned matters.
        """
        start = self.initial_state(x.shape[0], x) if state is None else state
        collector = Collector(watcher)
        count = 1 + len(start)
        x, *start_ = GradientHook.apply(collector.done, count, x, *start, *self.parameters())  # type: ignore[no-untyped-call]
        return self.scan(x, lengths, tuple(start_), collector.see)

    def precise(self, *tensors: Tensor) -> list[Tensor]:
        """Numbers in the weights' dtype: what autocast made of them is too coarse to analyse."""
        dtype = next((p.dtype for p in self.parameters()), tensors[0].dtype)
        return [t.to(dtype) if t.is_floating_point() else t for t in tensors]

    @contextmanager
    def _observed(self, kind: str, observer: Any) -> Iterator[None]:
        """Add one; the shadows stay until the last one is gone, whichever that is."""
        mine: dict[str, Any] = self.__dict__
        mine[kind] = (*getattr(self, kind), observer)
        mine["forward"], mine["outputs"] = self._forward, self._outputs
        try:
            yield
        finally:
            rest = list(getattr(self, kind))
            rest.remove(observer)
            mine[kind] = tuple(rest)
            if not (self._watchers or self._recorders):
                for name in ("forward", "outputs", "_watchers", "_recorders"):
                    mine.pop(name, None)

    def _forward(
        self, x: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        if self._watchers:
            result = self.watched(self._show, self._trainable(x, state), lengths, state, final=True)
        else:
            result = type(self).forward(self, x, lengths, state)
        self._keep(x, lengths, state, result[0])
        return result

    def _outputs(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self._watchers:
            result, _ = self.watched(self._show, self._trainable(x), lengths, None, final=False)
        else:
            own: Any = type(self)
            # it may call `forward`, which is not to be recorded twice
            with _replaced(self, forward=partial(own.forward, self)):
                result = own.outputs(self, x, lengths)
        self._keep(x, lengths, None, result)
        return result

    @property
    def _show(self) -> Watcher:
        watchers = self._watchers

        def show(gradients: StateGradients) -> None:
            for watcher in watchers:
                watcher(gradients)

        return show

    def _keep(
        self, x: Tensor, lengths: Tensor | None, state: State | None, outputs: Tensor
    ) -> None:
        if self._recorders:
            start = self.initial_state(x.shape[0], x) if state is None else state
            initial = tuple(part.detach() for part in start)
            trace = Trace(x.detach(), lengths, initial, outputs.detach())
            for recorder in self._recorders:
                recorder(trace)

    def _trainable(self, x: Tensor, state: State | None = None) -> Tensor:
        """The input, or a leaf with its values where no gradient would reach this layer."""
        parts: Sequence[Tensor] = (x, *(state or ()), *self.parameters())
        if torch.is_grad_enabled() and not any(part.requires_grad for part in parts):
            return x.detach().requires_grad_()
        return x


@contextmanager
def _replaced(module: nn.Module, **attributes: Any) -> Iterator[None]:
    """Shadow what a class defines, in one instance."""
    before = {name: module.__dict__[name] for name in attributes if name in module.__dict__}
    module.__dict__.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del module.__dict__[name]
        module.__dict__.update(before)
