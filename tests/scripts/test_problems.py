from pathlib import Path

import numpy as np
import pytest

from bench.corpora import LENGTHS, SHARES, Corpus, draw_lengths
from bench.problems import PROBLEMS, Problem
from rnnlab.config.compose import compose_words
from rnnlab.config.validate import validate
from rnnlab.runs.build import build_data, build_model, build_vectors
from rnnlab.tasks.classify import Classify
from rnnlab.tasks.tag import Tag
from rnnlab.tasks.translate import Translate


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_words_compose(problem: Problem) -> None:
    composed = compose_words("train", problem.words)
    validate(composed.cfg, composed.choices)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_generated_corpora_train_the_same_model(problem: Problem, tmp_path: Path) -> None:
    corpus = Corpus(train=64, words=50, longest=30)
    cfg = compose_words("train", problem.generated(tmp_path, corpus)).cfg
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    made = {"sentiment": Classify, "ner": Tag, "translation": Translate}[problem.task]
    assert isinstance(build_model(cfg, data.spec(), vectors).task, made)
    for split, size in corpus.sizes.items():
        examples = data.examples(split)
        assert len(examples) == size
        assert examples.lengths.min() >= 1
        assert examples.lengths.max() <= 30


@pytest.mark.parametrize("name", LENGTHS)
def test_lengths_have_the_quantiles_of_the_data_set(name: str) -> None:
    drawn = draw_lengths(name, 20_000, np.random.default_rng(0))
    found = np.quantile(drawn, SHARES)
    np.testing.assert_allclose(found[1:-1], LENGTHS[name][1:-1], rtol=0.06, atol=1)
    assert (drawn.min(), drawn.max()) <= (LENGTHS[name][0] + 1, LENGTHS[name][-1])
