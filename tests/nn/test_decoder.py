from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from pairs import pairs
from rnnlab.errors import ConfigError
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.attention import ATTENTIONS
from rnnlab.nn.recurrent import RecurrentEncoder

VOCAB = 11
LENGTHS = torch.tensor([4, 1, 6])
KINDS = [*ATTENTIONS, "none"]
EQUAL = ("dot", "scaled")
"""Attentions for outputs of the decoder and of the encoder of one size."""
TOKENS = torch.tensor([[2, 5, 7, 9, 4], [2, 4, 4, 0, 0], [2, 10, 6, 0, 0]])


class Words(nn.Embedding):
    output_size = 5


def build(cell=GRU, *, bidirectional=False, depth=1, **options):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        Words(9, 5), partial(cell, hidden_size=4), num_layers=depth, bidirectional=bidirectional
    )
    decoder = encoder.decoder(VOCAB, embedding_dim=6, **options)
    return encoder.double(), decoder.double()


def source(padding=0):
    torch.manual_seed(1)
    inputs = torch.randint(2, 9, (3, 6))
    return inputs.masked_fill(torch.arange(6) >= LENGTHS.unsqueeze(1), padding)


@pytest.mark.parametrize(
    ("cell", "attention", "bidirectional", "encoder_depth", "depth"),
    pairs(
        *([RNN, LSTM, GRU], KINDS, [True, False], [1, 2], [1, 2]),
        allowed=lambda _, kind, both, *depths: not (both and kind in EQUAL),
    ),
)
def test_teacher_forcing_equals_step_by_step(cell, attention, bidirectional, encoder_depth, depth):
    encoder, decoder = build(
        cell,
        bidirectional=bidirectional,
        depth=encoder_depth,
        num_layers=depth,
        attention=attention,
    )
    encoded = encoder(source(), LENGTHS)
    together = decoder.output(decoder(encoded, TOKENS)).log_softmax(-1)
    step, state = decoder.search(encoded)
    for u in range(TOKENS.shape[1]):
        log_probs, state = step(TOKENS[:, u], state)
        torch.testing.assert_close(log_probs, together[:, u])


@pytest.mark.parametrize(
    ("cell", "kind", "depth"), pairs([RNN, LSTM, GRU], list(ATTENTIONS), [1, 2])
)
def test_input_feeding_equals_step_by_step_and_the_equations(cell, kind, depth):
    encoder, decoder = build(
        cell,
        bidirectional=kind not in EQUAL,
        num_layers=depth,
        attention=kind,
        input_feeding=True,
        dropout=0.5,
    )
    decoder.eval()
    encoded = encoder(source(), LENGTHS)
    together = decoder.output(decoder(encoded, TOKENS)).log_softmax(-1)
    looks = decoder.attention_weights(encoded, TOKENS)
    step, state = decoder.search(encoded)
    for u in range(TOKENS.shape[1]):
        log_probs, state = step(TOKENS[:, u], state)
        torch.testing.assert_close(log_probs, together[:, u])
    for row, length in enumerate(LENGTHS.tolist()):
        values = encoded.outputs[row, :length]
        keys, mask = decoder.attention.project(values[None]), torch.ones(1, length) > 0
        states = decoder.bridge([final[row : row + 1] for final in encoded.layers])
        readout = torch.zeros(1, 6, dtype=torch.double)
        for u in range(TOKENS.shape[1]):
            embedded = decoder.embedding.weight[TOKENS[row, u]][None]
            x = torch.cat([embedded, readout], dim=1)
            for depth, layer in enumerate(decoder.layers):
                x, states[depth] = layer.step(x, states[depth])
            context, weights = decoder.attention(x, keys, values[None], mask)
            readout = torch.tanh(decoder.readout(torch.cat([x, context, embedded], dim=1)))
            expected = decoder.output(readout).log_softmax(-1)
            torch.testing.assert_close(together[row, u], expected[0])
            torch.testing.assert_close(looks[row, u, :length], weights[0])
            assert (looks[row, u, length:] == 0).all()


