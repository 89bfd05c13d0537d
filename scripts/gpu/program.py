"""The whole program under Lightning's trainer: does anyone wait between two writes of the log?"""

import logging
import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from gpu.device import Setting
from gpu.report import Part
from gpu.tasks import Made, makers
from gpu.waiting import is_wait, place
from rnnlab.data.base import SequenceData
from rnnlab.data.examples import Examples
from rnnlab.data.spec import Spec, Split
from rnnlab.diagnostics.board import Board
from rnnlab.diagnostics.progress import Progress
from rnnlab.diagnostics.saturation import Saturation
from rnnlab.diagnostics.throughput import Throughput
from rnnlab.diagnostics.time_flow import TimeFlow
from rnnlab.diagnostics.weight_flow import WeightFlow
from rnnlab.training.module import SequenceModule

EVERY = 20
"""Steps between two writes of the log."""


class Generated(SequenceData):
    """Data that was made, not read."""

    def __init__(self, made: Made) -> None:
        super().__init__(batch_size=made.batch_size, seed=1)
        self.made = made

    def spec(self) -> Spec:
        """See `SequenceData.spec`."""
        return self.made.spec

    def examples(self, split: Split) -> Examples:
        """See `SequenceData.examples`."""
        return self.made.examples


class Waits(Callback):
    """Notes the step in which each wait takes place; first of the callbacks."""

    def __init__(self) -> None:
        self.step = 0
        self.found: list[tuple[int, str]] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A step begins; what was done since the last one's end belongs to it."""
        self.step = trainer.global_step + 1

    @contextmanager
    def noted(self, setting: Setting) -> Iterator[None]:
        """Note all waits inside."""
        if not setting.cuda:
            yield
            return

        def note(message: Any, category: Any, filename: str, lineno: int, *_: Any) -> None:
            warning = warnings.WarningMessage(message, category, filename, lineno)
            if is_wait(warning):
                self.found.append((self.step, place(warning)))

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = note
            torch.cuda.set_sync_debug_mode("warn")
            try:
                yield
            finally:
                torch.cuda.set_sync_debug_mode("default")


def measure_program(setting: Setting) -> Part:
    """Each task for some steps with the log, the progress bar and all instruments on."""
    steps = 3 if setting.small else 3 * EVERY
    part = setting.part(
        "The whole program",
        ("task", "steps", "waits at start, end and writes", "waits in other steps"),
        "Lightning's trainer with TensorBoard, all instruments and the progress bar, "
        f"writing every {EVERY} steps; the first two steps warm up and are not counted. Right: no "
        "wait in the steps that do not write.",
    )
    if not setting.cuda:
        part.skipped.append("waits: there is no GPU")
    for name, make in makers(setting.small).items():
        waits = _train(make(), setting, steps)
        writes = {0, 1, 2, steps, *range(EVERY, steps + 1, EVERY)}  # 0: before the first
        between = [where for step, where in waits.found if step not in writes]
        for where, times in Counter(between).items():
            part.failures.append(f"{name}: waits at {where}, {times} times in {steps} steps")
        counts = [len(waits.found) - len(between), len(between)] if setting.cuda else [None, None]
        part.rows.append([name, steps, *counts])
    return part


def _train(made: Made, setting: Setting, steps: int) -> Waits:
    module = SequenceModule(
        made.encoder,
        made.task,
        optimizer=partial(torch.optim.Adam, fused=True),
        scheduler=None,
        stamp={},
    )
    waits = Waits()
    board = Board([EVERY])
    instruments: list[Callback] = [
        Throughput(),
        *(kind(every_n_steps=EVERY) for kind in (WeightFlow, TimeFlow, Saturation)),
        board,
    ]
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),  # the progress bar is part of it, and not to be seen
        waits.noted(setting),
    ):
        Trainer(
            accelerator="gpu" if setting.cuda else "cpu",
            devices=1,
            max_steps=steps,
            max_epochs=-1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            gradient_clip_val=5.0,
            callbacks=[waits, *instruments, Progress("val/loss")],
            logger=TensorBoardLogger(folder),
            default_root_dir=folder,  # where instruments write
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            log_every_n_steps=EVERY,
        ).fit(module, datamodule=Generated(made))
    return waits
