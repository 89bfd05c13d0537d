"""What heads look at: cases that can be worked out by hand."""

from math import log

import pytest
import torch
from torch import nn

from rnnlab.diagnostics.heads import head_scalars
from rnnlab.diagnostics.weight_flow import gradient_norms
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.heads import head_values
from runs import scalars, small_run

STEPS = 4


def causal():
    places = torch.arange(STEPS)
    distance = places.unsqueeze(1) - places
    return distance >= 0, distance


def test_equal_weights_and_one_step_alone():
    """Head 0 has no preference; head 1 looks at the first step alone."""
    query = torch.zeros(1, 2, STEPS, 1, dtype=torch.float64)
    key = torch.zeros_like(query)
    query[:, 1], key[:, 1, 0] = 1.0, 1000.0
    values = head_values(query, key, *causal())
    counts = torch.arange(1.0, STEPS + 1, dtype=torch.float64)
    torch.testing.assert_close(values.entropy[0, :, 0], counts.log())
    torch.testing.assert_close(values.limit[0], counts.log())
    torch.testing.assert_close(values.distance[0, :, 0], (counts - 1) / 2)
    assert values.logit[0, :, 0].tolist() == [0] * STEPS
    assert values.entropy[0, :, 1].tolist() == [0] * STEPS
    assert values.distance[0, :, 1].tolist() == [0, 1, 2, 3]
    assert values.logit[0, :, 1].tolist() == [1000.0] * STEPS
    valid = torch.tensor([[True, True, True, False]])
    found = {key: float(value) for key, value in head_scalars("h", values, valid).items()}
    assert found == pytest.approx(
        {
            "h/0/entropy": (log(2) + log(3)) / 3,
            "h/0/evenness": 1,
            "h/0/distance": 0.5,
            "h/0/logit": 0,
            "h/1/entropy": 0,
            "h/1/evenness": 0,
            "h/1/distance": 1,
            "h/1/logit": 1000,
        }
    )


def test_two_steps_with_given_odds():
    """Odds of 3 to 1: entropy log 4 - 3/4 log 3, and a quarter of the weight a step away."""
    query = torch.tensor([1.0, 1.0], dtype=torch.float64).view(1, 1, 2, 1)
    key = torch.tensor([0.0, log(3)], dtype=torch.float64).view(1, 1, 2, 1)
    places = torch.arange(2)
    distance = places.unsqueeze(1) - places
    values = head_values(query, key, torch.ones(2, 2, dtype=torch.bool), distance)
    expected = log(4) - 0.75 * log(3)
    assert values.entropy.flatten().tolist() == pytest.approx([expected] * 2)
    assert values.distance.flatten().tolist() == pytest.approx([0.75, 0.25])
    assert values.logit.flatten().tolist() == pytest.approx([log(3)] * 2)


def test_one_step_has_nothing_to_choose_from():
    one = torch.zeros(1, 1, 1, 2)
    mask = torch.ones(1, 1, dtype=torch.bool)
    values = head_values(one, one, mask, torch.zeros(1, 1, dtype=torch.long))
    found = head_scalars("h", values, torch.ones(1, 1, dtype=torch.bool))
    assert float(found["h/0/evenness"]) == 1


