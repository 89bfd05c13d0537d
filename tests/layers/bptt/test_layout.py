from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.layers.bptt.layout import Layout, Masked, RaggedBatch, layout_of
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

F = 3


@st.composite
def batches(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    return torch.tensor(lengths), max(lengths) + draw(st.integers(0, 2))


def spare(layout):
    return torch.zeros(layout.rows + 1, F, dtype=torch.int64)


@given(batches())
def test_real_steps_stand_in_order_of_time(batch):
    """Against the definition: step by step, the longest sequences first."""
    lengths, steps = batch
    layout = layout_of(lengths, len(lengths), steps)
    x = torch.arange(len(lengths) * steps * F).view(-1, steps, F)
    flat = spare(layout)
    layout.pack(x, flat[:-1])
    order = sorted(range(len(lengths)), key=lambda row: -int(lengths[row]))
    rows = [x[row, t] for t in range(steps) for row in order if t < lengths[row]]
    assert torch.equal(flat[:-1], torch.stack(rows))
    assert layout.counts == [n for t in range(steps) if (n := int((lengths > t).sum()))]
    real = torch.arange(steps) < lengths.unsqueeze(1)
    assert torch.equal(layout.unpack(flat), x * real.unsqueeze(2))


@given(batches())
def test_states_before_and_after_each_step(batch):
    """A state is named by its sequence and the number of steps that were read."""
    lengths, steps = batch
    layout = layout_of(lengths, len(lengths), steps)
    sequence = torch.arange(len(lengths))
    names = 100 * sequence.view(-1, 1, 1) + torch.arange(1, steps + 1).view(1, -1, 1)
    states = layout.states(100 * sequence.unsqueeze(1))
    layout.pack(names, states[layout.batch : -1])
    assert torch.equal(layout.initial(states).squeeze(1), 100 * sequence)
    assert torch.equal(layout.final(states).squeeze(1), 100 * sequence + lengths)
    assert torch.equal(layout.before(states) + 1, states[layout.batch : -1])
    before, after = layout.blocks(states)
    assert [len(block) for block in after] == layout.counts
    assert all(torch.equal(b + 1, a) for b, a in zip(before, after, strict=True))
    layout.add_final(states, torch.full((len(lengths), 1), 1000))
    assert torch.equal(layout.final(states).squeeze(1), 1000 + 100 * sequence + lengths)


@given(batches())
def test_a_masked_layout_has_rows_for_padding_that_nobody_sees(batch):
    lengths, steps = batch
    ragged, masked = RaggedBatch(lengths, steps), Masked(lengths, steps)
    assert masked.rows == len(lengths) * steps
    real = (torch.arange(steps) < lengths.unsqueeze(1)).unsqueeze(2)
    x = torch.where(real, torch.randn(len(lengths), steps, F), torch.nan)
    finals, gradients = torch.randn(len(lengths), F), []
    for layout in (ragged, masked):
        states = layout.states(torch.ones(len(lengths), F))
        layout.pack(x, states[layout.batch : -1])
        assert torch.equal(layout.unpack(states[layout.batch :]), torch.where(real, x, 0.0))
        assert torch.equal(layout.final(states), x[torch.arange(len(lengths)), lengths - 1])
        assert torch.equal(layout.initial(states), torch.ones(len(lengths), F))
        total = layout.gradients(x, finals, states)
        gradients.append(layout.unpack(total[layout.batch :]))
        assert not layout.initial(total).any()
    assert torch.equal(*gradients)
    padding = ~real.transpose(0, 1).flatten()
    states.fill_(torch.inf)
    assert not masked.before(states)[padding].any()


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU, partial(RNN, nonlinearity="relu")])
def test_kernels_compute_the_same_with_padding(cell, monkeypatch):
    """As on a GPU, where no length is looked at."""
    torch.manual_seed(0)
    layer = cell(3, hidden_size=4, kernel="bptt").double()
    x = torch.randn(3, 6, 3, dtype=torch.float64)
    x[1, 2:] = torch.nan
    lengths, found, shown = torch.tensor([6, 2, 5]), [], []
    for layout in (layout_of, lambda lengths, batch, steps: Masked(lengths, steps)):
        monkeypatch.setattr("rnnlab.layers.bptt.kernel.layout_of", layout)
        layer.zero_grad()
        inputs = x.clone().requires_grad_()
        with layer.watch(shown.append):
            outputs, state = layer(inputs, lengths)
        (outputs.sin().sum() + sum(part.cos().sum() for part in state)).backward()
        grads = [p.grad for p in layer.parameters()]
        found.append([outputs, *state, inputs.grad, *grads, *shown.pop().vectors()])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


def test_full_batch_needs_no_index():
    assert type(layout_of(None, 3, 4)) is Layout
    assert type(layout_of(torch.tensor([4, 4, 4]), 3, 4)) is Layout
    assert type(layout_of(torch.tensor([3, 3, 3]), 3, 4)) is RaggedBatch
