"""Recurrent weights that are dropped for a batch, whatever computes it."""

from functools import partial

import pytest
import torch
from torch import nn

from pairs import pairs
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.layers.weight_drop import dropped_weights
from rnnlab.nn.recurrent import RecurrentEncoder

CELLS = [RNN, LSTM, GRU]
KERNELS = ["fused", "bptt", "scan"]
INPUTS = torch.tensor([[5, 2, 7, 1], [3, 0, 0, 0], [6, 6, 4, 0]])
LENGTHS = torch.tensor([4, 1, 3])
X = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double)


class Words(nn.Embedding):
    output_size = 3


def make(cell, kernel="auto"):
    torch.manual_seed(0)
    return cell(4, hidden_size=6, kernel=kernel).double()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_gradients_of_a_layer_with_such_weights(cell, kernel):
    layer, other = make(cell, kernel), make(cell, "scan")
    torch.manual_seed(3)
    mask = nn.functional.dropout(torch.ones_like(layer.weight_hh_l0), 0.4)
    assert 0 < (mask == 0).sum() < mask.numel()
    with torch.no_grad():
        other.weight_hh_l0 *= mask
    ragged = torch.tensor([5, 2, 3])
    for run in (
        lambda one: one(X),
        lambda one: one(X, ragged),
        lambda one: (one.outputs(X), ()),
        lambda one: (one.outputs(X, ragged), ()),
    ):
        layer.zero_grad()
        other.zero_grad()
        torch.manual_seed(3)
        with dropped_weights(layer, 0.4):
            outputs, state = run(layer)
        expected, final = run(other)
        torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-12)
        for one, two in zip(state, final, strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-12)
        outputs.square().sum().backward()
        expected.square().sum().backward()
        torch.testing.assert_close(layer.weight_hh_l0.grad, other.weight_hh_l0.grad * mask)
        torch.testing.assert_close(layer.weight_ih_l0.grad, other.weight_ih_l0.grad)


def kernel_calls(monkeypatch):
    """The weights of each call of torch's own kernels."""
    seen = []

    def called(native, x, state, weights, **options):
        seen.append(weights)
        return native(x, state, weights, **options)

    for name in ("rnn_tanh", "lstm", "gru"):
        monkeypatch.setattr(torch, name, partial(called, getattr(torch, name)))
    return seen


def lie_in_one_buffer(weights):
    """Whether cuDNN takes them as they are: one behind the other, with nothing else around."""
    sizes = torch.tensor([w.numel() for w in weights])
    starts = (sizes.cumsum(0) - sizes).tolist()
    total = int(sizes.sum()) * weights[0].element_size()
    return (
        len({w.untyped_storage().data_ptr() for w in weights}) == 1
        and [w.storage_offset() for w in weights] == starts
        and weights[0].untyped_storage().nbytes() == total
        and all(w.is_contiguous() for w in weights)
    )


