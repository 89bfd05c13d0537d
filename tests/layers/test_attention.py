"""Self-attention against its formula, torch's module, and what its options promise."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from pairs import pairs
from rnnlab.errors import ConfigError
from rnnlab.layers.attention import SelfAttention

B, T, D, H, HEADS = 3, 6, 5, 8, 2
LENGTHS = torch.tensor([6, 2, 5])
KINDS = ["rotary", "sinusoidal", "learned", "none"]


def make(**options):
    torch.manual_seed(0)
    layer = SelfAttention(D, **{"hidden_size": H, "num_heads": HEADS} | options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return layer


def inputs(steps=T):
    torch.manual_seed(1)
    return torch.randn(B, steps, D, dtype=torch.float64)


def place_vector(layer, place):
    if layer.positions == "learned":
        return layer.position_weight[place]
    if layer.positions == "none":
        return torch.zeros(D, dtype=torch.float64)
    waves = [10_000 ** (-2 * (i // 2) / (2 * math.ceil(D / 2))) for i in range(D)]
    both = [(math.sin, math.cos)[i % 2](place * waves[i]) for i in range(D)]
    return torch.tensor(both, dtype=torch.float64)


def turned(x, place):
    """By complex numbers, features i and i + d/2 being one."""
    half = len(x) // 2
    angle = torch.tensor([place * 10_000 ** (-i / half) for i in range(half)], dtype=torch.float64)
    z = torch.complex(x[:half], x[half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([z.real, z.imag])


def written_out(layer, x):
    """The outputs (T, H) of one sequence (T, D), sum by sum."""
    d = H // HEADS
    read = x
    if layer.positions in ("sinusoidal", "learned"):
        read = torch.stack([row + place_vector(layer, t) for t, row in enumerate(x)])
    projected = read @ layer.in_proj_weight.T + layer.in_proj_bias
    rows = []
    for t in range(len(x)):
        heads = []
        for head in range(HEADS):
            query, keys, values = (
                projected[:, part * H + head * d : part * H + (head + 1) * d] for part in range(3)
            )
            seen = [
                s
                for s in range(len(x))
                if (s <= t or not layer.causal)
                and (layer.window is None or abs(t - s) < layer.window)
            ]
            turn = turned if layer.positions == "rotary" else (lambda vector, _: vector)
            scores = [turn(query[t], t) @ turn(keys[s], s) / math.sqrt(d) for s in seen]
            weights = torch.stack(scores).softmax(0)
            heads.append(sum(w * values[s] for w, s in zip(weights, seen, strict=True)))
        rows.append(torch.cat(heads) @ layer.out_proj_weight.T + layer.out_proj_bias)
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("positions", "window", "causal"), pairs(KINDS, [None, 1, 3, 50], [True, False]), ids=str
)
def test_the_formula(positions, window, causal):
    layer, x = make(positions=positions, window=window), inputs()
    layer = layer if causal else layer.two_directions(lambda: pytest.fail("one layer is enough"))
    outputs = layer.outputs(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        expected = written_out(layer, x[row, :length])
        torch.testing.assert_close(outputs[row, :length], expected)
        assert not outputs[row, length:].any()
    dirty = torch.where(outputs.any(2, keepdim=True), x, math.nan).requires_grad_()
    again = layer(dirty, LENGTHS)[0]
    torch.testing.assert_close(again, outputs)
    again.sum().backward()
    assert dirty.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("causal", [True, False])
def test_torch_multihead_attention(causal):
    theirs = nn.MultiheadAttention(H, HEADS, batch_first=True).double()
    torch.manual_seed(0)
    ours = SelfAttention(H, hidden_size=H, num_heads=HEADS, positions="none").double()
    names = {name.replace(".", "_"): value for name, value in theirs.state_dict().items()}
    ours.load_state_dict(names)
    ours = ours if causal else ours.two_directions(lambda: None)
    x = torch.randn(B, T, H, dtype=torch.float64)
    padding = torch.arange(T) >= LENGTHS.unsqueeze(1)
    mask = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None
    expected, _ = theirs(x, x, x, key_padding_mask=padding, attn_mask=mask, need_weights=False)
    outputs = ours(x, LENGTHS)[0]
    torch.testing.assert_close(outputs[~padding], expected[~padding])


@pytest.mark.parametrize(("positions", "window"), pairs(KINDS, [None, 1, 3, 50]), ids=str)
def test_steps_and_pieces_give_what_one_pass_gives(positions, window):
    layer, x = make(positions=positions, window=window), inputs(9)
    lengths = torch.tensor([9, 5, 8])
    outputs, final = layer(x, lengths)
    stepped, last = layer.scan(x, lengths)
    first, carried = layer(x[:, :4], torch.tensor([4, 3, 4]))
    rest = torch.stack([x[0, 4:], x[1, 3:8], x[2, 4:]])
    second, after = layer(rest, torch.tensor([5, 2, 4]), carried)
    for ours, theirs in zip((stepped, *last), (outputs, *final), strict=True):
        torch.testing.assert_close(ours, theirs)
    for row, (start, length) in enumerate([(4, 9), (3, 5), (4, 8)]):
        torch.testing.assert_close(first[row, :start], outputs[row, :start])
        torch.testing.assert_close(second[row, : length - start], outputs[row, start:length])
    assert torch.equal(after[2], lengths)
    following = layer.step(x[:, 0], after)[0]
    torch.testing.assert_close(following, layer.step(x[:, 0], final)[0])
    if window is not None:
        assert final[0].shape[2] == min(9, window - 1)


def test_a_window_is_all_that_a_step_sees():
    layer, x = make(window=3), inputs()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[0][:, 4].sum(), x)
    assert gradient.any(2).tolist() == [[t in (2, 3, 4) for t in range(T)]] * B


def test_rotary_positions_are_distances():
    layer, x = make(), inputs()
    keys, values, place = layer.initial_state(B, x)
    torch.testing.assert_close(layer(x, None, (keys, values, place + 1000))[0], layer(x)[0])
    absolute = make(positions="sinusoidal")
    assert not torch.allclose(absolute(x, None, (keys, values, place + 7))[0], absolute(x)[0])


def test_without_positions_the_order_before_is_lost():
    layer, x = make(positions="none"), inputs()
    mixed = x[:, [3, 1, 0, 4, 2, 5]]
    torch.testing.assert_close(layer(mixed)[0][:, 5], layer(x)[0][:, 5])
    for kind in KINDS[:3]:
        other = make(positions=kind)
        assert not torch.allclose(other(mixed)[0][:, 5], other(x)[0][:, 5])


def test_a_stream_carries_a_window_alone():
    x = inputs()
    layer = make(window=4)
    carried = layer.carry(layer(x.requires_grad_())[1])
    assert carried[0].shape[2] == 3
    assert not carried[0].requires_grad
    layer = make()
    assert [part.numel() for part in layer.carry(layer(x)[1])] == [0, 0, B]


def test_no_mask_is_made_where_none_is_needed(monkeypatch):
    masks = []
    real = functional.scaled_dot_product_attention

    def spy(*args, **options):
        masks.append((options["attn_mask"], options["is_causal"]))
        return real(*args, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", spy)
    layer, x = make(), inputs()
    layer(x, LENGTHS)
    layer.outputs(x)
    both = make().two_directions(lambda: None)
    both.outputs(x)
    assert masks == [(None, True), (None, True), (None, False)]
    both.outputs(x, LENGTHS)
    assert masks[-1][0].shape == (B, 1, 1, T)
    make(window=2).outputs(x, LENGTHS)
    assert masks[-1][0].shape == (T, T)


def test_gates_are_the_rows_that_they_name():
    layer, x = make(), inputs()
    layer(x)[0].sum().backward()
    query = layer.gates()["input/query"]
    assert query == ("in_proj_weight", slice(0, H))
    with torch.no_grad():
        layer.in_proj_weight[query[1]] = 0  # all keys alike: the mean of the values
        layer.in_proj_bias[query[1]] = 0
    values = x @ layer.in_proj_weight[2 * H :].T + layer.in_proj_bias[2 * H :]
    mean = values.cumsum(1) / torch.arange(1, T + 1).view(-1, 1)
    expected = mean @ layer.out_proj_weight.T + layer.out_proj_bias
    torch.testing.assert_close(layer(x)[0], expected)
    assert "input/positions" in make(positions="learned").gates()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, r"cell\.num_heads: 3 heads do not divide cell\.hidden_size=8"),
        ({"num_heads": 8}, r"cell\.positions: rotary needs an even number .* = 1"),
    ],
)
def test_sizes_that_do_not_fit(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_learned_positions_end():
    layer = make(positions="learned", max_positions=T)
    _, state = layer(inputs())
    for longer in (lambda: layer(inputs(T + 1)), lambda: layer.step(inputs()[:, 0], state)):
        with pytest.raises(ConfigError, match=r"cell\.max_positions: 6 places .* has 7 steps"):
            longer()


def test_it_has_no_state_to_watch():
    with pytest.raises(TypeError, match="no state of a fixed size"):
        make().watch(print)
