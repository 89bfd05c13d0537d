import math

import pytest
import torch

from rnnlab.nn.attention import AdditiveAttention


@torch.no_grad()
def slow(attention, query, values, mask):
    """One query, one sentence, one scalar at a time."""
    steps = [t for t in range(len(values)) if mask[t]]
    energies = []
    for t in steps:
        hidden = attention.query.weight @ query + attention.query.bias
        hidden = hidden + attention.key.weight @ values[t]
        energies.append(float(attention.energy.weight[0] @ torch.tanh(hidden)))
    exps = [math.exp(energy) for energy in energies]
    weights = torch.zeros(len(values), dtype=values.dtype)
    for t, exp in zip(steps, exps, strict=True):
        weights[t] = exp / sum(exps)
    context = sum(weights[t] * values[t] for t in steps)
    return context, weights


@pytest.fixture
def case():
    torch.manual_seed(3)
    attention = AdditiveAttention(4, 6, 5).double()
    torch.nn.init.normal_(attention.query.bias)
    lengths = torch.tensor([5, 1, 3])
    mask = torch.arange(5) < lengths.unsqueeze(1)
    queries = torch.randn(3, 7, 4, dtype=torch.double, requires_grad=True)
    values = torch.randn(3, 5, 6, dtype=torch.double, requires_grad=True)
    return attention, queries, values, mask


def test_equals_the_equations(case):
    attention, queries, values, mask = case
    context, weights = attention(queries, attention.project(values), values, mask)
    for b in range(3):
        for u in range(7):
            expected = slow(attention, queries[b, u], values[b], mask[b])
            torch.testing.assert_close((context[b, u], weights[b, u]), expected)


def test_one_query_a_sentence_is_the_same_as_many(case):
    attention, queries, values, mask = case
    keys = attention.project(values)
    many = attention(queries, keys, values, mask)
    one = attention(queries[:, 2], keys, values, mask)
    assert one[0].shape == (3, 6)
    assert one[1].shape == (3, 5)
    torch.testing.assert_close(one, (many[0][:, 2], many[1][:, 2]))


def test_padding_has_exactly_no_weight_and_no_influence(case):
    attention, queries, values, mask = case
    context, weights = attention(queries, attention.project(values), values, mask)
    assert (weights.masked_select(~mask.unsqueeze(1)) == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 7, dtype=torch.double))
    other = values.detach().masked_fill(~mask.unsqueeze(2), 1e3)
    changed, _ = attention(queries, attention.project(other), other, mask)
    assert torch.equal(changed, context)
    context.sum().backward()
    assert (values.grad[~mask] == 0).all()


def test_chunks_change_neither_result_nor_gradients(case):
    attention, queries, values, mask = case
    inputs = (queries, values, *attention.parameters())

    def run():
        context, weights = attention(queries, attention.project(values), values, mask)
        loss = (context**2).sum() + (weights**3).sum()
        return context, *torch.autograd.grad(loss, inputs)

    whole = run()
    attention.max_elements = 3 * 5 * 5 * 2  # two of the seven queries at once
    torch.testing.assert_close(run(), whole)


def test_gradients(case):
    attention, queries, values, mask = case

    def function(queries, values):
        return attention(queries[:, :2], attention.project(values), values, mask)

    assert torch.autograd.gradcheck(function, (queries, values))