@pytest.mark.parametrize("cell", CELLS)
def test_torchs_kernels_get_dropped_weights_in_one_buffer(cell, monkeypatch):
    layer, seen = make(cell, "fused"), kernel_calls(monkeypatch)
    ragged = torch.tensor([5, 2, 3])
    with dropped_weights(layer, 0.4):
        layer(X)
        layer(X, ragged)
        layer.outputs(X, ragged)
    assert len(seen) == 3
    assert all(lie_in_one_buffer(weights) for weights in seen)
    layer(X)
    assert all(a is b for a, b in zip(seen[-1], layer.weights, strict=True)), "not copied"


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cell", CELLS)
def test_afterwards_all_is_as_before(cell, kernel):
    layer = make(cell, kernel)
    before = dict(layer.named_parameters())
    plain = layer(X)[0]
    with pytest.raises(TypeError), dropped_weights(layer, 0.5):
        layer(None)
    after = dict(layer.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert torch.equal(layer(X)[0], plain)
    layer.weight_hh_l0.data.zero_()
    assert not torch.equal(layer(X)[0], plain), "the kernel reads the parameter again"


def encoder(**options):
    torch.manual_seed(0)
    return RecurrentEncoder(Words(8, 3), partial(LSTM, hidden_size=4), **options)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_encoder_drops_in_training_only(bidirectional):
    options = {"num_layers": 2, "bidirectional": bidirectional}
    plain, dropping = encoder(**options), encoder(weight_dropout=0.5, **options)
    first, second = dropping(INPUTS, LENGTHS).outputs, dropping(INPUTS, LENGTHS).outputs
    assert not torch.equal(first, second)
    expected = plain(INPUTS, LENGTHS).outputs
    assert torch.equal(dropping.eval()(INPUTS, LENGTHS).outputs, expected)
    dropping.train()(INPUTS, LENGTHS).outputs.sum().backward()
    assert all(p.grad is not None for p in dropping.parameters())


def by_loop(layer, x, lengths, start):
    """Outputs, the final state, and all states of each sequence, by its own steps."""
    rows = []
    for row, length in enumerate(lengths.tolist()):
        states = [tuple(part[row : row + 1] for part in start)]
        for t in range(length):
            states.append(layer.step(x[row : row + 1, t], states[-1])[1])
            for part in states[-1]:
                part.retain_grad()
        rows.append(states[1:])
    hidden = [torch.cat([state[0] for state in states]) for states in rows]
    final = [torch.cat(parts) for parts in zip(*(states[-1] for states in rows), strict=True)]
    return nn.utils.rnn.pad_sequence(hidden, batch_first=True), tuple(final), rows


def sigmoids_by_hand(layer, x, states, start):
    """The first two gates of an LSTM or a GRU in float64, of one sequence: (T, 2 H)."""
    before = torch.cat([start, *states[:-1]])
    size = 2 * layer.hidden_size
    inputs = x[: len(states)] @ layer.weight_ih_l0[:size].T + layer.bias_ih_l0[:size]
    return (inputs + before @ layer.weight_hh_l0[:size].T + layer.bias_hh_l0[:size]).sigmoid()


# every cell and kernel, each with ragged and full batches, with and without a final state
WAYS = pairs(CELLS, KERNELS, ["ragged", "full"], ["outputs", "state"], ["ends", "mean"])


@pytest.mark.parametrize(("cell", "kernel", "shape", "call", "loss"), WAYS)
def test_observers_see_the_weights_that_were_used(cell, kernel, shape, call, loss):
    """Gradients at states and gates, though by then the weights are others and outputs changed."""
    layer, other = make(cell, kernel), make(cell, "scan")
    torch.manual_seed(5)
    with torch.no_grad():
        other.weight_hh_l0 *= nn.functional.dropout(torch.ones_like(layer.weight_hh_l0), 0.4)
    lengths = torch.tensor([5, 2, 3] if shape == "ragged" else [5, 5, 5])
    generator = torch.Generator().manual_seed(1)
    zero = layer.initial_state(3, X)
    start = tuple(torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in zero)
    start = start if call == "state" else zero

    def value(outputs, final):
        if loss == "mean":
            return outputs.sin().sum(1).square().sum() + sum(part.cos().sum() for part in final)
        return sum(part.sin().square().sum() for part in final)

    seen, traces = [], []
    torch.manual_seed(5)
    with layer.watch(seen.append), layer.record(traces.append), dropped_weights(layer, 0.4):
        given = lengths if shape == "ragged" else None
        if call == "state":
            outputs, final = layer(X, given, start)
        else:
            outputs, final = layer.outputs(X, given), ()
    final = final or (outputs[torch.arange(3), lengths - 1],)
    value(outputs, final).backward()
    with torch.no_grad():  # an optimiser's step, and a task that changes what it was given
        for parameter in layer.parameters():
            parameter.mul_(2.0)
        outputs.detach().fill_(9.0)
    expected, ends, rows = by_loop(other, X, lengths, start)
    value(expected, ends if call == "state" else ends[:1]).backward()
    for number, vectors in enumerate(seen[0].vectors()):
        for row, states in enumerate(rows):
            exact = torch.cat(
                [
                    torch.zeros_like(s[number]) if s[number].grad is None else s[number].grad
                    for s in states
                ]
            )
            torch.testing.assert_close(vectors[row, : len(states)], exact, rtol=0, atol=1e-12)
            assert not vectors[row, len(states) :].any()
    values = layer.gate_values(traces[0])
    for row, states in enumerate(rows):
        for part, steps in enumerate(values.states):
            exact = torch.cat([state[part] for state in states])
            torch.testing.assert_close(steps[row, : len(states)], exact, rtol=0, atol=1e-12)
        if values.sigmoids:
            hidden = [state[0] for state in states]
            both = sigmoids_by_hand(other, X[row], hidden, start[0][row : row + 1])
            first, second = list(values.sigmoids.values())[:2]
            found = torch.cat([first, second], dim=2)[row, : len(states)]
            torch.testing.assert_close(found, both, rtol=0, atol=1e-12)


def test_a_layer_without_kernels_shows_the_states_that_it_had():
    layer = Around(4).double()
    traces = []
    with layer.record(traces.append), dropped_weights(layer, 0.5):
        outputs = layer(X)[0]
    torch.testing.assert_close(layer.gate_values(traces[0]).states[0], outputs, rtol=0, atol=1e-12)
    with layer.record(traces.append), dropped_weights(layer, 0.5):
        stepper = layer.stepper(layer.initial_state(3, X))
        outputs = [stepper.step(x) for x in X.unbind(1)]
        stepper.finish()
    states = layer.gate_values(traces[1]).states[0]
    torch.testing.assert_close(states, torch.stack(outputs, 1), rtol=0, atol=1e-12)


class Around(Layer):
    """A layer made of another one, which names that one's weights as its own."""

    def __init__(self, size):
        super().__init__()
        self.input_size, self.inner = size, LSTM(size, hidden_size=6, kernel="scan")
        self.output_size = 6

    def initial_state(self, batch_size, like):
        return self.inner.initial_state(batch_size, like)

    def step(self, x, state):
        return self.inner.step(x, state)

    def gates(self):
        return {gate: (f"inner.{name}", rows) for gate, (name, rows) in self.inner.gates().items()}


def test_a_layer_made_of_layers_keeps_its_weights():
    torch.manual_seed(0)
    layer = Around(4).double()
    before = dict(layer.named_parameters())
    for _ in range(2):
        with dropped_weights(layer, 0.5):
            dropped = layer.inner.weight_hh_l0
            layer(X)[0].sum().backward()
        share = (dropped == 0).double().mean()
        assert 0.3 < share < 0.7  # dropped once, not twice
        assert dict(layer.named_parameters()) == before


class Nameless(Around):
    """A layer that names no weights, made of one tensor alone."""

    def __init__(self, size):
        super().__init__(size)
        del self.inner
        self.mix = nn.Linear(size + 6, 6)

    def initial_state(self, batch_size, like):
        return (like.new_zeros(batch_size, 6),)

    def step(self, x, state):
        h = self.mix(torch.cat([x, state[0]], dim=1)).tanh()
        return h, (h,)

    def gates(self):
        return {}


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_cell_that_names_no_recurrent_weights_cannot_drop_them(bidirectional):
    with pytest.raises(ConfigError, match=r"^encoder\.weight_dropout: this cell's `gates` name no"):
        RecurrentEncoder(Words(8, 4), Nameless, weight_dropout=0.1, bidirectional=bidirectional)
    RecurrentEncoder(Words(8, 4), Nameless, bidirectional=bidirectional)
