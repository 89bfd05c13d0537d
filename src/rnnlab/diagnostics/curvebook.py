"""Where curves against lag go: the board, a file, figures."""

from collections.abc import Mapping
from pathlib import Path

import torch
from lightning import Trainer

from rnnlab.diagnostics.board import Board
from rnnlab.diagnostics.history import History
from rnnlab.diagnostics.stats import Curve


class CurveBook:
    """Keeps one instrument's curves of a run, in the one process that writes.

    Figures take about a third of a second, so they are drawn after a validation only where the
    samples have doubled since the last time, and at the end of training.

    Args:
        name: Of the file `diagnostics/<name>.npz` (see `History`) and of the figures
            `figures/<name>.png` and `figures/<name>_heatmap.png`.
        prefix: Of the scalars and of TensorBoard's images.
        quantity: What the norms are of, such as "dL/dh".
    """

    def __init__(self, name: str, prefix: str, quantity: str) -> None:
        self.name = name
        self.prefix = prefix
        self.quantity = quantity
        self.history: History | None = None
        self._last: tuple[int, Mapping[str, Curve]] | None = None
        self._drawn = 4

    def start(self, trainer: Trainer) -> None:
        """Begin, or go on from where a resumed run stands."""
        self.history = History(Path(trainer.default_root_dir) / "diagnostics" / f"{self.name}.npz")
        if trainer.global_step:
            self.history.resume(trainer.global_step)

    def add(self, trainer: Trainer, board: Board, curves: Mapping[str, Curve]) -> None:
        """Take the curves of the optimiser step that is being made, and post their numbers."""
        assert self.history is not None
        step = trainer.global_step + 1
        for name, curve in curves.items():
            numbers = curve.scalars(f"{self.prefix}/{name}")
            board.post({key: torch.tensor(value) for key, value in numbers.items()})
        self.history.add(step, curves)
        self._last = (step, curves)

    def keep(self, trainer: Trainer, *, last: bool) -> None:
        """Write the file where anything is new, and draw the figures where it is time."""
        if self.history is None or self._last is None:
            return
        self.history.save()
        if len(self.history) >= (2 if last else 2 * self._drawn):
            self._drawn = len(self.history)
            self._draw(trainer)

    def _draw(self, trainer: Trainer) -> None:
        from rnnlab.diagnostics.pictures import heatmap, lines, publish  # matplotlib: when needed

        assert self.history is not None
        assert self._last is not None
        step, curves = self._last
        figure = lines(curves, self.quantity, step)
        publish(figure, trainer, f"{self.prefix}/curves", f"{self.name}.png")
        if len(self.history) > 1:
            figure = heatmap(self.history, self.quantity)
            publish(figure, trainer, f"{self.prefix}/heatmap", f"{self.name}_heatmap.png")
