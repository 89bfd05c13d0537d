"""Scores of written texts against those of the data: BLEU, word and character error rates."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.metadata import version
from itertools import chain
from typing import Any

import torch.distributed as dist
from sacrebleu.metrics.bleu import BLEU

from rnnlab.errors import ConfigError, shortened
from rnnlab.nn.label_scores import Facts


class TextScores(ABC):
    """Collects hypotheses and references, to be scored as one corpus; a subclass says how.

    Attributes:
        facts: Whether all hypotheses are the same; set by `compute`.
    """

    def __init__(self) -> None:
        self.facts = Facts()
        self._hypotheses: list[str] = []
        self._references: list[str] = []

    @abstractmethod
    def score(self, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        """The scores of a corpus, by name; it may be empty."""

    def update(self, hypotheses: Sequence[str], references: Sequence[str]) -> None:
        """Add texts; ValueError where the numbers differ."""
        if len(hypotheses) != len(references):
            raise ValueError(f"{len(hypotheses)} hypotheses, {len(references)} references")
        self._hypotheses += hypotheses
        self._references += references

    def reset(self) -> None:
        """Forget all texts."""
        self._hypotheses, self._references = [], []

    def compute(self) -> dict[str, float]:
        """The scores of all texts, over all processes."""
        own = (self._hypotheses, self._references)
        if not (dist.is_available() and dist.is_initialized()):
            return self._scored(*own)
        every: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(every, own)
        hypotheses, references = zip(*every, strict=True)
        return self._scored(list(chain.from_iterable(hypotheses)), list(chain(*references)))

    def _scored(self, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        same = len({*hypotheses}) == 1 < len({*references})
        constant = f"the same answer to every source: {shortened(hypotheses[:1])!r}"
        self.facts = Facts(remarks=[constant] if same else [])
        return self.score(hypotheses, references)

    def signatures(self) -> dict[str, str]:
        """Exact descriptions of the scorers, by score; by default none."""
        return {}


class Bleu(TextScores):
    """`bleu` and `bleu_lower`, 0 - 100; 0 without texts (Post 2018).

    Both scores are of detokenised text under sacreBLEU's own tokeniser 13a, one reference a
    sentence: cased, and lower-cased.
    """

    def __init__(self) -> None:
        super().__init__()
        self._scorers = {"bleu": BLEU(), "bleu_lower": BLEU(lowercase=True)}

    def score(self, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        """See the base class."""
        if not hypotheses:
            return dict.fromkeys(self._scorers, 0.0)
        return {
            name: float(scorer.corpus_score(hypotheses, [references]).score)
            for name, scorer in self._scorers.items()
        }

    def signatures(self) -> dict[str, str]:
        """SacreBLEU's description of each score, for example `nrefs:1|case:mixed|...`."""
        for scorer in self._scorers.values():
            scorer.corpus_score(["a"], [["a"]])  # the signature needs the number of references
        return {name: str(scorer.get_signature()) for name, scorer in self._scorers.items()}


class ErrorRates(TextScores):
    """`wer` and `cer` of whole corpora, as jiwer counts them, and the share of texts all right.

    An error rate is the least number of substitutions, deletions and insertions that make the
    references of the hypotheses, over the number of words (or characters, blanks among them) of the
    references. 0 is perfect, and more than 1 is possible. Words are what blanks separate; nothing
    else is normalised. `accuracy` is the share of texts without any error.

    Raises:
        ConfigError: jiwer is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            import jiwer
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "jiwer"
            reason = "is not installed" if missing else f"cannot be used: {error}"
            raise ConfigError(f"task: jiwer {reason}; pip install 'rnnlab[speech]'") from None
        self._jiwer = jiwer

    def score(self, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        """See the base class; 0 without texts."""
        if not references:
            return {"wer": 0.0, "cer": 0.0, "accuracy": 0.0}
        right, wrong = list(references), list(hypotheses)
        pairs = zip(right, wrong, strict=True)
        return {
            "wer": float(self._jiwer.wer(right, wrong)),
            "cer": float(self._jiwer.cer(right, wrong)),
            "accuracy": sum(one.split() == two.split() for one, two in pairs) / len(right),
        }

    def signatures(self) -> dict[str, str]:
        """The version of jiwer."""
        return dict.fromkeys(("wer", "cer"), f"jiwer {version('jiwer')}")
