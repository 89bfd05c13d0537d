"""Residual blocks: against torch's Transformer, step by step, padded, and at the start."""

from functools import partial

import pytest
import torch
from torch import nn

from pairs import pairs
from rnnlab.config.files import choices, config_dir, read_yaml
from rnnlab.config.trust import locate
from rnnlab.errors import ConfigError
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.gru import GRU
from rnnlab.nn.blocks import BlockEncoder
from rnnlab.nn.embedding import Features

B, T, D, S = 3, 7, 4, 8
LENGTHS = torch.tensor([7, 2, 5])
CELLS = {
    name: partial(
        locate(read_yaml(config_dir() / "cell" / f"{name}.yaml")["_target_"]), hidden_size=S
    )
    for name in choices("cell")
}


def make(cell, **options):
    torch.manual_seed(0)
    encoder = BlockEncoder(Features(D), cell, model_size=S, **options).double()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return encoder


def inputs():
    torch.manual_seed(1)
    return torch.randn(B, T, D, dtype=torch.float64)


@pytest.mark.parametrize("both", [False, True])
def test_torch_transformer_encoder_layer(both):
    theirs = nn.TransformerEncoderLayer(
        *(S, 2, 3 * S, 0.0, "gelu"), batch_first=True, norm_first=True, dtype=torch.float64
    )
    cell = partial(SelfAttention, hidden_size=S, num_heads=2, positions="none")
    options = {"norm": "layer", "mlp_ratio": 3, "num_layers": 1, "final_norm": False}
    ours = make(cell, bidirectional=both, **options)
    renamed = {
        "self_attn.in_proj_weight": "mixer.in_proj_weight",
        "self_attn.in_proj_bias": "mixer.in_proj_bias",
        "self_attn.out_proj.weight": "mixer.out_proj_weight",
        "self_attn.out_proj.bias": "mixer.out_proj_bias",
        **{f"norm1.{part}": f"mixer_norm.{part}" for part in ("weight", "bias")},
        **{f"norm2.{part}": f"mlp_norm.{part}" for part in ("weight", "bias")},
        **{f"linear1.{part}": f"mlp.input.{part}" for part in ("weight", "bias")},
        **{f"linear2.{part}": f"mlp.output.{part}" for part in ("weight", "bias")},
    }
    weights = theirs.state_dict()
    ours.layers[0].load_state_dict({new: weights[old] for old, new in renamed.items()})
    x = inputs()
    padding = torch.arange(T) >= LENGTHS.unsqueeze(1)
    mask = None if both else torch.ones(T, T, dtype=torch.bool).triu(1)
    expected = theirs(ours.input(x), src_mask=mask, src_key_padding_mask=padding)
    outputs = ours(x, LENGTHS).outputs
    torch.testing.assert_close(outputs[~padding], expected[~padding])
    assert not outputs[padding].any()


@pytest.mark.parametrize(
    ("cell", "mlp", "norm"), pairs(list(CELLS), ["gelu", "gated", "none"], ["rms", "layer"])
)
def test_step_by_step_and_in_pieces(cell, mlp, norm):
    encoder, x = make(CELLS[cell], mlp=mlp, norm=norm), inputs()
    whole = encoder(x, None, None, ())
    halves = [encoder(x[:, :3], None, None, ())]
    halves.append(encoder(x[:, 3:], None, None, halves[0].states))
    torch.testing.assert_close(torch.cat([half.outputs for half in halves], 1), whole.outputs)
    states = [layer.initial_state(B, x) for layer in encoder.layers]
    for t in range(T):
        step = encoder.before_layers(x[:, t])
        for depth, layer in enumerate(encoder.layers):
            step, states[depth] = layer.step(step, states[depth])
        torch.testing.assert_close(encoder.norm(step), whole.outputs[:, t])
    for state, expected in zip(states, whole.states, strict=True):
        torch.testing.assert_close(state, expected)


