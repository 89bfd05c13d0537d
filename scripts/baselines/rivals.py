"""The baselines of a problem, with the sizes of the model that they are compared with."""

import torch
from torch import nn

from baselines import careful, tutorial
from baselines.encoders import Packed, Padded
from baselines.heads import Classifier, Tagger
from baselines.loop import Batches, Loop, bucketed, shuffled
from bench.problems import Problem

LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU}


def rivals(
    problem: Problem, source: int, target: int, *, lr: float, clip: float | None
) -> dict[str, Loop]:
    """`tutorial` and `careful`, of translation also `careful, batched`.

    Args:
        problem: Decides the model.
        source: Size of the source vocabulary.
        target: Number of labels or tags, or size of the target vocabulary.
        lr: Adam's.
        clip: Largest gradient norm; None where nothing is clipped.
    """

    def loop(model: nn.Module, batches: Batches, *, fused: bool) -> Loop:
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=fused or None)
        return Loop(model, optimizer, batches, batch_size=problem.batch_size, clip=clip)

    if problem.task == "translation":
        made = [
            kind((source, target), embedding=problem.embedding, hidden=problem.hidden)
            for kind in (tutorial.Translator, careful.Translator, careful.BatchedTranslator)
        ]
    else:
        made = [plain_model(problem, source, target, kind) for kind in (Packed, Padded)]
    loops = {"tutorial": loop(made[0], shuffled, fused=False)}
    for name, model in zip(("careful", "careful, batched"), made[1:], strict=False):
        loops[name] = loop(model, bucketed, fused=True)
    return loops


def plain_model(
    problem: Problem, source: int, target: int, encoder: type[Packed] = Padded
) -> nn.Module:
    """Classifier or tagger of torch's own modules; arguments as those of `rivals`."""
    head = {"sentiment": Classifier, "ner": Tagger}[problem.task]
    reader = encoder(
        LAYERS[problem.cell],
        source,
        embedding=problem.embedding,
        hidden=problem.hidden,
        bidirectional=problem.bidirectional,
    )
    return head(reader, target)
