import math

import pytest
import torch

from rnnlab.errors import ConfigError
from rnnlab.nn.attention import ATTENTIONS

EQUAL = ("dot", "scaled")
"""Kinds that compare a query with a source step as they are."""


def energy(kind, attention, query, step):
    """The score of one query and one source step, as the papers write it."""
    if kind == "additive":
        hidden = attention.query.weight @ query + attention.query.bias
        hidden = hidden + attention.key.weight @ step
        return float(attention.energy.weight[0] @ torch.tanh(hidden))
    if kind == "general":
        return float(query @ attention.key.weight @ step)
    product = sum(float(a) * float(b) for a, b in zip(query, step, strict=True))
    return product / math.sqrt(len(query)) if kind == "scaled" else product


@torch.no_grad()
def slow(kind, attention, query, values, mask):
    """One query, one sentence, one scalar at a time."""
    steps = [t for t in range(len(values)) if mask[t]]
    exps = [math.exp(energy(kind, attention, query, values[t])) for t in steps]
    weights = torch.zeros(len(values), dtype=values.dtype)
    for t, exp in zip(steps, exps, strict=True):
        weights[t] = exp / sum(exps)
    context = sum(weights[t] * values[t] for t in steps)
    return context, weights


def made(kind):
    torch.manual_seed(3)
    size = 6 if kind in EQUAL else 4
    attention = ATTENTIONS[kind](size, 6).double()
    if kind == "additive":
        torch.nn.init.normal_(attention.query.bias)
    lengths = torch.tensor([5, 1, 3])
    mask = torch.arange(5) < lengths.unsqueeze(1)
    queries = torch.randn(3, 7, size, dtype=torch.double, requires_grad=True)
    values = torch.randn(3, 5, 6, dtype=torch.double, requires_grad=True)
    return attention, queries, values, mask


@pytest.fixture(params=ATTENTIONS)
def kind(request):
    return request.param


@pytest.fixture
def case(kind):
    return made(kind)


def test_equals_the_equations(kind, case):
    attention, queries, values, mask = case
    context, weights = attention(queries, attention.project(values), values, mask)
    for b in range(3):
        for u in range(7):
            expected = slow(kind, attention, queries[b, u], values[b], mask[b])
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


def test_gradients(case):
    attention, queries, values, mask = case

    def function(queries, values):
        return attention(queries[:, :2], attention.project(values), values, mask)

    assert torch.autograd.gradcheck(function, (queries, values))


def test_chunks_change_neither_result_nor_gradients():
    attention, queries, values, mask = made("additive")
    inputs = (queries, values, *attention.parameters())

    def run():
        context, weights = attention(queries, attention.project(values), values, mask)
        loss = (context**2).sum() + (weights**3).sum()
        return context, *torch.autograd.grad(loss, inputs)

    whole = run()
    attention.max_elements = 3 * 5 * 4 * 2  # two of the seven queries at once
    torch.testing.assert_close(run(), whole)


def test_names_of_the_weights():
    """Checkpoints hold them."""
    names = {kind: set(made(kind)[0].state_dict()) for kind in ATTENTIONS}
    assert names == {
        "additive": {"query.weight", "query.bias", "key.weight", "energy.weight"},
        "general": {"key.weight"},
        "dot": set(),
        "scaled": set(),
    }


@pytest.mark.parametrize("kind", EQUAL)
def test_sizes_that_differ_are_refused(kind):
    with pytest.raises(ConfigError) as error:
        ATTENTIONS[kind](4, 8)
    assert str(error.value) == (
        "task.attention: dot and scaled need outputs of one size, but the decoder's have "
        "4 features and the encoder's 8; choose general"
    )
