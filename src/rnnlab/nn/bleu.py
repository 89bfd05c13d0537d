"""Corpus BLEU over all batches and processes."""

import torch.distributed as dist
from sacrebleu.metrics.bleu import BLEU


class Bleu:
    """Collects hypotheses and references; sacreBLEU scores them as one corpus (Post 2018).

    Both scores are of detokenised text under sacreBLEU's own tokeniser 13a, one reference a
    sentence: cased, and lower-cased.
    """

    def __init__(self) -> None:
        self._scorers = {"bleu": BLEU(), "bleu_lower": BLEU(lowercase=True)}
        self._hypotheses: list[str] = []
        self._references: list[str] = []

    def update(self, hypotheses: list[str], references: list[str]) -> None:
        """Add sentences; ValueError where the numbers differ."""
        if len(hypotheses) != len(references):
            raise ValueError(f"{len(hypotheses)} hypotheses, {len(references)} references")
        self._hypotheses += hypotheses
        self._references += references

    def reset(self) -> None:
        """Forget all sentences."""
        self._hypotheses, self._references = [], []

    def compute(self) -> dict[str, float]:
        """`bleu` and `bleu_lower`, 0 - 100, over all processes; 0 without sentences."""
        hypotheses, references = self._gathered()
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

    def _gathered(self) -> tuple[list[str], list[str]]:
        own = (self._hypotheses, self._references)
        if not (dist.is_available() and dist.is_initialized()):
            return own
        every: list[tuple[list[str], list[str]] | None] = [None] * dist.get_world_size()
        dist.all_gather_object(every, own)
        hypotheses: list[str] = []
        references: list[str] = []
        for pair in every:
            if pair is not None:
                hypotheses += pair[0]
                references += pair[1]
        return hypotheses, references