def test_input_feeding_without_attention():
    with pytest.raises(ConfigError, match=r"task\.input_feeding: true feeds what attention saw"):
        build(attention="none", input_feeding=True)


@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_rows_of_the_state_can_be_reordered_repeated_and_dropped(cell, fed):
    encoder, decoder = build(cell, bidirectional=True, num_layers=2, input_feeding=fed)
    encoded = encoder(source(), LENGTHS)
    step, state = decoder.search(encoded)
    rows = torch.tensor([2, 2, 0])
    for u in range(2):
        log_probs, state = step(TOKENS[:, u], state)
    expected, _ = step(TOKENS[:, 2], state)
    reordered = tuple(part.index_select(0, rows) for part in state)
    log_probs, _ = step(TOKENS[rows, 2], reordered)
    torch.testing.assert_close(log_probs, expected[rows])


@pytest.mark.parametrize(
    ("attention", "fed"), [*((kind, False) for kind in KINDS), ("additive", True)]
)
def test_padding_of_the_source_has_no_influence(attention, fed):
    encoder, decoder = build(
        bidirectional=attention not in EQUAL, attention=attention, input_feeding=fed
    )
    plain = decoder(encoder(source(), LENGTHS), TOKENS)
    other = decoder(encoder(source(padding=8), LENGTHS), TOKENS)
    torch.testing.assert_close(other, plain)
    wider = torch.cat([source(), torch.zeros(3, 4, dtype=torch.long)], dim=1)
    torch.testing.assert_close(decoder(encoder(wider, LENGTHS), TOKENS), plain)


@pytest.mark.parametrize("fed", [True, False])
def test_a_step_sees_no_later_token(fed):
    encoder, decoder = build(LSTM, num_layers=2, input_feeding=fed)
    encoded = encoder(source(), LENGTHS)
    changed = TOKENS.clone()
    changed[:, 3:] = 8
    before, after = decoder(encoded, TOKENS), decoder(encoded, changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])


def test_without_attention_only_the_final_states_are_read():
    encoder, decoder = build(depth=2, attention="none")
    encoded = encoder(source(), LENGTHS)
    apart = replace(
        encoded,
        outputs=encoded.outputs.detach().requires_grad_(),
        layers=tuple(final.detach().requires_grad_() for final in encoded.layers),
    )
    outputs, *finals = torch.autograd.grad(
        decoder(apart, TOKENS).sum(), [apart.outputs, *apart.layers], allow_unused=True
    )
    assert outputs is None
    assert finals[0] is None  # one decoder layer: it starts from the encoder's last
    assert finals[1].abs().sum() > 0


def test_tied_embeddings_are_one_parameter():
    _, decoder = build(tie_word_embeddings=True)
    assert decoder.output.weight is decoder.embedding.weight
    _, untied = build(tie_word_embeddings=False)
    saved = sum(p.numel() for p in untied.parameters()) - sum(
        p.numel() for p in decoder.parameters()
    )
    assert saved == VOCAB * 6


@pytest.mark.parametrize("fed", [True, False])
def test_every_parameter_learns(fed):
    encoder, decoder = build(LSTM, bidirectional=True, depth=2, num_layers=2, input_feeding=fed)
    logits = decoder.output(decoder(encoder(source(), LENGTHS), TOKENS))
    logits.log_softmax(-1)[..., 3].sum().backward()
    for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("fed", [True, False])
def test_dropout_in_training_only(fed):
    encoder, decoder = build(dropout=0.5, input_feeding=fed)
    encoded = encoder(source(), LENGTHS)
    assert not torch.equal(decoder(encoded, TOKENS), decoder(encoded, TOKENS))
    decoder.eval()
    assert torch.equal(decoder(encoded, TOKENS), decoder(encoded, TOKENS))
