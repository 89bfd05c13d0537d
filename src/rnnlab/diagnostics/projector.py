"""Word embeddings for TensorBoard's projector."""

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from rnnlab.data.vocab import Vocab
from rnnlab.module import SequenceModule


class Projector(Callback):
    """Writes the learned vectors of the first words of the vocabulary at the end of training.

    Args:
        max_words: Number of words; the vocabulary is sorted by frequency.
    """

    def __init__(self, *, max_words: int = 5000) -> None:
        self.max_words = max_words

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        assert isinstance(pl_module, SequenceModule)
        source = trainer.datamodule.spec().source  # type: ignore[attr-defined]
        if not isinstance(source, Vocab) or not trainer.is_global_zero:
            return
        count = min(self.max_words, source.base_size)
        weight = pl_module.encoder.embedding.get_parameter("weight")[:count].detach().float().cpu()
        words = [token if token.strip() else repr(token) for token in source.tokens[:count]]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_embedding(weight, metadata=words, tag="words")
