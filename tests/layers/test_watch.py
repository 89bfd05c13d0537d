"""The total gradient at every state, of every cell and kernel, against an unrolled loop."""

from functools import partial
from itertools import product

import pytest
import torch
from torch import nn

from rnnlab.layers.base import Layer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

B, T, D, H = 4, 6, 3, 5
LENGTHS = torch.tensor([2, 6, 1, 6])
EACH = (None, LENGTHS)


class Leaky(Layer):
    """A cell of one's own, whose output is not its state, and whose state has two shapes."""

    def __init__(self, input_size, *, hidden_size=H):
        super().__init__()
        self.input_size, self.output_size = input_size, hidden_size
        self.mix = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.output_size), like.new_zeros(batch_size, 2, 2)

    def step(self, x, state):
        new = torch.tanh(self.mix(torch.cat([x, state[0]], dim=1)))
        h = 0.9 * state[0] + 0.1 * new
        m = 0.5 * state[1] + h[:, :4].view(-1, 2, 2)
        return 2 * h + m.sum((1, 2)).unsqueeze(1), (h, m)

    def gates(self):
        return {}


class Quick(Leaky):
    """One with ways of its own to all outputs."""

    def forward(self, x, lengths=None, state=None):
        return self.scan(x.contiguous(), lengths, state)

    def forward_outputs(self, x, lengths=None):
        return super().forward_outputs(x.contiguous(), lengths)


CELLS = {
    f"{name}-{kernel}": partial(cell, hidden_size=H, kernel=kernel, init="torch")
    for name, cell in {
        "rnn": RNN,
        "relu": partial(RNN, nonlinearity="relu"),
        "lstm": LSTM,
        "gru": GRU,
    }.items()
    for kernel in ("fused", "bptt", "scan")
} | {"leaky": Leaky, "quick": Quick}


@pytest.fixture(params=CELLS)
def make(request):
    def make(dtype=torch.float64, size=D):
        torch.manual_seed(0)
        return CELLS[request.param](size).to(dtype)

    return make


def inputs(layer, dtype=torch.float64, batch=B, steps=T):
    torch.manual_seed(1)
    x = torch.randn(batch, steps, D, dtype=dtype, requires_grad=True)
    state = tuple(torch.randn_like(part).requires_grad_() for part in layer.initial_state(batch, x))
    return x, state


def unrolled(layer, x, lengths, state):
    """Each sequence step by step with autograd; every part of every state keeps its gradient."""
    kept, outputs, finals = [], [], []
    for row in range(len(x)):
        now = tuple(part[row : row + 1] for part in state)
        kept.append([])
        given = []
        for t in range(x.shape[1] if lengths is None else int(lengths[row])):
            output, now = layer.step(x[row : row + 1, t], now)
            for part in now:
                part.retain_grad()
            kept[-1].append(now)
            given.append(output)
        outputs.append(torch.cat(given))
        finals.append(now)
    padded = nn.utils.rnn.pad_sequence(outputs, batch_first=True)
    return kept, padded, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def loss(outputs, final):
    torch.manual_seed(2)
    weighted = [
        (part * torch.randn(part.shape, dtype=part.dtype)).sum() for part in (outputs, *final)
    ]
    return torch.stack(weighted).sum().square()


def assert_shown(shown, kept, steps=T):
    assert len(shown.vectors()) == len(kept[0][0])
    for part, vectors in enumerate(shown.vectors()):
        assert vectors.shape[:2] == (len(kept), steps)
        for row, states in enumerate(kept):
            zero = torch.zeros_like(states[0][part])
            exact = [zero if s[part].grad is None else s[part].grad for s in states]
            exact = torch.cat(exact).flatten(1)
            torch.testing.assert_close(vectors[row, : len(states)], exact, rtol=1e-10, atol=1e-12)
            assert not vectors[row, len(states) :].any()
        torch.testing.assert_close(shown.norms()[part], vectors.norm(dim=2))


CASES = (  # each pair of a loss and a shape, each of these with full and with ragged batches
    ("all", B, T, LENGTHS),
    ("outputs", B, T, LENGTHS),
    ("final", B, T, None),
    ("all", 1, T, None),
    ("outputs", 1, T, LENGTHS),
    ("final", 1, T, LENGTHS),
    ("all", B, 1, LENGTHS),
    ("outputs", B, 1, None),
    ("final", B, 1, LENGTHS),
    ("final", B, T, LENGTHS),
)


