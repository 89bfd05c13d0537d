"""Word vectors against analogies and against people's judgement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torchmetrics.functional import spearman_corrcoef

from rnnlab.commands.embed.unit_vectors import UnitVectors
from rnnlab.data.datasets.word2vec_eval import Pair, Section, Word2VecEval

TITLES = {"wordsim353": "WordSim-353", "simlex999": "SimLex-999"}


@dataclass(frozen=True)
class Accuracy:
    """Analogies of one or several sections.

    Attributes:
        right: Questions that were answered as the file does.
        covered: Questions whose words all have a vector; the others are not asked.
        total: Questions in the file.
    """

    right: int = 0
    covered: int = 0
    total: int = 0

    @property
    def value(self) -> float | None:
        """Share of the covered questions that were answered right; None where there are none."""
        return self.right / self.covered if self.covered else None

    def __add__(self, other: "Accuracy") -> "Accuracy":
        """Both together."""
        right, covered = self.right + other.right, self.covered + other.covered
        return Accuracy(right, covered, self.total + other.total)

    def record(self) -> dict[str, Any]:
        """All figures."""
        return {"accuracy": self.value, **vars(self)}


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of cosines with people's scores.

    Attributes:
        value: -1 to 1, equal ranks shared; None where it is not defined: for fewer than two
            pairs, or where all cosines or all scores are equal.
        covered: Pairs whose words both have a vector; the others are left out.
        total: Pairs in the file.
    """

    value: float | None
    covered: int
    total: int


@dataclass(frozen=True)
class Evaluation:
    """All that is measured of word vectors.

    Attributes:
        sections: Analogies by section, in the order of the file.
        semantic: The sections about meaning together.
        syntactic: Those about grammar.
        similarities: By "wordsim353" and "simlex999".
    """

    sections: Mapping[str, Accuracy]
    semantic: Accuracy
    syntactic: Accuracy
    similarities: Mapping[str, Correlation]

    @property
    def analogies(self) -> Accuracy:
        """All analogies."""
        return self.semantic + self.syntactic

    def rows(self) -> list[dict[str, Any]]:
        """One row a test: its score, and how many of its questions or pairs could be asked."""
        analogies = {
            "analogies": self.analogies,
            "  semantic": self.semantic,
            "  syntactic": self.syntactic,
            **{f"    {name}": score for name, score in self.sections.items()},
        }
        return [
            *(_row(name, "accuracy", score) for name, score in analogies.items()),
            *(_row(TITLES[name], "Spearman", score) for name, score in self.similarities.items()),
        ]

    def record(self) -> dict[str, Any]:
        """All figures for `evaluation.json`; null where there is none."""
        return {
            "analogies": {
                **self.analogies.record(),
                "semantic": self.semantic.record(),
                "syntactic": self.syntactic.record(),
                "sections": {name: score.record() for name, score in self.sections.items()},
            },
            **{
                name: {"spearman": score.value, "covered": score.covered, "total": score.total}
                for name, score in self.similarities.items()
            },
        }


def evaluate(vectors: UnitVectors, tests: Word2VecEval) -> Evaluation:
    """Analogies and similarities of word vectors.

    As in the programs that the published figures come from, words are compared in lower case, a
    question with a word that has no vector is left out (and counted as not covered), and the
    three words of a question are not taken for its answer.

    Raises:
        DataError: A file of the tests is missing or broken.
    """
    sections = tests.analogies()
    scores = analogies(vectors, sections)
    semantic, syntactic = (
        sum((scores[section.name] for section in sections if section.syntactic == kind), Accuracy())
        for kind in (False, True)
    )
    similarities = {name: correlation(vectors, p) for name, p in tests.similarities().items()}
    return Evaluation(scores, semantic, syntactic, similarities)


def _row(name: str, measure: str, score: Accuracy | Correlation) -> dict[str, Any]:
    covered = f"{score.covered:,} of {score.total:,}"
    return {"test": name, "measure": measure, "score": score.value, "covered": covered}


def analogies(vectors: UnitVectors, sections: Sequence[Section]) -> dict[str, Accuracy]:
    """Analogies by section; see `UnitVectors.solves`."""
    scores = {}
    for section in sections:
        known = [rows for q in section.questions if (rows := vectors.ids(q)) is not None]
        right = vectors.solves(torch.tensor(known, dtype=torch.long).reshape(-1, 4)).sum()
        scores[section.name] = Accuracy(int(right), len(known), len(section.questions))
    return scores


def correlation(vectors: UnitVectors, pairs: Sequence[Pair]) -> Correlation:
    """Rank correlation of the cosines of pairs with their scores; see `Correlation`."""
    found = [(vectors.ids(pair[:2]), pair.score) for pair in pairs]
    known = [(rows, score) for rows, score in found if rows is not None]
    cosines = vectors.cosine(torch.tensor([rows for rows, _ in known]).reshape(-1, 2).long())
    scores = torch.tensor([score for _, score in known], dtype=torch.float64)
    value = None
    if len(set(cosines.tolist())) > 1 and len(set(scores.tolist())) > 1:
        value = float(spearman_corrcoef(cosines.double(), scores))
    return Correlation(value, covered=len(known), total=len(pairs))
