"""A few predictions in words, after each validation."""

from dataclasses import replace
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from rnnlab.config.types import PositiveInt
from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.training.module import SequenceModule


class Samples(Callback):
    """Writes predictions for the first validation batch to TensorBoard's text tab.

    Args:
        count: Sequences to show, at most a batch.
    """

    def __init__(self, *, count: PositiveInt = 4) -> None:
        self.count = count

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Predict and write."""
        assert isinstance(batch, Batch)
        assert isinstance(pl_module, SequenceModule)
        boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if batch_idx or not boards or not trainer.is_global_zero:
            return
        spec = trainer.datamodule.spec()  # type: ignore[attr-defined]
        few = first(batch, self.count)
        predictions = pl_module.task.predict(pl_module(few))
        text = "\n\n---\n\n".join(
            _block(pl_module, tokens, prediction)
            for tokens, prediction in zip(tokens_of(few, spec), predictions, strict=True)
        )
        for logger in boards:
            logger.experiment.add_text("samples", text, global_step=trainer.global_step)


def _block(module: SequenceModule, tokens: list[str], prediction: Any) -> str:
    rendered = module.task.render(tokens, prediction).strip()
    return " ".join(tokens) + "\n\n" + "\n".join(f"    {line}" for line in rendered.split("\n"))


def first(batch: Batch, count: int) -> Batch:
    """The first sequences of a batch."""
    lengths, words = batch.target_lengths, batch.words
    return Batch(
        batch.inputs[:count],
        batch.lengths[:count],
        batch.target[:count],
        None if lengths is None else lengths[:count],
        int(batch.lengths[:count].sum()),
        None if words is None else replace(words, index=words.index[:count]),
    )


def tokens_of(batch: Batch, spec: Spec) -> list[list[str]]:
    """The source tokens of a batch; rounded numbers where the inputs are numbers."""
    rows: list[list[str]] = []
    for row, length in zip(batch.inputs.tolist(), batch.lengths.tolist(), strict=True):
        steps = row[:length]
        if isinstance(spec.source, Vocab):
            rows.append([spec.source.tokens[index] for index in steps])
        else:
            rows.append(["(" + ", ".join(f"{x:.2f}" for x in step) + ")" for step in steps])
    return rows
