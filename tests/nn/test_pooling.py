import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.nn.encoded import Encoded
from rnnlab.nn.pooling import POOLINGS, AttentionPooling

SIZE = 3


def encoded(lengths, steps, seed=0):
    torch.manual_seed(seed)
    lengths = torch.tensor(lengths)
    outputs = torch.randn(len(lengths), steps, SIZE, dtype=torch.float64)
    for row, length in enumerate(lengths):
        outputs[row, length:] = 0.0
    final = torch.randn(len(lengths), SIZE, dtype=torch.float64)
    return Encoded(outputs.requires_grad_(), final, (final,), lengths)


def reference(name, module, outputs, final):
    """One sequence without padding, in plain Python: `outputs` is a list of steps."""
    if name == "last":
        return final
    if name == "mean":
        return [sum(column) / len(column) for column in zip(*outputs, strict=True)]
    if name == "max":
        return [max(column) for column in zip(*outputs, strict=True)]
    query = module.query.tolist()
    powers = [math.exp(sum(q * x for q, x in zip(query, step, strict=True))) for step in outputs]
    shares = [power / sum(powers) for power in powers]
    return [
        sum(share * x for share, x in zip(shares, column, strict=True))
        for column in zip(*outputs, strict=True)
    ]


def make(name):
    module = POOLINGS[name](SIZE).double()
    torch.manual_seed(7)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module


@pytest.mark.parametrize("name", POOLINGS)
@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), extra=st.integers(0, 3))
def test_equals_the_slow_way_whatever_the_padding(name, lengths, extra):
    module = make(name)
    batch = encoded(lengths, max(lengths) + extra)
    pooled = module(batch)
    expected = [
        reference(name, module, batch.outputs[row, :length].tolist(), batch.final[row].tolist())
        for row, length in enumerate(lengths)
    ]
    torch.testing.assert_close(pooled, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("name", ["mean", "max", "attention"])
def test_no_gradient_flows_into_the_padding_where_it_would_count(name):
    batch = encoded([2, 4], 5)
    batch.outputs.retain_grad()
    # negative outputs: zeros of the padding would win a maximum over all steps
    shifted = Encoded(
        torch.where(batch.mask.unsqueeze(-1), batch.outputs - 100, 0.0),
        batch.final,
        batch.layers,
        batch.lengths,
    )
    pooled = make(name)(shifted)
    assert (pooled < -50).all()
    pooled.sum().backward()
    assert torch.isfinite(batch.outputs.grad).all()
    assert (batch.outputs.grad[~batch.mask] == 0).all()


def test_attention_starts_as_the_mean_and_its_shares_sum_to_one():
    batch = encoded([1, 3, 5], 6)
    fresh = AttentionPooling(SIZE).double()
    torch.testing.assert_close(fresh(batch), POOLINGS["mean"](SIZE)(batch))
    weights = make("attention").weights(batch)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3, dtype=torch.float64))
    assert (weights[~batch.mask] == 0).all()


def test_attention_learns_where_to_look():
    torch.manual_seed(0)
    outputs = torch.randn(64, 8, SIZE)
    rows, marked = torch.arange(64), torch.randint(0, 8, (64,))
    outputs[:, :, 0] = 0.0
    outputs[rows, marked, 0] = 1.0
    batch = Encoded(outputs, outputs[:, -1], (), torch.full((64,), 8))
    module = AttentionPooling(SIZE)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        (module(batch) - outputs[rows, marked]).square().mean().backward()
        optimizer.step()
    assert torch.equal(module.weights(batch).argmax(dim=1), marked)
