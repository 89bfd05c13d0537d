"""TensorBoard's HParams tab."""

from typing import Any

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from rnnlab.tasks.base import Task


def declare_hparams(trainer: Trainer, values: dict[str, Any], task: Task) -> None:
    """Announce hyperparameters and the metrics that the run will end with.

    The tab shows a run only if its metrics were named at the start; the values follow at the end,
    as scalars of the same names (`final/val/...`, `final/test/...`).
    """
    names = dict.fromkeys([task.monitor, "loss"])
    metrics = {f"final/{split}/{name}": 0.0 for split in ("val", "test") for name in names}
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
            writer = logger.experiment._get_file_writer()
            for summary in hparams(values, metrics):  # type: ignore[no-untyped-call]
                writer.add_summary(summary)
