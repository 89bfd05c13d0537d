"""Attention maps of sample sentences, and the entropy of attention."""

import torch
from lightning import Trainer
from matplotlib.figure import Figure
from torch import Tensor

from rnnlab.data.batch import Batch, valid_mask
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.diagnostics.figures import save_figure
from rnnlab.diagnostics.samples import FirstValidationBatch, source_tokens
from rnnlab.nn.attention import AttentionMap
from rnnlab.training.module import SequenceModule

LONGEST = 40
"""Tokens of a sentence, or its translation, that a map shows."""


class AttentionMaps(FirstValidationBatch):
    """Draws the attention of tasks that have one, for the first batch of each validation.

    The maps go to TensorBoard's images and to `figures/attention.png` in the run's folder.

    Key               | Meaning
    attention/entropy | mean entropy of the weights in nats, over all real target steps: 0 for one
                      | source step each, log n for n of equal weight
    """

    def show(self, trainer: Trainer, module: SequenceModule, batch: Batch) -> None:
        """Write the entropy and draw the maps."""
        encoded = module(batch)
        attention = module.task.attention_map(encoded, batch)
        if attention is None:
            return
        mean = float(entropy(attention))
        for logger in trainer.loggers:
            logger.log_metrics({"attention/entropy": mean}, step=trainer.global_step)
        spec = trainer.datamodule.spec()  # type: ignore[attr-defined]
        read = source_tokens(batch, spec, encoded.lengths)[: self.count]
        sources = [_words(row, spec.source_tokenizer) for row in read]
        rows = [_words(row, spec.target_tokenizer) for row in attention.rows]
        attention = AttentionMap(attention.weights, rows)
        title = f"attention at step {trainer.global_step}; mean entropy {mean:.2f} nats"
        save_figure(draw(attention, sources, title), trainer, "attention/maps", "attention.png")


def entropy(attention: AttentionMap) -> Tensor:
    """Mean entropy of the weights over all real target steps, in nats."""
    counts = torch.tensor([len(row) for row in attention.rows], device=attention.weights.device)
    real = valid_mask(counts, attention.weights.shape[1])
    entropies = torch.special.entr(attention.weights.float()).sum(dim=2)
    return torch.where(real, entropies, 0.0).sum() / counts.sum()


def draw(attention: AttentionMap, sources: list[list[str]], title: str) -> Figure:
    """One map a sentence: source across, target down, dark where attention is.

    Args:
        attention: Of a batch.
        sources: Source tokens of its first sentences, those to draw.
        title: Above all.
    """
    shapes = [
        (min(len(row), LONGEST), min(len(source), LONGEST))
        for source, row in zip(sources, attention.rows, strict=False)
    ]
    heights = [1.3 + 0.19 * down for down, _ in shapes]
    wide = max(4.8, 2.0 + 0.22 * max(across for _, across in shapes))
    figure = Figure(figsize=(wide, sum(heights) + 0.4), layout="constrained")
    panels = figure.subplots(len(shapes), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, weights, source, row, (down, across) in zip(
        panels, attention.weights, sources, attention.rows, shapes, strict=False
    ):
        panel.imshow(
            weights[:down, :across].float().cpu().numpy(),
            cmap="Greys",
            vmin=0,
            vmax=1,
            aspect="auto",
        )
        panel.set_xticks(range(across), [_plain(t) for t in source[:across]], rotation=90)
        panel.set_yticks(range(down), [_plain(t) for t in row[:down]])
        panel.tick_params(labelsize=7, length=0)
        if (down, across) != (len(row), len(source)):
            panel.set_xlabel(f"the first {across} of {len(source)} tokens", fontsize=7)
    figure.suptitle(title, x=0.01, ha="left", fontsize=9)
    return figure


def _words(tokens: list[str], tokenizer: Tokenizer | None) -> list[str]:
    """Readable tokens: the bytes of subwords as letters."""
    return tokens if tokenizer is None else [tokenizer.join([t]) or t for t in tokens]


def _plain(token: str) -> str:
    """A token as a label of matplotlib: `$` escaped, blanks visible."""
    return (token if token.strip() else repr(token)).replace("$", r"\$")
