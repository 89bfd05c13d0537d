"""TensorBoard's custom scalars: all layers and gates of one kind on one chart."""

import re
from collections.abc import Iterable, Mapping

from lightning import Callback, LightningModule, Trainer

from rnnlab.diagnostics.board import board_of, tensorboards
from rnnlab.diagnostics.stats import NUMBERS

Layout = dict[str, dict[str, list[str]]]
"""Category -> chart -> patterns of tags."""

LAST = ("gate", "flow", "input_flow", "memory", "head")
"""Categories in which the last part of a tag says what it is; elsewhere the first one does."""


class CustomLayout(Callback):
    """Writes TensorBoard's custom-scalars layout once, at the first write of the board.

    Every instrument measures at the first step, so the board's first write names all kinds of tags
    that the run will have. TensorBoard merges the layouts of all runs, and shows a chart once where
    they agree: so a chart lists patterns instead of the tags of its run.
    """

    def __init__(self) -> None:
        self._written = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for the first write of the board; a resumed run has its layout already."""
        self._written = trainer.global_step > 0
        board = board_of(trainer)
        board.listeners.append(self._write)

    def _write(self, trainer: Trainer, scalars: Mapping[str, float]) -> None:
        if self._written or not trainer.is_global_zero:
            return
        self._written = True
        found = {
            category: {chart: ["Multiline", patterns] for chart, patterns in named.items()}
            for category, named in layout(scalars).items()
        }
        for writer in tensorboards(trainer):
            writer.add_custom_scalars(found)


def layout(tags: Iterable[str]) -> Layout:
    """Charts of what a run logs: each tag is on one of them.

    A tag is `category/module`, `category/layer/what` or `category/name`. Of
    `grad/encoder.0/recurrent/forget` and `grad/encoder.1/recurrent/input` the chart is
    `recurrent`; of `gate/encoder.0/forget/low` it is `low`: the layers and gates are its lines.

    Args:
        tags: All scalars.
    """
    result: Layout = {"loss": {"loss": ["^train/loss$", "^val/loss$"]}}
    given = list(tags)
    for tag in given:  # of a curve some numbers come and go
        curve, _, number = tag.rpartition("/")
        if number in NUMBERS:
            given += [new for name in NUMBERS if (new := f"{curve}/{name}") not in given]
    for tag in given:
        category, _, rest = tag.partition("/")
        if category != "train":
            chart, pattern = _chart(category, rest)
            result.setdefault(category, {})[chart] = [f"^{category}/{pattern}$"]
    return dict(sorted(result.items()))


def _chart(category: str, rest: str) -> tuple[str, str]:
    """The chart of a tag, and the pattern of all its tags, without the category."""
    module, _, what = rest.partition("/")
    if what and category in LAST:
        last = what.rpartition("/")[2]
        return last, f".+/{re.escape(last)}"
    if what:
        kernel = what.partition("/")[0]
        return kernel, f"[^/]+/{re.escape(kernel)}(/.+)?"
    if "." in module:
        return "modules", r"[^/]+\.[^/]+"
    name = module.partition("_")[0]  # grad/total and grad/total_clipped
    return name, f"{re.escape(name)}(_[^/]+)?"
