"""Plain texts of the user's own, for language models."""

from pathlib import Path
from typing import ClassVar

from rnnlab.data.given import given
from rnnlab.data.spec import Split
from rnnlab.data.stream_data import StreamData, TextLevel


class TextFiles(StreamData):
    """One text a split, UTF-8, plain or `.gz`.

    Args:
        train: The training file; may be left out to evaluate a trained model.
        val: The validation file.
        test: The test file.
        level: Tokens are characters (`char`), words and punctuation marks (`word`), or what
            stands between blanks (`space`), for text that is split into words already.
        batch_size: Parallel streams that the training text is cut into.
        eval_batch_size: The same for validation and test text.
        bptt: Steps of a batch: how far gradients reach back. The state is carried on.
        vary_bptt: Draw them anew for each training batch, around `bptt`.
        seed: Decides what is drawn.
        lower: Lower-case the text.
        min_freq: Rarer tokens of the training text are unknown.
        max_vocab_size: Largest number of tokens in the vocabulary; None for all.
    """

    corpus: ClassVar[str] = "text_files"

    def __init__(
        self,
        *,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        level: TextLevel = "char",
        batch_size: int = 32,
        eval_batch_size: int = 8,
        bptt: int = 64,
        vary_bptt: bool = False,
        seed: int = 0,
        lower: bool = False,
        min_freq: int = 1,
        max_vocab_size: int | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            bptt=bptt,
            vary_bptt=vary_bptt,
            seed=seed,
            level=level,
            lower=lower,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
        )
        self.given: dict[Split, str | None] = {"train": train, "val": val, "test": test}

    def file(self, split: Split) -> Path:
        """The file of a split."""
        return Path(given(self.given, split))
