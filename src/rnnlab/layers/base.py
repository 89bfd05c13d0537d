"""The contract of a layer that reads a sequence step by step: one layer, one direction."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.data.batch import valid_mask
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.exported import scan_graph
from rnnlab.layers.inputs import WatchedInputs, listed
from rnnlab.layers.padding import last_valid, zero_padding
from rnnlab.layers.parameters import replaced_parameters
from rnnlab.layers.stepper import Stepper
from rnnlab.layers.trace import GateValues, Recorder, Trace
from rnnlab.layers.watch import StateCollector, StateGradients, Watcher, trainable

State = tuple[Tensor, ...]
"""What the steps so far leave, each part (B, ...): search reorders it without knowing the cell."""

Index = slice | tuple[slice, slice]
"""Rows of a parameter, or a block of it."""

Inputs = Float[Tensor, "B T D"]
Lengths = Int[Tensor, "B"] | None
Outputs = Float[Tensor, "B T H"]
Result = tuple[Outputs, State]


class Layer(WatchedInputs, ABC):
    """A layer that reads a batch left to right.

    A subclass defines `initial_state`, `step` and `gates`. It may define a faster `forward` (and
    `forward_outputs`), which tests hold equal to the loop over `step`. Its constructor takes
    `input_size` as the only positional parameter; keyword-only parameters are the options that
    YAML may set.

    Diagnostics see the layer through `watch`, `watch_inputs`, `record` and `gate_values`. As with
    PyTorch's hooks, they see calls of the layer, `layer(x)` or `layer.outputs(x)`, and not
    `layer.forward(x)`.

    Attributes:
        fixed_size_state: Whether the state has a fixed size, and all that is remembered goes
            through it. Only then are there gradients dL/dh_t to `watch`, and a state that others
            may start.
        input_size: Features D of a step's input.
        output_size: Features H of a step's output.
        max_steps: Steps of the longest sequence that it reads; None for any.
    """

    fixed_size_state: ClassVar[bool] = True
    input_size: int
    output_size: int
    max_steps: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # of torch's own cell, where there is one
        self._watchers: list[Watcher] = []
        self._recorders: list[Recorder] = []

    @abstractmethod
    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """The state before the first step: zeros, of `like`'s device and dtype."""

    @abstractmethod
    def step(self, x: Float[Tensor, "B D"], state: State) -> tuple[Float[Tensor, "B H"], State]:
        """One step in plain tensor operations: the output and the next state."""

    @abstractmethod
    def gates(self) -> Mapping[str, tuple[str, slice]]:
        """Where each gate's weights are: "kernel/gate" -> (name of the parameter, its rows).

        The kernel is `input`, `recurrent` or `bias`. Diagnostics use it to report gradients
        gate by gate; rows of different entries must not overlap.
        """

    def weight_parts(self) -> Mapping[str, Sequence[tuple[str, Index]]]:
        """Further parts whose gradients are reported, such as heads: name -> (parameter, index).

        They may overlap with gates. None by default.
        """
        return {}

    def two_directions(self, cell: Callable[[], "Layer"]) -> "Layer | Bidirectional":
        """What reads in both directions: this layer, newly made, and another that reads back.

        Args:
            cell: Makes a layer like this one, for a cell that needs a second.
        """
        return Bidirectional(self, cell())

    def init_residual(self, num_layers: int) -> None:
        """Start the weights as one of `num_layers` residual blocks; by default they stay."""

    def carry(self, state: State) -> State:
        """What a stream of text takes to its next batch: the state, without its gradient."""
        return tuple(part.detach() for part in state)

    def keep(self, proposed: State, state: State, now: Tensor) -> State:
        """The state after a step that only some sequences take, those where `now` (B,) is true."""
        return tuple(
            torch.where(now.view(-1, *[1] * (new.dim() - 1)), new, old)
            for new, old in zip(proposed, state, strict=True)
        )

    def engine(self, device: torch.device) -> str:
        """Which kernel computes `forward` on a device, and why; shown when a run starts."""
        return "scan" if type(self).forward is Layer.forward else f"{type(self).__name__}'s own"

    def computes_in(self, lower: torch.dtype) -> torch.dtype:
        """The dtype in which `forward` multiplies under autocast with a lower one."""
        return lower

    def forward(self, x: Inputs, lengths: Lengths = None, state: State | None = None) -> Result:
        """All outputs, zero beyond `lengths`, and the state after each last valid step.

        Args:
            x: Inputs, right padded; the values in the padding have no influence.
            lengths: Real steps of each sequence, at least 1; None where all are T.
            state: State to start from; None for `initial_state`.
        """
        return self.scan(x, lengths, state)

    def forward_outputs(self, x: Inputs, lengths: Lengths = None) -> Outputs:
        """What `outputs` computes; a subclass may save the work for the final state."""
        return self.forward(x, lengths)[0]

    def scan(
        self,
        x: Inputs,
        lengths: Lengths = None,
        state: State | None = None,
        on_state: Callable[[State], None] | None = None,
    ) -> Result:
        """The loop over `step`; `on_state` gets the state after each, before masking."""
        x = zero_padding(x, lengths)  # a masked NaN would still give NaN gradients
        state = self.initial_state(x.shape[0], x) if state is None else state
        valid = None if lengths is None else valid_mask(lengths, x.shape[1])
        outputs = []
        for t in range(x.shape[1]):
            output, proposed = self.step(x[:, t], state)
            if on_state is not None:
                on_state(proposed)
            if valid is None:
                state = proposed
            else:
                now = valid[:, t]
                output = torch.where(now.unsqueeze(1), output, 0.0)
                state = self.keep(proposed, state, now)
            outputs.append(output)
        return torch.stack(outputs, dim=1), state

    def exported(self, x: Inputs, lengths: Lengths, state: State) -> Result:
        """`forward` in operations that `torch.export` keeps for any number of steps.

        It takes the place of `forward` while a program is exported; by default one scan over
        `step`, in ONNX a `Scan`.
        """
        return scan_graph(self.step, self.keep, zero_padding(x, lengths), lengths, state)

    def __call__(self, x: Inputs, lengths: Lengths = None, state: State | None = None) -> Result:
        """`forward`, shown to those who `watch` or `record`."""
        if torch.compiler.is_exporting():
            start = self.initial_state(x.shape[0], x) if state is None else state
            return self.exported(x, lengths, start)
        if self._is_observed:
            return self._observed(x, lengths, state)
        result: Result = super().__call__(x, lengths, state)
        return result

    def outputs(self, x: Inputs, lengths: Lengths = None) -> Outputs:
        """The outputs alone, shown to those who `watch` or `record`.

        Args:
            x: Inputs (B, T, D), right padded with finite numbers, which have no influence.
            lengths: See `forward`.
        """
        if torch.compiler.is_exporting():
            return self(x, lengths)[0]
        if self._is_observed:
            return self._observed(x, lengths, None, outputs_only=True)[0]
        return self.forward_outputs(x, lengths)

    def final(self, outputs: Outputs, lengths: Int[Tensor, "B"]) -> Float[Tensor, "B H"]:
        """Of `outputs`, those after the last valid step of each sequence."""
        return last_valid(outputs, lengths)

    def watch(self, watcher: Watcher) -> AbstractContextManager[None]:
        """Show dL/dh_t, the total gradient at every state (and dL/dc_t of an LSTM).

        Each call of the layer, `outputs` or `stepper` inside the `with` block calls `watcher` once,
        with `StateGradients`, at the end of its backward pass, wherever that takes place. Without
        gradients (`torch.no_grad`) there is no such pass and no call. A layer that cannot learn,
        frozen and with frozen inputs, is shown all the same.

        Outputs and gradients do not change, up to rounding with torch's own kernels, which read a
        wider input and may add up its products in another order: in float32 they are equal within
        about 1e-6, and bit by bit at few shapes (8 of 28 that were tried).

        Several watchers and recorders may begin and end in any order; an unobserved layer does no
        work for them.

        Args:
            watcher: Called inside the backward pass: it must change nothing.

        Raises:
            TypeError: The layer has no `fixed_size_state`.
        """
        if not self.fixed_size_state:
            raise TypeError(f"{type(self).__name__} has no state of a fixed size to watch")
        return listed(self._watchers, watcher)

    def record(self, recorder: Recorder) -> AbstractContextManager[None]:
        """Give `recorder` a `Trace` of each forward pass inside the `with` block.

        It copies what is read, returned and used. It works without gradients, too. `gate_values`
        computes gates and states from a trace.
        """
        return listed(self._recorders, recorder)

    def stepper(self, state: State) -> Stepper:
        """Steps to be taken one by one from a state; `watch` and `record` see them too."""
        watcher = self._show if self._watchers else None
        recorders = tuple(self._recorders)
        weights = self.used_weights() if recorders else {}
        view = self.viewed() if self._input_watchers else None
        parameters = tuple(self.parameters())
        return Stepper(self.step, state, parameters, watcher, recorders, weights, view)

    def used_weights(self) -> dict[str, Tensor]:
        """Copies of the parameters as they are now, for `Trace.weights`."""
        named = self.named_parameters(remove_duplicate=False)
        return {name: parameter.detach().clone() for name, parameter in named}

    @torch.no_grad()
    def gate_values(self, trace: Trace) -> GateValues:
        """All gates and states of a forward pass, computed again in the weights' precision.

        The weights are those of the pass. A subclass defines `compute_gate_values`.
        """
        with replaced_parameters(self, trace.weights):
            return self.compute_gate_values(trace)

    def compute_gate_values(self, trace: Trace) -> GateValues:
        """What `gate_values` computes, with the layer's parameters.

        By default only the states, by the scan: the gates are known to the cell alone.
        """
        seen: list[State] = []
        with torch.autocast(trace.inputs.device.type, enabled=False):
            inputs, *initial = self.to_weight_dtype(trace.inputs, *trace.initial)
            self.scan(inputs, trace.lengths, tuple(initial), seen.append)
        states = tuple(torch.stack(steps, dim=1) for steps in zip(*seen, strict=True))
        return GateValues(trace.valid, states)

    def watched(
        self, watcher: Watcher, x: Inputs, lengths: Lengths, state: State, *, outputs_only: bool
    ) -> Result:
        """`forward` with `watcher` called by its backward pass; by default the scan, with hooks.

        A layer with a faster `forward` may have a faster way to these gradients, too.

        Args:
            watcher: See `watch`.
            x: See `forward`.
            lengths: See `forward`.
            state: State to start from.
            outputs_only: Whether the returned state is not used.
        """
        collector = StateCollector(watcher)
        x, *start = collector.begin((x, *state), self.parameters())
        return self.scan(x, lengths, tuple(start), collector.add)

    def to_weight_dtype(self, *tensors: Tensor) -> list[Tensor]:
        """Floating-point tensors in the weights' dtype: autocast's is too coarse to analyse."""
        dtype = next((p.dtype for p in self.parameters()), tensors[0].dtype)
        return [t.to(dtype) if t.is_floating_point() else t for t in tensors]

    def _observed(
        self, x: Inputs, lengths: Lengths, state: State | None, *, outputs_only: bool = False
    ) -> Result:
        x = self.viewed()(x)
        start = self.initial_state(x.shape[0], x) if state is None else state
        if self._watchers:
            leaf = trainable(x, *start, *self.parameters())
            result = self.watched(self._show, leaf, lengths, start, outputs_only=outputs_only)
        elif outputs_only:
            result = self.forward_outputs(x, lengths), ()
        else:
            result = super().__call__(x, lengths, state)
        if self._recorders:
            initial = tuple(part.detach().clone() for part in start)
            read, given = x.detach().clone(), result[0].detach().clone()
            trace = Trace(read, lengths, initial, given, self.used_weights())
            for recorder in self._recorders:
                recorder(trace)
        return result

    @property
    def _is_observed(self) -> bool:
        return bool(self._watchers or self._recorders or self._input_watchers)

    @property
    def _show(self) -> Watcher:
        """Calls those who watch now, also where the backward pass comes later."""
        watchers = tuple(self._watchers)

        def show(gradients: StateGradients) -> None:
            for watcher in watchers:
                watcher(gradients)

        return show


CellFactory = Callable[[int], Layer]
"""Makes a layer for a number of input features; the `cell` group of the configuration."""