def test_watch_shows_the_total_gradient_at_every_state(make):
    layer = make()
    for used, batch, steps, lengths in CASES:
        x, state = inputs(layer, batch=batch, steps=steps)
        lengths = None if lengths is None else lengths[:batch].clamp(max=steps)

        def chosen(outputs, final, used=used):
            parts = {"outputs": (outputs, ()), "final": (final[-1], final)}
            return loss(*parts.get(used, (outputs, final)))

        seen = []
        with layer.watch(seen.append):
            outputs, final = layer(x, lengths, state)
        chosen(outputs, final).backward()  # outside of the block: what counts is the forward pass
        (shown,) = seen
        kept, reference, reference_final = unrolled(layer, x, lengths, state)
        reference = nn.functional.pad(reference, (0, 0, 0, steps - reference.shape[1]))
        chosen(reference, reference_final).backward()
        assert_shown(shown, kept, steps)


def test_outputs_alone(make):
    layer = make()
    for lengths in EACH:
        x, _ = inputs(layer)
        seen = []
        with layer.watch(seen.append):
            loss(layer.outputs(x, lengths), ()).backward()
        kept, outputs, _ = unrolled(layer, x, lengths, layer.initial_state(B, x))
        loss(outputs, ()).backward()
        (shown,) = seen
        assert_shown(shown, kept)


def test_watching_changes_nothing_and_ends(make):
    layer = make(torch.float32)
    x, state = inputs(layer, torch.float32)

    def results(call, lengths):
        if call == "outputs":
            parts = layer.outputs(x, lengths), ()
            start = ()
        else:
            parts, start = layer(x, lengths, state), state
        gradients = torch.autograd.grad(loss(*parts), [x, *start, *layer.parameters()])
        return (parts[0], *parts[1], *gradients)

    for case in product(("forward", "outputs"), EACH):
        plain, seen, traces = results(*case), [], []
        with layer.watch(seen.append), layer.record(traces.append):
            watched = results(*case)
            assert (len(seen), len(traces)) == (1, 1)
        again = results(*case)
        assert (len(seen), len(traces)) == (1, 1)
        for one, two, three in zip(plain, watched, again, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)
            assert torch.equal(one, three)  # the kernel repeats bit by bit
            # torch's kernels read a wider input: how its product is added up depends on the CPU
            assert torch.equal(one, two) or getattr(layer, "kernel", "scan") == "fused"


def test_watchers_and_recorders_nest_in_any_order(make):
    layer = make()
    x, _ = inputs(layer)
    seen, traces = [[], []], [[], []]
    with layer.record(traces[0].append), layer.watch(seen[0].append):
        with layer.record(traces[1].append), layer.watch(seen[1].append):
            layer.outputs(x, LENGTHS).square().sum().backward()
        layer.outputs(x, LENGTHS).square().sum().backward()
    assert [len(s) for s in (*seen, *traces)] == [2, 1, 2, 1]
    assert torch.equal(seen[0][0].vectors()[0], seen[1][0].vectors()[0])


def test_twice_in_one_graph_and_twice_backward(make):
    """Each forward pass is shown by itself, and again by another backward pass."""
    layer = make(size=H)
    x = torch.randn(B, T, H, dtype=torch.float64, requires_grad=True)
    first, second = [], []
    with layer.watch(first.append):
        outputs, _ = layer(x, LENGTHS)
    with layer.watch(second.append):
        total = layer.outputs(outputs, LENGTHS).square().sum()
    total.backward(retain_graph=True)
    total.backward()
    assert len(first) == len(second) == 2
    for pair in (first, second):
        for one, two in zip(pair[0].vectors(), pair[1].vectors(), strict=True):
            torch.testing.assert_close(one, two)
            assert one.any()


def test_frozen_inputs_and_frozen_layers_are_shown(make):
    layer = make()
    x, state = inputs(layer)
    x, state = x.detach(), tuple(part.detach() for part in state)
    shown = []
    for frozen in (False, True):
        layer.requires_grad_(not frozen)
        with layer.watch(shown.append):
            loss(*layer(x, LENGTHS, state)).backward()
    assert len(shown) == 2
    for one, two in zip(shown[0].vectors(), shown[1].vectors(), strict=True):
        torch.testing.assert_close(one, two)
        assert one.any()
    assert x.grad is None


def test_only_the_weights_gradients_are_asked_for(make):
    layer = make()
    x, state = inputs(layer)
    seen = []
    with layer.watch(seen.append):
        total = loss(*layer(x, LENGTHS, state))
    torch.autograd.grad(total, list(layer.parameters()))
    assert len(seen) == 1


def test_the_first_to_begin_may_be_the_first_to_end(make):
    layer, seen, traces = make(), [], []
    before = dict(layer.__dict__)
    x, _ = inputs(layer)
    first, second = layer.watch(seen.append), layer.record(traces.append)
    first.__enter__()
    second.__enter__()
    layer(x)[0].sum().backward()
    first.__exit__(None, None, None)
    layer(x)[0].sum().backward()
    second.__exit__(None, None, None)
    layer(x)[0].sum().backward()
    assert (len(seen), len(traces)) == (1, 2)
    assert layer.__dict__ == before


