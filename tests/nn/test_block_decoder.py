"""Blocks with cross-attention: against loops, torch's own layers and brute force, in float64."""

from functools import partial
from itertools import product

import pytest
import torch
from torch import nn

from pairs import pairs
from rnnlab.errors import ConfigError
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.blocks import BlockEncoder
from rnnlab.nn.cross_attention import CrossAttention
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.nn.search import beam_search

VOCAB, SIZE = 11, 8
LENGTHS = torch.tensor([4, 1, 6])
TOKENS = torch.tensor([[2, 5, 7, 9, 4], [2, 4, 4, 0, 0], [2, 10, 6, 0, 0]])
ATTENTION = partial(SelfAttention, num_heads=2)
CELLS = [RNN, LSTM, GRU, ATTENTION, partial(SelfAttention, num_heads=2, window=2)]


class Words(nn.Embedding):
    output_size = 5


def build(cell=ATTENTION, *, both=False, encoder=(), vocab=VOCAB, **options):
    torch.manual_seed(0)
    made = BlockEncoder(
        Words(9, 5),
        partial(cell, hidden_size=6 if cell in (RNN, GRU) else SIZE),
        **{"num_layers": 1, "model_size": SIZE, "bidirectional": both, **dict(encoder)},
    )
    decoder = made.decoder(vocab, **{"embedding_dim": SIZE, "num_heads": 2, **options})
    for parameter in decoder.parameters():  # far from where training starts: all parts count
        nn.init.normal_(parameter, std=0.5)
    return made.double(), decoder.double()


def source(padding=0):
    torch.manual_seed(1)
    inputs = torch.randint(2, 9, (3, 6))
    return inputs.masked_fill(torch.arange(6) >= LENGTHS.unsqueeze(1), padding)


def outputs_of(width, steps=6):
    """A source that no encoder made: outputs (3, T, width) with zero padding."""
    torch.manual_seed(2)
    mask = torch.arange(steps) < LENGTHS.unsqueeze(1)
    outputs = torch.randn(3, steps, width, dtype=torch.double) * mask.unsqueeze(2)
    return Encoded(outputs, outputs[:, 0], (), LENGTHS)


def test_cross_attention_and_its_weights_by_loops():
    torch.manual_seed(0)
    cross = CrossAttention(SIZE, 5, num_heads=4, num_layers=3).double()
    for parameter in cross.parameters():
        nn.init.normal_(parameter)
    encoded, x = outputs_of(5), torch.randn(3, 2, SIZE, dtype=torch.double)
    memory = cross.project(encoded.outputs, encoded.mask)
    read, weights = cross(x, *memory), cross.weights(x, *memory)
    key_rows, value_rows = cross.key_value.weight.chunk(2)
    key_bias, value_bias = cross.key_value.bias.chunk(2)
    for row, length in enumerate(LENGTHS.tolist()):
        steps = encoded.outputs[row, :length]
        for u in range(2):
            query = cross.query.weight @ x[row, u] + cross.query.bias
            heads, looks = [], []
            for head in range(4):
                own = slice(2 * head, 2 * head + 2)
                scores = [
                    query[own] @ (key_rows[own] @ step + key_bias[own]) / 2**0.5 for step in steps
                ]
                looks.append(torch.stack(scores).softmax(0))
                values = torch.stack([value_rows[own] @ step + value_bias[own] for step in steps])
                heads.append(looks[-1] @ values)
            expected = cross.output.weight @ torch.cat(heads) + cross.output.bias
            torch.testing.assert_close(read[row, u], expected)
            torch.testing.assert_close(weights[row, u, :length], torch.stack(looks).mean(0))
            assert (weights[row, u, length:] == 0).all()
    torch.testing.assert_close(cross(x[:, 1], *memory), read[:, 1])


