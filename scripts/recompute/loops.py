"""Recurrent layers as loops over sequences and steps, in float64, written out from the weights."""

from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

GATES = {
    "RNN": ["hidden"],
    "LSTM": ["input", "forget", "cell", "output"],
    "GRU": ["reset", "update", "new"],
}
"""Blocks of torch's weights, in order."""


@dataclass
class Call:
    """One call of a layer: of each sequence its inputs, its initial state, and all steps.

    `read` are the inputs of all, padded or step by step, which keep their gradient.
    """

    inputs: list[Tensor] = field(default_factory=list)
    initial: list[tuple[Tensor, ...]] = field(default_factory=list)
    states: list[list[tuple[Tensor, ...]]] = field(default_factory=list)
    gates: list[list[dict[str, Tensor]]] = field(default_factory=list)
    read: list[Tensor] = field(default_factory=list)

    def input_norms(self) -> list[list[float]]:
        """Of the gradients at the inputs of each sequence."""
        gradients = torch.cat([part.grad for part in self.read], dim=1)
        return [
            [float(gradients[row, t].norm()) for t in range(len(inputs))]
            for row, inputs in enumerate(self.inputs)
        ]

    def norms(self, part: int) -> list[list[float]]:
        """Of the gradients at the states of each sequence."""
        return [
            [0.0 if s[part].grad is None else float(s[part].grad.norm()) for s in states]
            for states in self.states
        ]


def in_loops(module):
    """A copy in float64; by their names the calls of recurrent layers, and of those without."""
    copy = deepcopy(module).double()
    calls: dict[str, list[Call]] = {}
    others: dict[str, list[Call]] = {}
    for name, layer in copy.named_modules():
        if type(layer).__name__ in GATES:
            calls[name] = []
            _unroll(layer, calls[name])
        elif type(layer).__name__ == "PerWord":
            others[name] = []
            _read(layer, others[name])
    return copy, calls, others


def _alone(x):
    """The inputs for one layer alone, with a gradient that is kept."""
    x = (x if x.requires_grad else x.clone().requires_grad_()) * 1
    if torch.is_grad_enabled():
        x.retain_grad()
    return x


def _read(layer, calls):
    own = layer.outputs

    def outputs(x, lengths=None):
        x = _alone(x)
        ends = [x.shape[1]] * len(x) if lengths is None else lengths.tolist()
        inputs = [row[:end] for row, end in zip(x, ends, strict=True)]
        calls.append(Call(inputs=inputs, read=[x]))
        return own(x, lengths)

    layer.outputs = outputs


def _unroll(layer, calls):
    def forward(x, lengths=None, state=None):
        x = _alone(x)
        call = Call(read=[x])
        calls.append(call)
        start = layer.initial_state(len(x), x) if state is None else state
        ends = [x.shape[1]] * len(x) if lengths is None else lengths.tolist()
        outputs, finals = [], []
        for row, end in enumerate(ends):
            now = tuple(part[row] for part in start)
            call.inputs.append(x[row, :end])
            call.initial.append(now)
            states, gates = run(layer, x[row, :end], now)
            call.states.append(states)
            call.gates.append(gates)
            hidden = torch.stack([state[0] for state in states])
            outputs.append(functional.pad(hidden, (0, 0, 0, x.shape[1] - end)))
            finals.append(states[-1])
        return torch.stack(outputs), tuple(torch.stack(p) for p in zip(*finals, strict=True))

    layer.forward = forward
    layer.stepper = lambda state: OneByOne(layer, calls, state)
    layer.outputs = lambda x, lengths=None: forward(x, lengths)[0]


class OneByOne:
    """A `Stepper`: one call of the layer, of which each step waits for the last one's output."""

    def __init__(self, layer, calls, state):
        self.layer, self.call = layer, Call()
        self.call.initial = [tuple(part[row] for part in state) for row in range(len(state[0]))]
        self.now = list(self.call.initial)
        for name in ("inputs", "states", "gates"):
            setattr(self.call, name, [[] for _ in self.now])
        calls.append(self.call)

    def step(self, x):
        """Of all sequences the next one."""
        x = _alone(x.unsqueeze(1))
        self.call.read.append(x)
        x = x.squeeze(1)
        for row, state in enumerate(self.now):
            self.call.inputs[row].append(x[row])
            states, gates = run(self.layer, x[row : row + 1], state)
            self.now[row] = states[0]
            self.call.states[row] += states
            self.call.gates[row] += gates
        return torch.stack([state[0] for state in self.now])

    def finish(self):
        """Nothing is left to do."""


def run(layer, inputs, state):
    """One sequence (T, D): all states, which keep their gradients, and its gates."""
    states, gates = [], []
    for x in inputs:
        state, values = step(layer, x, state)
        for part in state:
            if part.requires_grad:
                part.retain_grad()
        states.append(state)
        gates.append(values)
    return states, gates


def step(layer, x, state):
    """One step of one sequence: the state after it, and the values of the gates by their names."""
    a = layer.weight_ih_l0 @ x + layer.bias_ih_l0
    b = layer.weight_hh_l0 @ state[0] + layer.bias_hh_l0
    kind = type(layer).__name__
    if kind == "RNN":
        relu = layer.nonlinearity == "relu"
        hidden = (a + b).relu() if relu else (a + b).tanh()
        return (hidden,), {} if relu else {"hidden": hidden}
    if kind == "GRU":
        (ar, az, an), (br, bz, bn) = a.chunk(3), b.chunk(3)
        r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
        n = (an + r * bn).tanh()
        return ((1 - z) * n + z * state[0],), {"reset": r, "update": z, "new": n}
    i, f, g, o = (a + b).chunk(4)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    cell = f * state[1] + i * g
    bounded = cell.tanh()
    values = {"input": i, "forget": f, "cell": g, "output": o, "state": bounded}
    return (o * bounded, cell), values
