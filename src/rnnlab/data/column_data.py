"""What corpora of tagged sentences in columns share."""

from typing import Any, ClassVar

from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.tag_schemes import Scheme, is_bioes
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab


class ColumnData(TextData):
    """Sentences with one tag a token.

    Args:
        tag_column: The column to learn, from 0; negative counts from the last.
        scheme: How a model is to learn entities, whatever the files have; tags that are no
            entities need `iob2`, which leaves them alone.
        batch_size: Sentences in a batch.
        seed: Decides the order of training batches.
        min_freq: Rarer words of the training data are unknown.
        max_vocab_size: Largest number of words in the vocabulary; None for all.
        max_length: Longer sentences are cut to this number of words; None for no limit.
    """

    kind: ClassVar[Kind] = "tags"
    step_lines: ClassVar[bool] = True

    def __init__(
        self,
        *,
        tag_column: int,
        scheme: Scheme,
        batch_size: int,
        seed: int,
        min_freq: int,
        max_vocab_size: int | None,
        max_length: int | None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
            max_length=max_length,
        )
        self.tag_column = tag_column
        self.scheme = scheme

    def tokenizers(self) -> tuple[Tokenizer, None]:
        """The text is tokenised already."""
        return Tokenizer("space"), None

    def settings(self, part: Split) -> Any:
        """The column to learn, and how it is written."""
        return [self.tag_column, self.scheme]

    def reuse(self, spec: Spec) -> None:
        """See the base class; entities are written as the trained model has learnt them."""
        super().reuse(spec)
        assert isinstance(spec.target, Vocab)  # tags have names
        self.scheme = "bioes" if is_bioes(spec.target.tokens) else "iob2"
