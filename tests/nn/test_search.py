import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.nn.search import beam_search

START, END = 0, 1


class Markov:
    """log p(next | last two tokens, sentence): tables (B, V, V, V); the state is what was read."""

    def __init__(self, sentences, size, seed, sharpness=1.5):
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(sentences, size, size, size, generator=generator, dtype=torch.double)
        self.tables = (sharpness * logits).log_softmax(-1)
        self.calls = []

    def state(self, rows=None):
        rows = torch.arange(len(self.tables)) if rows is None else torch.tensor(rows)
        return torch.full((len(rows),), START), rows

    def step(self, tokens, state):
        self.calls.append(len(tokens))
        before, rows = state
        return self.tables[rows, before, tokens], (tokens, rows)

    def log_prob(self, row, tokens):
        before, last, total = START, START, 0.0
        for token in [*tokens, END]:
            total += float(self.tables[row, before, last, token])
            before, last = last, token
        return total

    def search(self, rows=None, **options):
        return beam_search(self.step, self.state(rows), START, END, **options)


def score(model, row, tokens, penalty):
    return model.log_prob(row, tokens) / (len(tokens) + 1) ** penalty


def enumerate_best(model, row, max_length, penalty, allowed, count=1):
    every = itertools.chain.from_iterable(
        itertools.product(allowed, repeat=n) for n in range(max_length + 1)
    )
    every = sorted(every, key=lambda tokens: -score(model, row, tokens, penalty))
    return [list(tokens) for tokens in every[:count]]


@given(
    seed=st.integers(0, 10**6),
    penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
    max_length=st.integers(0, 4),
    count=st.integers(1, 9),
)
@settings(deadline=None, max_examples=40)
def test_with_a_beam_for_all_continuations_it_is_exact(seed, penalty, max_length, count):
    model = Markov(3, 5, seed)
    options = {"max_length": max_length, "length_penalty": penalty, "banned": [2]}
    wide = 3 * 2 ** (max_length - 1) if max_length else 1  # two tokens and the end
    found = model.search(num_beams=max(wide, count), num_return_sequences=count, **options)
    for row in range(3):
        best = enumerate_best(model, row, max_length, penalty, (3, 4), count)
        assert found.tokens[row] == best
        expected = [score(model, row, tokens, penalty) for tokens in best]
        expected += [float("-inf")] * (count - len(best))
        assert found.scores[row].tolist() == pytest.approx(expected)


@given(
    seed=st.integers(0, 10**6),
    beam=st.integers(1, 6),
    penalty=st.sampled_from([0.0, 0.7, 1.0]),
    limits=st.lists(st.integers(0, 7), min_size=1, max_size=5),
)
@settings(deadline=None, max_examples=60)
def test_scores_limits_and_independence_of_the_batch(seed, beam, penalty, limits):
    model = Markov(len(limits), 6, seed)
    options = {
        "num_beams": beam,
        "length_penalty": penalty,
        "banned": [3],
        "num_return_sequences": (beam + 1) // 2,
    }
    together = model.search(max_length=torch.tensor(limits), **options)
    for row, limit in enumerate(limits):
        several, scores = together.tokens[row], together.scores[row].tolist()
        assert together.best[row] == several[0]
        assert len(set(map(tuple, several))) == len(several)
        assert scores == sorted(scores, reverse=True)
        for tokens, found in zip(several, scores, strict=False):
            assert len(tokens) <= limit
            assert not {START, END, 3} & set(tokens)
            assert found == pytest.approx(score(model, row, tokens, penalty))
        alone = model.search([row], max_length=limit, **options)
        assert alone.tokens == [several]
        assert alone.scores[0].tolist() == pytest.approx(scores)


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=40)
def test_one_beam_is_argmax_decoding(seed):
    model = Markov(4, 6, seed)
    found = model.search(num_beams=1, max_length=9, length_penalty=1.0)
    for row in range(4):
        before, last, tokens = START, START, []
        while len(tokens) < 9:
            log_probs = model.tables[row, before, last].clone()
            log_probs[START] = float("-inf")
            before, last = last, int(log_probs.argmax())
            if last == END:
                break
            tokens.append(last)
        assert found.tokens[row] == [tokens]


