"""Drawn tokens have the distribution that was asked for."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from nn.test_search import END, START, Markov
from rnnlab.nn.sampling import Sampling, sample
from rnnlab.nn.search import beam_search

CHANCES = [0.5, 0.2, 0.15, 0.1, 0.05]


def table(rows):
    """log p(next | last token), the same for every sequence; the state is what was read."""
    log_probs = torch.tensor(rows, dtype=torch.double).log()
    return lambda tokens, state: (log_probs[tokens], (tokens,))


def drawn(sampling, draws=20_000, seed=0, **options):
    """How often each token follows token 0."""
    start = torch.zeros(draws, dtype=torch.long)
    generator = torch.Generator().manual_seed(seed)
    options = {"max_new_tokens": 1, "generator": generator, **options}
    rows = sample(table([CHANCES] * 5), (start,), start, sampling=sampling, **options)
    return np.bincount([row[0] for row in rows], minlength=5)


def slow(log_probs, temperature, top_k, top_p):
    """The definition, token by token."""
    weights = {i: math.exp(x / temperature) for i, x in enumerate(log_probs)}
    ranked = sorted(weights, key=lambda i: -weights[i])[:top_k]
    total = sum(weights[i] for i in ranked)
    kept, mass = [], 0.0
    for i in ranked:
        if mass >= top_p:
            break
        kept.append(i)
        mass += weights[i] / total
    total = sum(weights[i] for i in kept)
    return [weights[i] / total if i in kept else 0.0 for i in range(len(log_probs))]


@given(
    st.lists(st.floats(-5, 0), min_size=1, max_size=8, unique=True),
    st.floats(0.2, 5),
    st.one_of(st.none(), st.integers(1, 10)),
    st.floats(0.05, 1),
)
@settings(deadline=None)
def test_probabilities_are_those_of_the_definition(logits, temperature, top_k, top_p):
    log_probs = torch.tensor([logits, logits[::-1]], dtype=torch.double).log_softmax(1)
    found = Sampling(temperature, top_k, top_p).probabilities(log_probs)
    for row, wanted in zip(found, log_probs.tolist(), strict=True):
        assert row.tolist() == pytest.approx(slow(wanted, temperature, top_k, top_p), abs=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature_gives_the_distribution(temperature):
    weights = np.array(CHANCES) ** (1 / temperature)
    counts = drawn(Sampling(temperature))
    assert chisquare(counts, counts.sum() * weights / weights.sum()).pvalue > 0.001
    others = np.array(CHANCES) ** (1 / (temperature * 1.2))
    assert chisquare(counts, counts.sum() * others / others.sum()).pvalue < 0.001


@pytest.mark.parametrize("number", [5e-324, 1e-46, 1e-40, 1e-31, 1e-12, 1e12, 1e31, 1e300])
def test_extremes_are_greedy_or_uniform(number):
    log_probs = torch.tensor([[0.1, 0.6, 0.3, 0.0]]).log()  # the last one is banned
    limit = [0, 1, 0, 0] if number < 1 else [1 / 3, 1 / 3, 1 / 3, 0]
    found = Sampling(number).probabilities(log_probs)
    assert found[0].tolist() == pytest.approx(limit, abs=1e-6)
    if number < 1:
        assert Sampling(top_p=number).probabilities(log_probs).tolist() == [[0, 1, 0, 0]]


def test_top_k_draws_from_k_tokens():
    counts = drawn(Sampling(top_k=3))
    assert counts[3:].tolist() == [0, 0]
    wanted = np.array(CHANCES[:3]) / sum(CHANCES[:3])
    assert chisquare(counts[:3], counts.sum() * wanted).pvalue > 0.001


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.6, 2), (0.71, 3), (0.96, 5), (1.0, 5)])
def test_top_p_draws_from_the_fewest_tokens_with_that_mass(top_p, kept):
    counts = drawn(Sampling(top_p=top_p))
    assert (counts > 0).tolist() == [True] * kept + [False] * (5 - kept)


def test_banned_tokens_are_never_drawn():
    assert drawn(Sampling(), banned=[0, 2])[[0, 2]].tolist() == [0, 0]
    assert drawn(Sampling(temperature=0.0), draws=9, banned=[0]).tolist() == [0, 9, 0, 0, 0]


def greedy(model, sampling, length, seed=0):
    state = model.state()
    start = torch.full((len(model.tables),), START)
    generator = torch.Generator().manual_seed(seed)
    return sample(
        model.step, state, start, max_new_tokens=length, sampling=sampling, end=END, banned=[START],
        generator=generator,
    )  # fmt: skip


@given(st.integers(0, 10**6), st.integers(1, 6))
@settings(deadline=None, max_examples=25)
def test_temperature_zero_and_top_k_one_are_greedy(seed, length):
    model = Markov(3, 5, seed)
    found = greedy(model, Sampling(temperature=0.0), length)
    assert found == greedy(model, Sampling(top_k=1), length, seed=7)
    for row, tokens in enumerate(found):
        before, last, wanted = START, START, []
        while len(wanted) < length:
            chances = model.tables[row, before, last].clone()
            chances[START] = -math.inf
            before, last = last, int(chances.argmax())
            if last == END:
                break
            wanted.append(last)
        assert tokens == wanted
    searched = beam_search(model.step, model.state(), START, END, num_beams=1, max_length=length)
    for one, two in zip(searched.best, found, strict=True):
        assert one == two[: len(one)]


def test_whole_sequences_have_their_probability():
    """Of a chain of two letters and an end, by enumeration."""
    chances = [[0.0, 0.5, 0.5], [0.3, 0.6, 0.1], [0.4, 0.2, 0.4]]
    start = torch.zeros(20_000, dtype=torch.long)
    generator = torch.Generator().manual_seed(3)
    rows = sample(
        table(chances),
        (start,),
        start,
        max_new_tokens=2,
        sampling=Sampling(),
        end=0,
        generator=generator,
    )
    wanted = {
        (a, *rest): chances[0][a] * chances[a][rest[0] if rest else 0]
        for a in (1, 2)
        for rest in ((), (1,), (2,))
    }
    assert sum(wanted.values()) == pytest.approx(1.0)
    counts = [sum(tuple(row) == key for row in rows) for key in wanted]
    assert sum(counts) == len(rows)
    assert chisquare(counts, [len(rows) * p for p in wanted.values()]).pvalue > 0.001


def test_the_seed_decides():
    assert drawn(Sampling(), seed=1).tolist() == drawn(Sampling(), seed=1).tolist()
    assert drawn(Sampling(), seed=1).tolist() != drawn(Sampling(), seed=2).tolist()
