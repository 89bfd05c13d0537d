"""A few predictions in words, after each validation."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from rnnlab.config.types import PositiveInt
from rnnlab.data.base import SequenceData
from rnnlab.data.batch import Batch
from rnnlab.data.examples import Examples
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.diagnostics.board import displays
from rnnlab.training.module import SequenceModule

FEW = 8
"""Numbers of a step that are shown."""


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
        writers = displays(trainer)
        if not writers:
            return
        spec = trainer.datamodule.spec()  # type: ignore[attr-defined]
        few = first_sequences(batch, self.count)
        predictions = module.task.predict(module(few))
        blank = few.blank.tolist() if few.blank is not None else [False] * len(few)
        empty = module.task.empty()
        answers = [
            empty if none and empty is not None else answer
            for answer, none in zip(predictions, blank, strict=True)
        ]
        sources = source_tokens(few, spec, few.lengths)
        text = "\n\n---\n\n".join(
            _block(module, tokens, prediction)
            for tokens, prediction in zip(sources, answers, strict=True)
        )
        for writer in writers:
            writer.add_text("samples", text, global_step=trainer.global_step)


def _block(module: SequenceModule, tokens: list[str], prediction: Any) -> str:
    rendered = module.task.render(tokens, prediction).strip()
    return _source(tokens) + "\n\n" + "\n".join(f"    {line}" for line in rendered.split("\n"))


def _source(tokens: list[str]) -> str:
    numbers = [str(step) for step in range(len(tokens))]
    return f"{len(tokens)} steps" if tokens == numbers else " ".join(tokens)


def first_sequences(batch: Batch, count: int) -> Batch:
    """The first sequences of a batch."""
    lengths, words, blank = batch.target_lengths, batch.words, batch.blank
    return Batch(
        batch.inputs[:count],
        batch.lengths[:count],
        batch.target[:count],
        None if lengths is None else lengths[:count],
        int(batch.lengths[:count].sum()),
        None if words is None else replace(words, index=words.index[:count]),
        blank=None if blank is None else blank[:count],
    )


def fair_sample(data: SequenceData, count: int) -> Batch:
    """Sequences of the validation split, spread evenly over it, at most as many as it has.

    Its batches would not do: the sequences of one are of similar length. Of a stream it is the
    first batch.
    """
    examples = data.examples("val")
    if isinstance(examples, Examples):
        rows = np.linspace(0, len(examples) - 1, min(count, len(examples)))
        return examples.batch(rows.astype(np.int64))
    return first_sequences(next(iter(data.val_dataloader())), count)


def source_tokens(batch: Batch, spec: Spec, lengths: Tensor) -> list[list[str]]:
    """What an encoder reads of each sequence of a batch, step by step.

    Args:
        batch: The sequences.
        spec: Of the data.
        lengths: Steps that the encoder gives for each (B,); see `Encoded.lengths`.

    Returns:
        Tokens; rounded numbers where the inputs are a few numbers each; the number of the step
        where they are many (sound), or where several input steps have become one.
    """
    rows: list[list[str]] = []
    same = torch.equal(lengths, batch.lengths)
    for row, length in zip(batch.inputs, lengths.tolist(), strict=True):
        if isinstance(spec.source, Vocab):
            rows.append([spec.source.tokens[index] for index in row[:length].tolist()])
        elif same and spec.source <= FEW:
            steps = row[:length].tolist()
            rows.append(["(" + ", ".join(f"{x:.2f}" for x in step) + ")" for step in steps])
        else:
            rows.append([str(step) for step in range(length)])
    return rows
