"""Analogies and similarities against loops in double precision, by hand, and known figures."""

import itertools
import math
import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from rnnlab.commands.embed import unit_vectors
from rnnlab.commands.embed.evaluation import Accuracy, Correlation, analogies, correlation, evaluate
from rnnlab.commands.embed.unit_vectors import UnitVectors
from rnnlab.data.datasets.word2vec_eval import Pair, Section, Word2VecEval
from rnnlab.data.vector_file import VectorTable
from rnnlab.nn.vectors import FileVectors

HAND = VectorTable(
    ["king", "queen", "man", "woman", "Apple", "apple", "nil"],
    np.array([[1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1], [5, 1, 1], [-1, 0, 0], [0, 0, 0]], "f4"),
)


def family(*questions):
    return [Section("family", tuple(tuple(question.split()) for question in questions))]


def test_by_hand():
    vectors = UnitVectors.of(HAND)
    scores = analogies(vectors, family("man king woman queen", "MAN King woman Queen"))
    assert scores == {"family": Accuracy(right=2, covered=2, total=2)}
    # woman is nearest to king - queen + ... only because the question's own words do not count
    scores = analogies(
        vectors, family("king queen man woman", "king queen man man", "king king a b")
    )
    assert scores["family"] == Accuracy(right=1, covered=2, total=3)
    assert Accuracy().value is None
    assert scores["family"].value == 0.5


def test_case_and_the_first_of_equal_words():
    vectors = UnitVectors.of(HAND)
    assert len(vectors.rows) == len(vectors.vectors) == 6
    assert vectors.ids(["APPLE"]) == vectors.ids(["apple"]) == [4]
    assert vectors.vectors[4].tolist() == pytest.approx(
        [5 / math.sqrt(27)] + [1 / math.sqrt(27)] * 2
    )
    assert vectors.vectors[5].tolist() == [0, 0, 0]
    assert vectors.ids(["king", "emperor"]) is None
    assert len(UnitVectors.of(HAND, restrict=2).rows) == 2


def solve(table, a, b, c):
    """3CosAdd as the papers have it, word by word."""
    words = dict(zip(table.words, table.vectors.astype(np.float64), strict=True))
    unit = {word: vector / np.linalg.norm(vector) for word, vector in words.items()}
    rest = (word for word in unit if word not in (a, b, c))
    return max(
        rest, key=lambda word: unit[word] @ unit[b] - unit[word] @ unit[a] + unit[word] @ unit[c]
    )


@pytest.mark.parametrize("at_once", [100_000_000, 60, 1])
def test_every_question_against_brute_force(at_once, monkeypatch):
    monkeypatch.setattr(unit_vectors, "AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    names = [f"w{i}" for i in range(12)]
    table = VectorTable(names, rng.normal(size=(12, 3)).astype("f4"))
    asked = [q for q in itertools.product(names[:4], names[2:6], names[4:9], names) if q[0] != "w3"]
    expected = [q[3] == solve(table, *q[:3]) for q in asked]
    vectors = UnitVectors.of(table)
    solved = vectors.solves(torch.tensor([vectors.ids(q) for q in asked]))
    assert solved.tolist() == expected
    assert 50 < sum(expected) < len(expected) / 5


def test_no_questions():
    assert UnitVectors.of(HAND).solves(torch.zeros(0, 4, dtype=torch.long)).tolist() == []
    assert analogies(UnitVectors.of(HAND), family("no such words here")) == {
        "family": Accuracy(right=0, covered=0, total=1)
    }


def test_similarity_against_scipy_with_equal_ranks():
    rng = np.random.default_rng(1)
    names = [f"w{i}" for i in range(20)]
    table = VectorTable(names, rng.normal(size=(20, 4)).astype("f4"))
    pairs = [
        Pair(f"W{i}", f"w{j}", float((i * j) % 7)) for i in range(8) for j in range(10) if i != j
    ]
    first, second = (np.array([int(pair[side][1:]) for pair in pairs]) for side in (0, 1))
    vectors = table.vectors.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors[first] * vectors[second]).sum(1)
    expected = scipy.stats.spearmanr(cosines, [pair.score for pair in pairs]).statistic
    found = correlation(UnitVectors.of(table), [*pairs, Pair("w1", "nowhere", 3.0)])
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert (found.covered, found.total) == (72, 73)


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [Pair("king", "queen", 1.0)],
        [Pair("king", "queen", 1.0), Pair("king", "man", 1.0)],
        [Pair("king", "queen", 1.0), Pair("king", "queen", 2.0)],
    ],
)
def test_a_correlation_that_is_not_defined(pairs):
    assert correlation(UnitVectors.of(HAND), pairs) == Correlation(None, len(pairs), len(pairs))


@pytest.mark.data
@pytest.mark.programs
@pytest.mark.skipif("RNNLAB_DATA" not in os.environ, reason="RNNLAB_DATA is not set")
def test_known_figures_of_glove():
    root = Path(os.environ["RNNLAB_DATA"])
    if not (root / "glove").is_dir() or not (root / "word2vec_eval").is_dir():
        pytest.skip("no glove or no word2vec_eval below RNNLAB_DATA")
    table = FileVectors(path="glove/glove.6B.50d.txt", root=str(root)).table
    start, before = time.thread_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = evaluate(UnitVectors.of(table), Word2VecEval(root=str(root)))
    seconds = time.thread_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert round(100 * found.analogies.value, 1) == 46.2
    assert round(100 * found.semantic.value, 1) == 48.5
    assert round(100 * found.syntactic.value, 1) == 44.4
    assert (found.analogies.covered, found.analogies.total) == (19_544, 19_544)
    assert len(found.sections) == 14
    similarities = found.similarities
    assert round(similarities["wordsim353"].value, 3) == 0.503
    assert round(similarities["simlex999"].value, 3) == 0.265
    assert all(each.covered == each.total for each in similarities.values())
    assert grown < 1_000_000  # kilobytes: all scores at once would be 31 GB
    assert seconds < 60  # 20 on an idle core
