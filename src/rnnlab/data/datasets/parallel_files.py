"""Translation from the user's own line-aligned files."""

from pathlib import Path
from typing import ClassVar, Literal

from rnnlab.data.given import given
from rnnlab.data.parallel import ParallelData, Side
from rnnlab.data.spec import Split
from rnnlab.errors import ConfigError


class ParallelFiles(ParallelData):
    """Pairs of sentences from two files a split, plain or `.gz`: line n of one translates line n.

    Args:
        train: `[SOURCE, TARGET]` of the training data; may be left out to evaluate a model.
        val: The same for validation.
        test: The same for the test.
        batch_size: Pairs in a batch.
        seed: Decides the order of training batches.
        level: Subwords (byte-pair encoding learnt from the training texts) or words.
        vocab_size: Subwords of each language, or of both together if `share_vocab`.
        share_vocab: Both languages have one set of subwords and one vocabulary.
        lower: Lower-case the texts.
        min_freq: Rarer tokens of the training data are unknown.
        max_vocab_size: Largest number of tokens in a vocabulary; None for all.
        max_length: Longer sequences are cut to this number of tokens; None for no limit.
    """

    corpus: ClassVar[str] = "parallel_files"

    def __init__(
        self,
        *,
        train: list[str] | None = None,
        val: list[str] | None = None,
        test: list[str] | None = None,
        batch_size: int = 64,
        seed: int = 0,
        level: Literal["bpe", "word"] = "bpe",
        vocab_size: int = 8_000,
        share_vocab: bool = False,
        lower: bool = False,
        min_freq: int = 1,
        max_vocab_size: int | None = None,
        max_length: int | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            level=level,
            vocab_size=vocab_size,
            share_vocab=share_vocab,
            lower=lower,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
            max_length=max_length,
        )
        self.given: dict[Split, list[str] | None] = {"train": train, "val": val, "test": test}
        for split, pair in self.given.items():
            if pair is not None and len(pair) != 2:
                raise ConfigError(f"data.{split}: two files [SOURCE,TARGET], not {len(pair)}")

    def sides(self, split: Split) -> tuple[Side, Side]:
        """The two files of a split."""
        source, target = given(self.given, split)
        return Side(Path(source)), Side(Path(target))