@pytest.mark.parametrize(
    ("cell", "both", "norm"), pairs(list(CELLS), [False, True], ["rms", "layer"])
)
def test_padding_changes_nothing(cell, both, norm):
    encoder, x = make(CELLS[cell], bidirectional=both, norm=norm), inputs()
    together = encoder(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together.outputs[row : row + 1, :length], alone.outputs)
        torch.testing.assert_close(together.final[row : row + 1], alone.final)
        assert not together.outputs[row, length:].any()
        x[row, length:] = 1e3
    torch.testing.assert_close(encoder(x, LENGTHS).outputs, together.outputs)
    if not both:
        block = encoder.layers[0]
        x = torch.where(torch.arange(T).view(-1, 1) < LENGTHS.view(-1, 1, 1), x, torch.nan)
        read = encoder.before_layers(x).requires_grad_()
        outputs, _ = block(read, LENGTHS)
        outputs.sum().backward()
        assert outputs.isfinite().all()
        assert all(p.grad.isfinite().all() for p in block.parameters())


def test_both_directions_end_at_both_ends():
    encoder, x = make(CELLS["gru"], bidirectional=True, num_layers=1), inputs()
    encoded = encoder(x, LENGTHS)
    last = encoded.outputs[torch.arange(B), LENGTHS - 1]
    torch.testing.assert_close(encoded.final, (last + encoded.outputs[:, 0]) / 2)
    (gradient,) = torch.autograd.grad(encoder(x.requires_grad_(), LENGTHS).final.sum(), x)
    assert torch.equal(gradient.any(2), torch.arange(T) < LENGTHS.unsqueeze(1))


def test_the_start_is_that_of_gpt2():
    torch.manual_seed(0)
    cell = partial(SelfAttention, hidden_size=128)
    encoder = BlockEncoder(Features(64), cell, num_layers=8, model_size=128)
    block = encoder.layers[3]
    wide = [encoder.input.weight, block.mixer.in_proj_weight, block.mlp.input.weight]
    narrow = [block.mixer.out_proj_weight, block.mlp.output.weight]
    for weights, std in ((wide, 0.02), (narrow, 0.02 / 16**0.5)):
        for weight in weights:
            assert weight.std().item() == pytest.approx(std, rel=0.03)
    biases = {name: p for name, p in block.named_parameters() if "bias" in name}
    assert biases
    assert not any(bias.any() for bias in biases.values())
    wider = BlockEncoder(Features(64), partial(GRU, hidden_size=32), model_size=128, num_layers=2)
    mapped = wider.layers[0].mixer_output.weight
    assert mapped.shape == (128, 32)
    assert mapped.std().item() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(("mlp", "hidden", "rows"), [("gelu", 24, 24), ("gated", 16, 32)])
def test_mlps_have_as_many_weights(mlp, hidden, rows):
    block = make(CELLS["gru"], mlp=mlp, mlp_ratio=3).layers[0]
    assert block.mlp.input.weight.shape == (rows, S)
    assert block.mlp.output.weight.shape == (S, hidden)


def test_dropout_is_on_what_is_added():
    encoder, x = make(CELLS["attention"], dropout=0.999, final_norm=False, num_layers=1), inputs()
    torch.manual_seed(0)
    dropped = encoder(x, None).outputs - encoder.before_layers(x)
    assert (dropped == 0).double().mean() > 0.9
    encoder.eval()
    assert not torch.equal(encoder(x, None).outputs, encoder.before_layers(x))


def test_weight_dropout_needs_recurrent_weights():
    with pytest.raises(ConfigError, match=r"encoder\.weight_dropout: .* no recurrent weights"):
        make(CELLS["attention"], weight_dropout=0.5)
    encoder, x = make(CELLS["gru"], weight_dropout=0.5), inputs()
    assert not torch.equal(encoder(x, None).outputs, encoder(x, None).outputs)
