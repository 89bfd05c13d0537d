"""The influence of each input on an encoder's last output, against the whole Jacobian."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.influence import influence, influence_norms
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.blocks import BlockEncoder
from rnnlab.nn.bow import BagOfWords
from rnnlab.nn.embedding import Features
from rnnlab.nn.feedforward import FeedForwardEncoder
from rnnlab.nn.recurrent import RecurrentEncoder

D = 3
LENGTHS = torch.tensor([5, 1, 3])
KINDS = {
    "rnn": partial(RecurrentEncoder, cell=partial(RNN, hidden_size=4)),
    "lstm": partial(RecurrentEncoder, cell=partial(LSTM, hidden_size=4), num_layers=2),
    "gru": partial(RecurrentEncoder, cell=partial(GRU, hidden_size=4), bidirectional=True),
    "attention": partial(RecurrentEncoder, cell=partial(SelfAttention, hidden_size=4, num_heads=2)),
    "blocks": partial(
        BlockEncoder,
        cell=partial(SelfAttention, hidden_size=4, num_heads=1),
        model_size=6,
        bidirectional=True,
        dropout=0.5,
    ),
    "bow": partial(BagOfWords, cell=GRU, hidden_size=5),
    "feedforward": partial(FeedForwardEncoder, cell=GRU, hidden_size=5, dropout=0.5),
}


class Words(nn.Embedding):
    output_size = D


def made(kind, embedding):
    torch.manual_seed(0)
    encoder = KINDS[kind](embedding).double()
    inputs = torch.randint(8, (3, 5)) if isinstance(embedding, Words) else torch.randn(3, 5, D)
    inputs = inputs if inputs.dtype == torch.long else inputs.double()
    return encoder, Batch(inputs, LENGTHS, torch.zeros(3, dtype=torch.long))


def jacobian(encoder, batch):
    """d final / d x of each sequence (B, O, T, D), by `torch.autograd.functional`."""
    embedded = encoder.embedding(batch.inputs).detach()
    plain = encoder.embedding.forward

    def final(x):
        encoder.embedding.forward = lambda ids: x
        return encoder(batch.inputs, batch.lengths).final

    encoder.eval()
    whole = torch.autograd.functional.jacobian(final, embedded)
    encoder.embedding.forward = plain
    return torch.stack([whole[row, :, row] for row in range(len(embedded))])


@pytest.mark.parametrize("kind", KINDS)
def test_probes_against_the_whole_jacobian(kind):
    encoder, batch = made(kind, Words(8, D))
    exact = jacobian(encoder, batch)
    encoder.train()
    directions = torch.randn(2, 3, encoder.output_size, dtype=torch.float64)
    found = influence_norms(encoder, batch, directions)
    expected = torch.einsum("pbo,botd->pbtd", directions, exact).norm(dim=3)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-12)
    assert encoder.training
    assert all(p.grad is None for p in encoder.parameters())
    # all unit vectors as probes give the Frobenius norm itself
    units = torch.eye(encoder.output_size).double().unsqueeze(1).expand(-1, 3, -1)
    norms = influence_norms(encoder, batch, units).square().sum(0).sqrt()
    torch.testing.assert_close(norms, exact.square().sum((1, 3)).sqrt(), rtol=1e-8, atol=1e-12)
    curve = influence(encoder, batch, probes=400)
    logs = [
        np.log10([norms[row, n - 1 - lag] for row, n in enumerate(LENGTHS) if n > lag]).mean()
        for lag in range(5)
    ]
    np.testing.assert_allclose(curve.decades, logs, atol=0.06)


def test_of_inputs_that_are_numbers_and_of_a_net_that_keeps_everything():
    encoder, batch = made("gru", Features(D))
    expected = jacobian(encoder, batch).square().sum((1, 3)).sqrt()
    units = torch.eye(encoder.output_size).double().unsqueeze(1).expand(-1, 3, -1)
    found = influence_norms(encoder, batch, units).square().sum(0).sqrt()
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-12)
    keeps = RecurrentEncoder(Features(D), partial(LSTM, hidden_size=4)).double()
    with torch.no_grad():  # f = 1: what a step adds to the cell stays as it is
        layer = keeps.layers[0]
        layer.weight_hh_l0.zero_()
        layer.bias_ih_l0[layer.rows("forget")] = 1e4
        batch = Batch(torch.full((1, 6, D), 1e-3).double(), torch.tensor([6]), torch.tensor([0]))
    decades = influence(keeps, batch).decades
    # but lag 0 has its own output gate
    np.testing.assert_allclose(decades[1:], decades[1], atol=1e-3)
