"""MLflow: scalars, pictures, texts and final metrics of a run."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import MLFlowLogger

from rnnlab.errors import ConfigError


class MLflow(MLFlowLogger):
    """Lightning's logger of MLflow, which also shows pictures and texts.

    Args:
        save_dir: The run's folder.
        experiment_name: Where the run belongs.
        run_name: Of the run; null for one that MLflow makes.
        tracking_uri: Address of a server; null for files in the run's folder.

    Raises:
        ConfigError: The package `mlflow-skinny` is missing.
    """

    def __init__(
        self,
        save_dir: str,
        *,
        experiment_name: str = "rnnlab",
        run_name: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        if tracking_uri is None:  # a folder needs no other package; MLflow prefers a database
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            super().__init__(
                experiment_name=experiment_name,
                run_name=run_name,
                tracking_uri=tracking_uri,
                save_dir=str(Path(save_dir).resolve() / "mlruns"),
            )
        except ModuleNotFoundError:
            raise ConfigError(
                "logger: mlflow is not installed; pip install 'rnnlab[mlflow]'"
            ) from None

    def add_image(self, tag: str, image: np.ndarray, step: int, dataformats: str = "HWC") -> None:
        """Keep a picture (H, W, 3) as a file, beside those of other steps."""
        self.experiment.log_image(self.run_id, image, f"{tag}/{step}.png")

    def add_text(self, tag: str, text: str, global_step: int) -> None:
        """Keep a text as a file, beside those of other steps."""
        self.experiment.log_text(self.run_id, text, f"{tag}/{global_step}.txt")

    def finish(self, final: Mapping[str, Any]) -> None:
        """Keep the final metrics, and end the run."""
        self.log_metrics({key: float(value) for key, value in final.items()})
        self.finalize("success")
