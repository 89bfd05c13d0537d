"""A few predictions in words, after each validation."""

from dataclasses import replace
from typing import Any

from lightning import Callback, LightningModule, Trainer

from rnnlab.config.types import PositiveInt
from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.diagnostics.board import tensorboards
from rnnlab.training.module import SequenceModule


class FirstValidationBatch(Callback):
    """Base of what is shown of the first batch of each validation.

    Args:
        count: Sequences to show, at most a batch.
    """

    def __init__(self, *, count: PositiveInt = 4) -> None:
        self.count = count

    def on_validation_batch_end(
        self, trainer: Trainer, module: LightningModule, _: Any, batch: Any, index: int, *__: Any
    ) -> None:
        """Show the first batch, in the process that writes."""
        assert isinstance(module, SequenceModule)
        if index == 0 and trainer.is_global_zero:
            self.show(trainer, module, batch)

    def show(self, trainer: Trainer, module: SequenceModule, batch: Batch) -> None:
        """Predict, write or draw."""
        raise NotImplementedError


class Samples(FirstValidationBatch):
    """Writes predictions for the first validation batch to TensorBoard's text tab."""

    def show(self, trainer: Trainer, module: SequenceModule, batch: Batch) -> None:
        """Predict and write."""
        writers = tensorboards(trainer)
        if not writers:
            return
        spec = trainer.datamodule.spec()  # type: ignore[attr-defined]
        few = first_sequences(batch, self.count)
        predictions = module.task.predict(module(few))
        text = "\n\n---\n\n".join(
            _block(module, tokens, prediction)
            for tokens, prediction in zip(source_tokens(few, spec), predictions, strict=True)
        )
        for writer in writers:
            writer.add_text("samples", text, global_step=trainer.global_step)


def _block(module: SequenceModule, tokens: list[str], prediction: Any) -> str:
    rendered = module.task.render(tokens, prediction).strip()
    return " ".join(tokens) + "\n\n" + "\n".join(f"    {line}" for line in rendered.split("\n"))


def first_sequences(batch: Batch, count: int) -> Batch:
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


def source_tokens(batch: Batch, spec: Spec) -> list[list[str]]:
    """The source tokens of a batch; rounded numbers where the inputs are numbers."""
    rows: list[list[str]] = []
    for row, length in zip(batch.inputs.tolist(), batch.lengths.tolist(), strict=True):
        steps = row[:length]
        if isinstance(spec.source, Vocab):
            rows.append([spec.source.tokens[index] for index in steps])
        else:
            rows.append(["(" + ", ".join(f"{x:.2f}" for x in step) + ")" for step in steps])
    return rows
