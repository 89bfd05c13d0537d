"""Word embeddings for TensorBoard's projector."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from rnnlab.config.types import PositiveInt
from rnnlab.data.vocab import Vocab
from rnnlab.diagnostics.board import tensorboards
from rnnlab.training.module import SequenceModule


def add_words(writer: Any, words: Sequence[str], vectors: Float[Tensor, "V D"]) -> None:
    """Show words and their vectors in the projector.

    Args:
        writer: A `torch.utils.tensorboard.SummaryWriter`, or the like of it.
        words: One a vector; what would be an empty line is shown as Python quotes it.
        vectors: Their vectors.
    """
    shown = [word if word.strip() else repr(word) for word in words]
    writer.add_embedding(vectors, metadata=shown, tag="words")


class Projector(Callback):
    """Writes the learned vectors of the first words of the vocabulary at the end of training.

    Args:
        max_words: Number of words; the most frequent ones.
    """

    def __init__(self, *, max_words: PositiveInt = 5000) -> None:
        self.max_words = max_words

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        assert isinstance(pl_module, SequenceModule)
        source = trainer.datamodule.spec().source  # type: ignore[attr-defined]
        if not isinstance(source, Vocab) or not trainer.is_global_zero:
            return
        count = min(self.max_words, source.base_size)
        weight = pl_module.encoder.embedding.get_parameter("weight")[:count].detach().float().cpu()
        for writer in tensorboards(trainer):
            add_words(writer, source.tokens[:count], weight)
