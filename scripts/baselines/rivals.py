"""The baselines of a task, with the sizes of the model that they are compared with."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from baselines import careful, tutorial
from baselines.loop import Batches, Loop, bucketed, shuffled


@dataclass(frozen=True)
class Sizes:
    """What decides a model and its training.

    Attributes:
        task: Which one.
        layer: `nn.LSTM` or `nn.GRU`; translation is always by `nn.GRU`, in both directions.
        source: Source vocabulary.
        target: Labels, tags or target vocabulary.
        embedding: Features of a word.
        hidden: Hidden units of a direction.
        bidirectional: Read in both directions.
        batch_size: Examples in a batch.
        lr: Adam's.
        clip: Largest gradient norm; None where nothing is clipped.
    """

    task: Literal["sentiment", "ner", "translation"]
    layer: type[nn.RNNBase]
    source: int
    target: int
    embedding: int
    hidden: int
    bidirectional: bool
    batch_size: int
    lr: float
    clip: float | None


def rivals(sizes: Sizes) -> dict[str, Loop]:
    """`tutorial` and `careful`, of translation also `careful, batched`."""
    if sizes.task == "translation":
        words = (sizes.source, sizes.target)
        made = [
            kind(words, embedding=sizes.embedding, hidden=sizes.hidden)
            for kind in (tutorial.Translator, careful.Translator, careful.BatchedTranslator)
        ]
    else:
        kinds = {
            "sentiment": (tutorial.Classifier, careful.Classifier),
            "ner": (tutorial.Tagger, careful.Tagger),
        }
        made = [
            kind(
                sizes.layer,
                sizes.source,
                sizes.target,
                embedding=sizes.embedding,
                hidden=sizes.hidden,
                bidirectional=sizes.bidirectional,
            )
            for kind in kinds[sizes.task]
        ]
    first, *others = made
    loops = {"tutorial": _loop(first, sizes, shuffled, fused=False)}
    for name, model in zip(("careful", "careful, batched"), others, strict=False):
        loops[name] = _loop(model, sizes, bucketed, fused=True)
    return loops


def _loop(model: nn.Module, sizes: Sizes, batches: Batches, *, fused: bool) -> Loop:
    optimizer = torch.optim.Adam(model.parameters(), lr=sizes.lr, fused=fused or None)
    return Loop(model, optimizer, batches, batch_size=sizes.batch_size, clip=sizes.clip)