@pytest.mark.parametrize("depth", [1, 3])
def test_equals_the_decoder_layers_of_torch(depth):
    _, decoder = build(
        partial(ATTENTION, positions="none"), encoder={"norm": "layer"}.items(), num_layers=depth
    )
    layer = nn.TransformerDecoderLayer(
        SIZE, 2, 4 * SIZE, 0.0, "gelu", batch_first=True, norm_first=True
    )
    theirs = nn.TransformerDecoder(layer, depth, nn.LayerNorm(SIZE)).double()
    pairs_of = []
    for block, own in zip(decoder.layers, theirs.layers, strict=True):
        mixer, cross = block.mixer, block.cross
        pairs_of += [
            (own.self_attn.in_proj_weight, mixer.in_proj_weight),
            (own.self_attn.in_proj_bias, mixer.in_proj_bias),
            (own.self_attn.out_proj.weight, mixer.out_proj_weight),
            (own.self_attn.out_proj.bias, mixer.out_proj_bias),
            (
                own.multihead_attn.in_proj_weight,
                torch.cat([cross.query.weight, cross.key_value.weight]),
            ),
            (own.multihead_attn.in_proj_bias, torch.cat([cross.query.bias, cross.key_value.bias])),
        ]
        modules = [(own.multihead_attn.out_proj, cross.output)]
        modules += [(own.linear1, block.mlp.input), (own.linear2, block.mlp.output)]
        modules += [(own.norm1, block.mixer_norm), (own.norm2, block.cross_norm)]
        modules += [(own.norm3, block.mlp_norm), (theirs.norm, decoder.norm)]
        pairs_of += [
            (getattr(a, name), getattr(b, name)) for a, b in modules for name in ("weight", "bias")
        ]
    with torch.no_grad():
        for to, value in pairs_of:
            to.copy_(value)
    encoded = outputs_of(SIZE)
    expected = theirs(
        decoder.embedding(TOKENS),
        encoded.outputs,
        tgt_mask=nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.double),
        tgt_is_causal=True,
        memory_key_padding_mask=~encoded.mask,
    )
    torch.testing.assert_close(decoder(encoded, TOKENS), expected)


@pytest.mark.parametrize(
    ("cell", "both", "depth", "norm", "mlp", "embedding_dim"),
    pairs(CELLS, [False, True], [1, 2], ["rms", "layer"], ["gelu", "gated", "none"], [SIZE, 6]),
)
def test_teacher_forcing_equals_step_by_step(cell, both, depth, norm, mlp, embedding_dim):
    encoder, decoder = build(
        cell,
        both=both,
        encoder={"norm": norm, "mlp": mlp}.items(),
        num_layers=depth,
        embedding_dim=embedding_dim,
        tie_word_embeddings=True,
    )
    encoded = encoder(source(), LENGTHS)
    together = decoder.output(decoder(encoded, TOKENS)).log_softmax(-1)
    calls = []
    for block in decoder.layers:
        block.cross.key_value.register_forward_hook(lambda *_: calls.append(1))
    step, state = decoder.search(encoded)
    rows = torch.arange(3)
    for u in range(TOKENS.shape[1]):
        log_probs, state = step(TOKENS[rows, u], state)
        torch.testing.assert_close(log_probs, together[rows, u])
        if u == 2:  # search repeats, reorders and drops rows
            rows = torch.tensor([2, 2, 0, 2])
            state = tuple(part.index_select(0, rows) for part in state)
    assert len(calls) == depth  # a source's keys and values are made once


@pytest.mark.parametrize("cell", CELLS)
def test_greedy_search_is_the_argmax_loop_over_the_prefix(cell):
    encoder, decoder = build(cell, both=True, num_layers=2)
    encoded = encoder(source(), LENGTHS)
    found = beam_search(*decoder.search(encoded), 1, 2, num_beams=1, max_length=7).best
    for row in range(3):
        alone = encoder(source()[row : row + 1, : LENGTHS[row]], LENGTHS[row : row + 1])
        prefix = [1]
        while len(prefix) < 8:
            logits = decoder.output(decoder(alone, torch.tensor([prefix])))[0, -1]
            logits[1] = float("-inf")
            if int(logits.argmax()) == 2:
                break
            prefix.append(int(logits.argmax()))
        assert found[row] == prefix[1:]


