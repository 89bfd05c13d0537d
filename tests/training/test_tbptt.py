"""States carried from batch to batch are those of one long pass."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from rnnlab.data.stream import Stream
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.blocks import BlockEncoder
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.training.tbptt import TruncatedBPTT

IDS = np.random.default_rng(0).integers(1, 8, 61).astype(np.int32)
KERNELS = ["fused", "bptt", "scan"]


class Words(nn.Embedding):
    output_size = 3


def make(cell=LSTM, kernel="auto", **options):
    torch.manual_seed(0)
    return RecurrentEncoder(
        Words(8, 3), partial(cell, hidden_size=4, kernel=kernel), **options
    ).double()


def batches(bptt=7, size=3):
    return list(Stream(IDS, IDS, bptt).loader(size, shuffle=True, seed=0))


@pytest.mark.parametrize(
    ("cell", "kernel", "num_layers"),
    [
        (cell, kernel, 1 + (i + j) % 2)
        for i, cell in enumerate([RNN, LSTM, GRU])
        for j, kernel in enumerate(KERNELS)
    ],
)
def test_carried_states_equal_one_long_forward_pass(cell, kernel, num_layers):
    encoder, carry = make(cell, kernel, num_layers=num_layers), TruncatedBPTT()
    whole = batches(bptt=99)[0]
    long = encoder(whole.inputs, whole.lengths)
    pieces = [carry.encode(encoder, batch) for batch in batches()]
    assert len(pieces) == 3
    outputs = torch.cat([piece.outputs for piece in pieces], dim=1)
    torch.testing.assert_close(outputs, long.outputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(pieces[-1].final, long.final, rtol=0, atol=1e-12)
    for state, last in zip(pieces[-1].states, long.layers, strict=True):
        torch.testing.assert_close(state[0], last, rtol=0, atol=1e-12)


def test_attention_carries_its_window_and_without_one_nothing():
    def blocks(**options):
        torch.manual_seed(0)
        cell = partial(SelfAttention, hidden_size=4, num_heads=1, **options)
        return BlockEncoder(Words(8, 3), cell, model_size=4).double()

    encoder, carry = blocks(window=5), TruncatedBPTT()
    whole = batches(bptt=99)[0]
    pieces = [carry.encode(encoder, batch).outputs for batch in batches()]
    long = encoder(whole.inputs, whole.lengths).outputs
    torch.testing.assert_close(torch.cat(pieces, dim=1), long, rtol=0, atol=1e-12)
    encoder, carry = blocks(), TruncatedBPTT()
    for batch in batches():
        alone = encoder(batch.inputs, batch.lengths).outputs
        torch.testing.assert_close(carry.encode(encoder, batch).outputs, alone)


def test_gradients_end_at_the_start_of_a_batch():
    encoder, carry = make(), TruncatedBPTT()
    first, second = batches()[:2]
    before = carry.encode(encoder, first)
    before.outputs.retain_grad()
    carry.encode(encoder, second).outputs.sum().backward()
    assert before.outputs.grad is None
    assert encoder.layers[0].weight_hh_l0.grad.any()


def test_each_epoch_starts_anew():
    encoder, carry = make(), TruncatedBPTT()
    first = carry.encode(encoder, batches()[0])
    carry.encode(encoder, batches()[1])
    torch.testing.assert_close(carry.encode(encoder, batches()[0]).outputs, first.outputs)


def test_evaluation_between_does_not_disturb_the_training():
    encoder, carry, other = make(), TruncatedBPTT(), TruncatedBPTT()
    first, second, *_ = batches()
    for each in (carry, other):
        each.encode(encoder, first)
    encoder.eval()
    for batch in batches(size=2):
        carry.encode(encoder, batch)
    encoder.train()
    assert torch.equal(carry.encode(encoder, second).outputs, other.encode(encoder, second).outputs)


def test_states_survive_a_checkpoint(tmp_path):
    encoder, carry, again = make(num_layers=2), TruncatedBPTT(), TruncatedBPTT()
    first, second, *_ = batches()
    carry.encode(encoder, first)
    torch.save(carry.state_dict(), tmp_path / "x.pt")
    again.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
    assert torch.equal(carry.encode(encoder, second).outputs, again.encode(encoder, second).outputs)


def test_sequences_that_stand_alone_have_no_states():
    encoder, carry = make(), TruncatedBPTT()
    batch = batches()[0]
    alone = encoder(batch.inputs, batch.lengths)
    assert alone.states == ()
    assert carry.state_dict() == {"processes": [[]]}


def test_bidirectional_layers_have_no_state_to_continue_from():
    with pytest.raises(ValueError, match="no state to continue from"):
        make(bidirectional=True)(torch.ones(1, 2, dtype=torch.long), None, None, ())
