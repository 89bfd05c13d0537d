"""The numpy programs beside an exported model find what rnnlab's own find."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from rnnlab.commands.export.runtime import ctc, tags, texts
from rnnlab.commands.export.runtime.sampling import Drawing, sample
from rnnlab.nn.ctc import log_likelihoods, prefix_beam_search
from rnnlab.nn.sampling import Sampling
from rnnlab.nn.search import beam_search

START, END, BANNED, SIZE = 1, 2, 0, 7


@pytest.mark.parametrize(("beams", "number", "penalty"), [(1, 1, 1.0), (4, 3, 0.6), (9, 9, 0.0)])
def test_the_best_few_of_a_beam_search(beams, number, penalty):
    table = torch.randn(5, 8, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    table = table.log_softmax(3)  # another one at each step: no two sequences score alike
    limit = torch.tensor([0, 3, 6, 6, 2])

    def step(tokens, state):
        rows, at = state
        return table[rows, at, tokens], (rows, at + 1)

    def numpy_step(tokens, state):
        rows, at = state["rows"], state["at"]
        return table.numpy()[rows, at, tokens], {"rows": rows, "at": at + 1}

    options = {"num_beams": beams, "num_return_sequences": number, "length_penalty": penalty}
    wanted = beam_search(
        step,
        (torch.arange(5), torch.zeros(5).long()),
        START,
        END,
        max_length=limit,
        banned=[BANNED],
        **options,
    )
    decoding = {"start": START, "end": END, "banned": [BANNED], "length_penalty": penalty}
    rows = {"rows": np.arange(5), "at": np.zeros(5, int)}
    found = texts.beam_search(numpy_step, rows, limit.numpy(), decoding, beams, number)
    assert [[ids for _, ids in row] for row in found] == wanted.tokens
    for row, scores in zip(found, wanted.scores.tolist(), strict=True):
        assert [score for score, _ in row] == pytest.approx(scores[: len(row)], abs=1e-5)


def test_the_best_few_of_a_search_over_alignments():
    scores = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(1)).log_softmax(2)
    wanted = prefix_beam_search(
        scores, torch.tensor([6, 6, 6]), num_beams=6, num_return_sequences=4, banned=[3]
    )
    for row, tokens, each in zip(scores.numpy(), wanted.tokens, wanted.scores, strict=True):
        found = ctc.prefix_search(row, 6, [3])[:4]
        assert [ids for _, ids in found] == tokens
        assert [score for score, _ in found] == pytest.approx(each.tolist(), abs=1e-5)


@pytest.mark.parametrize("text", [[], [1], [1, 1], [1, 2, 1], [2, 2, 2], [1, 1, 1, 1]])
def test_the_likelihood_of_a_text_sums_over_its_alignments(text):
    scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(2)).log_softmax(1)
    target = torch.tensor([[*text, 0]])
    wanted = log_likelihoods(scores[None], torch.tensor([5]), target, torch.tensor([len(text)]))
    assert ctc.log_likelihood(scores.numpy(), text) == pytest.approx(wanted.item(), abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.0},
        {"temperature": 0.5, "top_k": 3},
        {"top_p": 0.6},
        {"temperature": 2.0, "top_k": 5, "top_p": 1e-9},
    ],
)
def test_the_probabilities_that_texts_are_drawn_from(options):
    log_probs = torch.randn(4, 9, generator=torch.Generator().manual_seed(3)).log_softmax(1)
    log_probs[:, 2] = float("-inf")
    wanted = Sampling(**options).probabilities(log_probs)
    found = Drawing(**options).probabilities(log_probs.numpy())
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-6)


def test_drawn_texts_are_as_frequent_as_probable_and_end():
    chances = np.array([0.0, 0.2, 0.5, 0.3])

    def step(tokens, state):
        return np.log(np.tile(chances + 1e-12, (len(tokens), 1))), state

    drawing = Drawing(number=2000, max_new_tokens=4)
    rows = sample(step, {"state": np.zeros((1, 2))}, 0, drawing, banned=[0], end=3)
    assert len(rows) == 2000
    firsts = [row[0] if row else 3 for row in rows]
    assert np.bincount(firsts, minlength=4) / 2000 == pytest.approx(chances, abs=0.04)
    assert {len(row) for row in rows} == {0, 1, 2, 3, 4}
    assert rows == sample(step, {"state": np.zeros((1, 2))}, 0, drawing, banned=[0], end=3)


@pytest.mark.parametrize("ruled", [False, True])
def test_the_best_tags_of_ragged_sequences_by_brute_force(ruled):
    random = np.random.default_rng(4)
    lengths, count = np.array([1, 4, 3]), 3
    scores = random.normal(size=(3, 4, count)).astype(np.float32)
    shapes = {"start": (count,), "pairs": (count, count), "end": (count,)}
    potentials = {name: random.normal(size=shape) for name, shape in shapes.items()}
    allowed = {name: np.ones(shape, bool) for name, shape in shapes.items()}
    allowed["pairs"][0, 0] = allowed["pairs"][1, 1] = allowed["end"][2] = False
    allowed["start"][:2] = False  # a single step may be none of them: rules do not apply there
    decoding = {"potentials": potentials, "allowed": allowed if ruled else None}
    found = tags.best_paths(scores, lengths, decoding)
    for row, length, path in zip(scores, lengths, found, strict=True):
        every = {each: total(row, each, potentials) for each in product(range(3), repeat=length)}
        right = {each: score for each, score in every.items() if ruled and valid(each, allowed)}
        best = max(right or every, key=every.get)
        assert tuple(path) == best


def total(row, path, potentials):
    """The score of a path."""
    pairs = sum(potentials["pairs"][pair] for pair in pairwise(path))
    emitted = sum(row[step, tag] for step, tag in enumerate(path))
    return potentials["start"][path[0]] + emitted + pairs + potentials["end"][path[-1]]


def valid(path, allowed):
    """Whether the rules allow a path."""
    pairs = all(allowed["pairs"][pair] for pair in pairwise(path))
    return allowed["start"][path[0]] and pairs and allowed["end"][path[-1]]