def slow_beam(model, row, beam, nbest, max_length, penalty):
    """The rule of the docstring in plain Python, one sentence."""
    prefixes, found = [((), 0.0)], []
    for length in range(max_length + 1):
        candidates = []
        for tokens, total in prefixes:
            before, last = ([START, START, *tokens])[-2:]
            for token in range(model.tables.shape[-1]):
                if token == START or (length == max_length and token != END):
                    continue
                added = float(model.tables[row, before, last, token])
                candidates.append(((*tokens, token), total + added))
        candidates.sort(key=lambda candidate: -candidate[1])
        for tokens, total in candidates[:beam]:
            if tokens[-1] == END:
                found.append((list(tokens[:-1]), total / (length + 1) ** penalty))
        prefixes = [c for c in candidates if c[0][-1] != END][:beam]
        if len(found) >= beam or not prefixes:
            break
        best = sorted(found, key=lambda one: -one[1])[:nbest]
        if len(best) == nbest and best[-1][1] >= prefixes[0][1] / (max_length + 1) ** penalty:
            break
    return sorted(found, key=lambda one: -one[1])[:nbest]


@given(
    seed=st.integers(0, 10**6),
    sizes=st.sampled_from([(1, 1), (2, 1), (3, 2), (4, 4), (5, 1), (5, 3)]),
    penalty=st.sampled_from([0.0, 1.0]),
)
@settings(deadline=None, max_examples=60)
def test_equals_beam_search_written_out(seed, sizes, penalty):
    model = Markov(3, 7, seed, sharpness=2.5)
    beam, nbest = sizes
    found = model.search(
        num_beams=beam, num_return_sequences=nbest, max_length=8, length_penalty=penalty
    )
    for row in range(3):
        expected = slow_beam(model, row, beam, nbest, 8, penalty)
        assert found.tokens[row] == [tokens for tokens, _ in expected]
        scores = found.scores[row, : len(expected)].tolist()
        assert scores == pytest.approx([normalised for _, normalised in expected])


def test_a_wider_beam_finds_what_greedy_misses():
    # "2" looks better at first, but "3 </s>" is the better sentence: 0.4 * 0.9 > 0.6 * 0.3
    probs = torch.full((4, 4), 1e-9, dtype=torch.double)
    probs[START, 2], probs[START, 3] = 0.6, 0.4
    probs[2, END], probs[2, 2], probs[2, 3] = 0.3, 0.25, 0.45
    probs[3, END], probs[3, 2] = 0.9, 0.1
    table = probs.log()

    def step(tokens, state):
        return table[tokens], state

    state = (torch.zeros(1),)
    options = {"max_length": 1, "length_penalty": 0.0}
    greedy = beam_search(step, state, START, END, num_beams=1, **options)
    wide = beam_search(step, state, START, END, num_beams=2, **options)
    assert greedy.best == [[2]]
    assert wide.best == [[3]]
    assert float(wide.scores.exp()) == pytest.approx(0.36)


def test_sentences_that_are_done_leave_the_batch():
    model = Markov(2, 4, seed=0)
    model.tables[0, ..., END] = 0.0  # certain to end at once
    model.tables[0, ..., 2:] = -50.0
    model.tables[1, ..., END] = -50.0
    model.tables[1, ..., 2] = -0.1
    found = model.search(num_beams=3, max_length=5)
    assert found.best == [[], [2] * 5]
    assert model.calls == [6, 3, 3, 3, 3, 3]


def test_one_token_may_be_start_and_end():
    table = torch.tensor([[0.1, 0.5, 0.4], [0.7, 0.2, 0.1], [0.2, 0.7, 0.1]]).log()
    found = beam_search(
        lambda tokens, state: (table[tokens], state),
        (torch.zeros(2),),
        0,
        0,
        num_beams=2,
        max_length=4,
    )
    assert found.best == [[1], [1]]


def test_the_step_function_may_give_its_own_memory():
    table = torch.randn(4, 4).log_softmax(-1)
    before = table.clone()
    beam_search(
        lambda tokens, state: (table[:1], state),
        (torch.zeros(1),),
        0,
        1,
        num_beams=1,
        max_length=3,
        banned=[2],
    )
    assert torch.equal(table, before)


def test_no_sentences():
    found = Markov(0, 4, seed=0).search(num_beams=2, max_length=3)
    assert found.tokens == []
    assert found.scores.shape == (0, 1)


def test_no_sequence_is_possible():
    model = Markov(1, 4, seed=0)
    model.tables[...] = float("-inf")
    found = model.search(num_beams=2, max_length=3)
    assert found.tokens == [[]]
    assert found.best == [[]]
    assert found.scores.tolist() == [[float("-inf")]]


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 0},
        {"num_beams": 1, "length_penalty": -1.0},
        {"num_beams": 2, "num_return_sequences": 3},
        {"num_beams": 2, "num_return_sequences": 0},
    ],
)
def test_impossible_options(options):
    with pytest.raises(ValueError, match="at least"):
        Markov(1, 4, seed=0).search(max_length=3, **options)
