"""Weights & Biases: scalars, pictures, texts and final metrics of a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger

from rnnlab.errors import ConfigError


class Wandb(WandbLogger):
    """Lightning's logger of Weights & Biases, which also shows pictures and texts.

    Args:
        save_dir: The run's folder.
        project: Where the run belongs.
        name: Of the run; null for one that the service makes.
        offline: Write files alone; `wandb sync FOLDER` sends them later.

    Raises:
        ConfigError: The package `wandb` is missing.
    """

    def __init__(
        self,
        save_dir: str,
        *,
        project: str = "rnnlab",
        name: str | None = None,
        offline: bool = False,
    ) -> None:
        try:
            super().__init__(name=name, save_dir=save_dir, offline=offline, project=project)
        except ModuleNotFoundError:
            raise ConfigError(
                "logger: wandb is not installed; pip install 'rnnlab[wandb]'"
            ) from None
        # Lightning sets it always, and wandb warns of it
        self._wandb_init.pop("anonymous", None)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run of `wandb`, begun by the first use.

        Raises:
            ConfigError: It cannot begin: nobody is logged in, or the service is out of reach.
        """
        from wandb.errors import Error

        begun = self._experiment is not None
        try:
            return super().experiment
        except Error as error:
            if begun:
                raise
            why = str(error).partition("\n")[0]
            raise ConfigError(
                f"logger: wandb: {why} Or write files alone: logger.offline=true"
            ) from None

    def add_image(self, tag: str, image: np.ndarray, step: int, dataformats: str = "HWC") -> None:
        """Show a picture (H, W, 3)."""
        self.log_image(tag, [image], step=step)

    def add_text(self, tag: str, text: str, global_step: int) -> None:
        """Show a text, as a table of one cell."""
        self.log_text(tag, columns=["text"], data=[[text]], step=global_step)

    def finish(self, final: Mapping[str, Any]) -> None:
        """Keep the final metrics in the run's summary, and end it."""
        self.experiment.summary.update(dict(final))
        self.experiment.finish()
