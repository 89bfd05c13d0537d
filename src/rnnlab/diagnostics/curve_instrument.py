"""Base of the instruments that measure curves against lag: numbers, a file, figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer

from rnnlab.diagnostics.board import board_of
from rnnlab.diagnostics.curve_history import CurveHistory
from rnnlab.diagnostics.periodic import PeriodicInstrument
from rnnlab.diagnostics.stats import Curve


class CurveInstrument(PeriodicInstrument):
    """Keeps its curves of a run in `diagnostics/<name>.npz` (`CurveHistory`) and draws them.

    The figures are `figures/<name>.png` and `figures/<name>_heatmap.png`, also TensorBoard's
    images. They take about a third of a second, so they are drawn after a validation only where
    the samples have doubled since the last time, and at the end of training. Of several processes
    the first one measures.

    Attributes:
        spans: Of each curve last measured, its `Curve.span`.
    """

    name: str
    """Of the files."""
    prefix: str
    """Of the scalars and of TensorBoard's images."""
    quantity: str
    """What the norms are of, such as "dL/dh"."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._history: CurveHistory | None = None
        self._last: tuple[int, Mapping[str, Curve]] | None = None
        self._drawn = 4
        self.spans: dict[str, float] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin, or continue the file of a resumed run."""
        file = Path(trainer.default_root_dir) / "diagnostics" / f"{self.name}.npz"
        self._history = CurveHistory(file)
        if trainer.global_step:
            self._history.resume(trainer.global_step)

    def add_curves(self, trainer: Trainer, curves: Mapping[str, Curve]) -> None:
        """Keep the curves of the optimiser step that is being made, and post their numbers."""
        if not curves:  # no recurrent layer
            return
        assert self._history is not None
        step = trainer.global_step + 1
        for name, curve in curves.items():
            board_of(trainer).post(curve.scalars(f"{self.prefix}/{name}"))
        self._history.add(step, curves)
        self._last = (step, curves)
        self.spans = {name: curve.span for name, curve in curves.items()}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file; draw seldom."""
        self._write(trainer, at_least=2 * self._drawn)

    def on_train_end(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException | None = None
    ) -> None:
        """Write and draw, also of a run that diverged or was stopped."""
        self._write(trainer, at_least=2)

    on_exception = on_train_end

    def _write(self, trainer: Trainer, *, at_least: int) -> None:
        """Write the file; draw the figures where there are enough samples."""
        if self._history is None or self._last is None:
            return
        history, (step, curves) = self._history, self._last
        history.save()
        if len(history) < at_least:
            return
        self._drawn = len(history)
        from rnnlab.diagnostics.figures import plot_curves, plot_heatmap, save_figure  # slow import

        figure = plot_curves(curves, self.quantity, step)
        save_figure(figure, trainer, f"{self.prefix}/curves", f"{self.name}.png")
        if len(history) > 1:
            figure = plot_heatmap(history, self.quantity)
            save_figure(figure, trainer, f"{self.prefix}/heatmap", f"{self.name}_heatmap.png")