def test_without_gradients_nothing_is_shown_but_recorded(make):
    layer = make()
    x, _ = inputs(layer)
    seen, traces = [], []
    with torch.no_grad(), layer.watch(seen.append), layer.record(traces.append):
        outputs, _ = layer(x, LENGTHS)
    assert not seen
    (trace,) = traces
    assert torch.equal(trace.outputs, outputs)


def test_in_evaluation_mode(make):
    layer = make(torch.float32).eval()
    x, _ = inputs(layer, torch.float32)
    seen = []
    with layer.watch(seen.append):
        layer.outputs(x, LENGTHS).sum().backward()
    assert len(seen) == 1


def test_gate_values_are_those_of_the_steps(make):
    layer = make()
    names = {key.partition("/")[2] for key in layer.gates()}
    for lengths in EACH:
        x, state = inputs(layer)
        dirty = x.detach().clone()
        for row, length in enumerate([T] * B if lengths is None else lengths.tolist()):
            dirty[row, length:] = float("nan")
        traces = []
        with layer.record(traces.append):
            layer(dirty, lengths, state)
        (trace,) = traces
        assert not trace.outputs.requires_grad
        values = layer.gate_values(trace)
        kept, *_ = unrolled(layer, x, lengths, state)
        for row, states in enumerate(kept):
            assert_gates(layer, values, row, x[row], tuple(p[row : row + 1] for p in state), states)
        if getattr(layer, "nonlinearity", "tanh") == "tanh":
            assert {*values.sigmoids, *values.tanhs} - {"state"} == names


def assert_gates(layer, values, row, x, start, states):
    """Gates and states of one sequence, of which `states` were after each step."""
    count = len(states)
    every = {**values.sigmoids, **values.tanhs}
    assert values.valid[row].tolist() == [True] * count + [False] * (T - count)
    for part, all_states in enumerate(values.states):
        exact = torch.cat([s[part] for s in states])
        torch.testing.assert_close(all_states[row, :count], exact, rtol=1e-10, atol=1e-12)
    for t, (before, after) in enumerate(zip([start, *states], states, strict=False)):
        for name, value in expected(layer, x[t : t + 1], before, after).items():
            torch.testing.assert_close(every[name][row, t], value[0], rtol=1e-10, atol=1e-12)


def expected(layer, x, before, after):
    """A cell's gates at one step, by its equations."""
    if isinstance(layer, Leaky) or getattr(layer, "nonlinearity", "") == "relu":
        return {}
    if isinstance(layer, RNN):
        return {"hidden": after[0]}
    xs = (x @ layer.weight_ih_l0.T + layer.bias_ih_l0).chunk(len(layer.gate_names), 1)
    hs = (before[0] @ layer.weight_hh_l0.T + layer.bias_hh_l0).chunk(len(layer.gate_names), 1)
    if isinstance(layer, GRU):
        reset, update = torch.sigmoid(xs[0] + hs[0]), torch.sigmoid(xs[1] + hs[1])
        return {"reset": reset, "update": update, "new": torch.tanh(xs[2] + reset * hs[2])}
    sums = [one + other for one, other in zip(xs, hs, strict=True)]
    gates = dict(zip(layer.gate_names, map(torch.sigmoid, sums), strict=True))
    return {**gates, "cell": torch.tanh(sums[2]), "state": torch.tanh(after[1])}


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_fused_shows_what_bptt_shows(cell):
    torch.manual_seed(0)
    layers = [cell(D, hidden_size=H, kernel=kernel).double() for kernel in ("fused", "bptt")]
    layers[1].load_state_dict(layers[0].state_dict())
    for lengths in EACH:
        shown = []
        for layer in layers:
            x, state = inputs(layer)
            with layer.watch(shown.append):
                loss(*layer(x, lengths, state)).backward()
        for one, two in zip(shown[0].vectors(), shown[1].vectors(), strict=True):
            torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-12)


def test_under_bf16_autocast_it_is_near(make):
    layer = make(torch.float32)
    x, _ = inputs(layer, torch.float32)
    shown = []
    for enabled in (False, True):
        with layer.watch(shown.append), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            outputs, _ = layer(x, LENGTHS)
        outputs.float().square().sum().backward()
    for one, two in zip(shown[0].norms(), shown[1].norms(), strict=True):
        assert two.dtype == torch.float32
        assert (one - two).norm() < 0.05 * one.norm()
