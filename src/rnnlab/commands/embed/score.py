"""Word vectors against analogies and against people's judgement."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torchmetrics.functional import spearman_corrcoef

from rnnlab.commands.embed.space import Space
from rnnlab.data.datasets.word2vec_eval import Pair, Section, Word2VecEval


@dataclass(frozen=True)
class Accuracy:
    """Analogies of one or several sections.

    Attributes:
        right: Questions that were answered as the file does.
        covered: Questions all of whose words have a vector: the others are not asked.
        total: Questions in the file.
    """

    right: int = 0
    covered: int = 0
    total: int = 0

    @property
    def value(self) -> float | None:
        """Share of the covered questions that were answered right; None where there is none."""
        return self.right / self.covered if self.covered else None

    def __add__(self, other: "Accuracy") -> "Accuracy":
        """Both together."""
        right, covered = self.right + other.right, self.covered + other.covered
        return Accuracy(right, covered, self.total + other.total)


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of cosines with people's scores.

    Attributes:
        value: -1 to 1, equal ranks shared; None where it is not defined: for fewer than two
            pairs, or where all cosines or all scores are equal.
        covered: Pairs both of whose words have a vector: the others are left out.
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


def evaluate(space: Space, tests: Word2VecEval) -> Evaluation:
    """Analogies and similarities of word vectors.

    As in the programs that the published figures come from, words are compared in lower case, a
    question with a word that has no vector is left out (and counted as not covered), and the
    three words that a question gives are not taken for its answer.

    Raises:
        DataError: A file of the tests is missing or broken.
    """
    sections = tests.analogies()
    scores = analogies(space, sections)
    syntactic = {section.name for section in sections if section.syntactic}
    return Evaluation(
        sections=scores,
        semantic=_sum(score for name, score in scores.items() if name not in syntactic),
        syntactic=_sum(score for name, score in scores.items() if name in syntactic),
        similarities={
            name: correlation(space, pairs) for name, pairs in tests.similarities().items()
        },
    )


def analogies(space: Space, sections: Sequence[Section]) -> dict[str, Accuracy]:
    """Analogies by section; see `Space.solves`."""
    owner: list[int] = []
    asked: list[list[int]] = []
    scores = [Accuracy(total=len(section.questions)) for section in sections]
    for index, section in enumerate(sections):
        for words in section.questions:
            rows = space.ids(words)
            if rows is not None:
                owner.append(index)
                asked.append(rows)
    solved = space.solves(torch.tensor(asked, dtype=torch.long).reshape(-1, 4))
    whose = torch.tensor(owner, dtype=torch.long)
    covered = whose.bincount(minlength=len(scores)).tolist()
    right = whose[solved].bincount(minlength=len(scores)).tolist()
    return {
        section.name: replace(score, right=right[index], covered=covered[index])
        for index, (section, score) in enumerate(zip(sections, scores, strict=True))
    }


def correlation(space: Space, pairs: Sequence[Pair]) -> Correlation:
    """Rank correlation of the cosines of pairs with their scores; see `Correlation`."""
    found = [(space.ids(pair[:2]), pair.score) for pair in pairs]
    known = [(rows, score) for rows, score in found if rows is not None]
    cosines = space.cosine(torch.tensor([rows for rows, _ in known]).reshape(-1, 2).long())
    scores = torch.tensor([score for _, score in known], dtype=torch.float64)
    value = None
    if len(set(cosines.tolist())) > 1 and len(set(scores.tolist())) > 1:
        value = float(spearman_corrcoef(cosines.double(), scores))
    return Correlation(value, covered=len(known), total=len(pairs))


def _sum(scores: Iterable[Accuracy]) -> Accuracy:
    return sum(scores, Accuracy())