@pytest.mark.parametrize("cell", [GRU, ATTENTION])
def test_a_beam_for_all_prefixes_finds_the_best_of_all_sequences(cell):
    """Words 2 and 3 of the four tokens, 0 to start and 1 to end, three words at most."""
    encoder, decoder = build(cell, vocab=4, num_layers=2)
    encoded = encoder(source(), LENGTHS)
    found = beam_search(
        *decoder.search(encoded), 0, 1, num_beams=12, num_return_sequences=5, max_length=3
    )
    scores = [[] for _ in LENGTHS]
    for words in (w for n in range(4) for w in product((2, 3), repeat=n)):
        tokens = torch.tensor([[0, *words, 1]] * 3)
        log_probs = decoder.output(decoder(encoded, tokens[:, :-1])).log_softmax(-1)
        totals = log_probs.gather(2, tokens[:, 1:, None]).sum(dim=(1, 2)) / (len(words) + 1)
        for row, total in enumerate(totals.tolist()):
            scores[row].append((total, list(words)))
    for row, every in enumerate(scores):
        best = sorted(every, reverse=True)[:5]
        assert found.tokens[row] == [words for _, words in best]
        assert found.scores[row].tolist() == pytest.approx([score for score, _ in best])


def test_attention_weights_are_those_of_the_last_block():
    encoder, decoder = build(num_layers=2)
    encoded = encoder(source(), LENGTHS)
    weights = decoder.attention_weights(encoded, TOKENS)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 5, dtype=torch.double))
    first, last = decoder.layers
    x = first.outputs(
        decoder.embedding(TOKENS), None, first.cross.project(encoded.outputs, encoded.mask)
    )
    x = x + last.mixer.outputs(last.mixer_norm(x))
    memory = last.cross.project(encoded.outputs, encoded.mask)
    torch.testing.assert_close(weights, last.cross.weights(last.cross_norm(x), *memory))


def test_padding_of_the_source_has_no_influence_and_no_step_sees_a_later_token():
    for cell, both in ((ATTENTION, True), (GRU, False)):
        encoder, decoder = build(cell, both=both, num_layers=2)
        encoded = encoder(source(), LENGTHS)
        plain = decoder(encoded, TOKENS)
        wider = torch.cat([source(padding=8), torch.full((3, 4), 7)], dim=1)
        torch.testing.assert_close(decoder(encoder(wider, LENGTHS), TOKENS), plain)
        changed = TOKENS.clone()
        changed[:, 3:] = 8
        after = decoder(encoded, changed)
        torch.testing.assert_close(after[:, :3], plain[:, :3])
        assert not torch.allclose(after[:, 3:], plain[:, 3:])


def test_every_parameter_learns_and_dropout_is_in_training_only():
    encoder, decoder = build(LSTM, both=True, num_layers=2, embedding_dim=6, dropout=0.5)
    encoded = encoder(source(), LENGTHS)
    assert not torch.equal(decoder(encoded, TOKENS), decoder(encoded, TOKENS))
    decoder.eval()
    logits = decoder.output(decoder(encoded, TOKENS))
    assert torch.equal(logits, decoder.output(decoder(encoded, TOKENS)))
    logits.log_softmax(-1)[..., 3].sum().backward()
    for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_what_does_not_apply_is_refused_with_what_to_say():
    for options, message in (
        ({"attention": "dot"}, r"task\.attention: dot is for recurrent layers;.*: say null"),
        ({"attention": "none"}, r"task\.attention: none is for recurrent layers"),
        ({"input_feeding": True}, r"task\.input_feeding: true needs encoder=recurrent"),
        ({"num_heads": 3}, r"task\.num_heads: 3 heads do not divide encoder\.model_size=8"),
    ):
        with pytest.raises(ConfigError, match=message):
            build(**options)
    plain = RecurrentEncoder(Words(9, 5), partial(GRU, hidden_size=4))
    with pytest.raises(ConfigError, match=r"task\.num_heads: 2 heads need encoder=blocks"):
        plain.decoder(VOCAB, embedding_dim=6, num_heads=2)
