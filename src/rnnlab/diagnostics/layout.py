"""TensorBoard's custom scalars: all layers and gates of one kind on one chart."""

import re
from collections.abc import Iterable, Mapping

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from rnnlab.diagnostics.board import Board
from rnnlab.diagnostics.naming import layers_of

Layout = dict[str, dict[str, list[str]]]
"""Category -> chart -> tags."""

LAST = ("gate", "flow", "memory")
"""Categories in which the last part of a tag says what it is; elsewhere the first one does."""


class CustomLayout(Callback):
    """Writes TensorBoard's custom-scalars layout once, at the first write of the board.

    Every instrument measures at the first step, so the board's first write names all tags that
    the run will have.
    """

    def __init__(self) -> None:
        self._written = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the board; a resumed run has its layout already."""
        self._written = trainer.global_step > 0
        board = next(c for c in trainer.callbacks if isinstance(c, Board))  # type: ignore[attr-defined]
        board.listeners.append(self._hear)

    def _hear(self, trainer: Trainer, scalars: Mapping[str, float]) -> None:
        if self._written or not trainer.is_global_zero:
            return
        self._written = True
        charts = layout(scalars, layers_of(trainer.lightning_module))
        found = {
            category: {
                chart: ["Multiline", [f"^{re.escape(tag)}$" for tag in tags]]
                for chart, tags in named.items()
            }
            for category, named in charts.items()
        }
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_custom_scalars(found)


def layout(tags: Iterable[str], layers: Iterable[str]) -> Layout:
    """Charts of what a run logs.

    A tag is `category/layer/rest` or `category/rest`. Of `grad/encoder.0/recurrent/forget` and
    `grad/encoder.1/recurrent/input` the chart is `recurrent`; of `gate/encoder.0/forget/low` it
    is `low`: the layers and gates are its lines.

    Args:
        tags: All scalars.
        layers: Names of the recurrent layers.
    """
    known = set(layers)
    result: Layout = {"loss": {"loss": ["train/loss", "val/loss"]}}
    for tag in tags:
        category, _, rest = tag.partition("/")
        layer, _, what = rest.partition("/")
        if category == "train":
            continue
        if layer in known and what:
            parts = what.split("/")
            chart = parts[-1] if category in LAST else parts[0]
        elif layer in known or "." in layer:
            chart = "modules"
        else:
            chart = rest.partition("_")[0]  # grad/total and grad/total_clipped
        result.setdefault(category, {}).setdefault(chart, []).append(tag)
    return dict(sorted(result.items()))