@torch.no_grad()
@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_of_a_layer_what_its_outputs_are_made_of(window, both, positions):
    """Loops over sequences, heads and steps give the outputs again, and these values."""
    torch.manual_seed(0)
    options = {"hidden_size": 8, "num_heads": 2, "positions": positions, "window": window}
    layer = SelfAttention(3, **options, max_positions=9).double()
    layer = layer.two_directions(lambda: layer) if both else layer
    layer.in_proj_weight.mul_(3)
    x, lengths, traces = torch.randn(3, 5, 3).double(), torch.tensor([5, 1, 3]), []
    with layer.record(traces.append):
        outputs = layer.outputs(x, lengths)
    values = layer.gate_values(traces[0]).heads
    for row, length in enumerate(lengths.tolist()):
        alone = x[row, :length]
        query, key, value = by_hand(layer, alone)
        joined = []
        for head in range(2):
            for t in range(length):
                seen = [
                    s
                    for s in range(length)
                    if (both or s <= t) and (window is None or abs(s - t) < window)
                ]
                logits = torch.stack([query[head, t] @ key[head, s] / 2 for s in seen])
                weights = logits.softmax(0)
                joined.append(sum(w * value[head, s] for w, s in zip(weights, seen, strict=True)))
                entropy = -sum(float(w) * log(float(w)) for w in weights)
                distance = sum(float(w) * abs(s - t) for w, s in zip(weights, seen, strict=True))
                assert float(values.entropy[row, t, head]) == pytest.approx(entropy, abs=1e-9)
                assert float(values.distance[row, t, head]) == pytest.approx(distance, abs=1e-9)
                assert float(values.logit[row, t, head]) == pytest.approx(float(logits.abs().max()))
                assert float(values.limit[row, t]) == pytest.approx(log(len(seen)))
        heads = torch.stack(joined).view(2, length, 4).transpose(0, 1).flatten(1)
        expected = heads @ layer.out_proj_weight.T + layer.out_proj_bias
        torch.testing.assert_close(outputs[row, :length], expected)


def by_hand(layer, x):
    """Queries, keys and values (heads, T, 4) of one sequence, pair by pair."""
    if layer.positions == "learned":
        x = x + layer.position_weight[: len(x)]
    projected = (x @ layer.in_proj_weight.T + layer.in_proj_bias).view(len(x), 3, 2, 4)
    query, key, value = projected.permute(1, 2, 0, 3).clone()
    if layer.positions == "rotary":
        for part in (query, key):
            for t in range(len(x)):
                for pair in range(2):
                    angle = torch.tensor(t * 10_000.0 ** (-pair / 2), dtype=torch.float64)
                    a, b = part[:, t, pair].clone(), part[:, t, pair + 2].clone()
                    part[:, t, pair] = a * angle.cos() - b * angle.sin()
                    part[:, t, pair + 2] = b * angle.cos() + a * angle.sin()
    return query, key, value


def test_norms_of_each_head():
    """A head's own queries, keys, values and columns of the output, by index arithmetic."""
    torch.manual_seed(0)
    layer = SelfAttention(3, hidden_size=4, num_heads=2)
    layer.outputs(torch.randn(2, 5, 3)).square().sum().backward()
    found = gradient_norms(
        nn.ModuleDict({"encoder": nn.ModuleDict({"layers": nn.ModuleList([layer])})})
    )
    for head in range(2):
        own = [2 * head, 2 * head + 1]
        total = sum(
            float(layer.in_proj_weight.grad[4 * part + row].square().sum())
            for part in range(3)
            for row in own
        )
        total += sum(float(layer.out_proj_weight.grad[:, row].square().sum()) for row in own)
        assert float(found[f"grad/encoder.0/head/{head}"]) == pytest.approx(total**0.5, rel=1e-5)
    # gates and heads overlap: the whole is counted once
    whole = sum(float(p.grad.square().sum()) for p in layer.parameters())
    assert float(found["grad/total"]) == pytest.approx(whole**0.5, rel=1e-5)
    assert "grad/encoder.0/input/query" in found


def test_a_run_posts_heads_of_every_layer(tmp_path):
    words = ["encoder=blocks", "cell=attention", "encoder.model_size=16", "cell.num_heads=2"]
    words += ["diagnostics=full", "diagnostics.projector=null", "logger=tensorboard"]
    small_run(tmp_path, *words)
    found = scalars(tmp_path)
    for layer in range(2):
        for head in range(2):
            name = f"encoder.{layer}/{head}"
            evenness = [value for _, value in found[f"head/{name}/evenness"]]
            assert all(0 <= value <= 1 for value in evenness)
            assert evenness[0] > 0.9  # small weights at the start: all alike
            assert f"grad/encoder.{layer}/head/{head}" in found
        assert f"input_flow/encoder.{layer}/first_last_ratio" in found
    assert not [tag for tag in found if tag.startswith(("flow/", "memory/", "gate/"))]
