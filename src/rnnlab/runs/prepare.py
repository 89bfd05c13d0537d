"""Before a run: what it needs is there, and it says what it is about to do."""

import logging
import os
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException

from rnnlab.data.base import SequenceData
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.runs.build import Config, build_trainer
from rnnlab.training.checkpoint import load_plain
from rnnlab.training.module import SequenceModule

SMALLEST = {"accumulate_grad_batches": 1, "log_every_n_steps": 1, "gradient_clip_val": 0}
"""Least values of options that Lightning takes as they come."""


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that torch obeys."""


def make_trainer(cfg: Config, folder: Path, callbacks: list[Callback]) -> Trainer:
    """The trainer; what its hardware options ask for must be there.

    Raises:
        ConfigError: No such accelerator, too few devices, an option that Lightning refuses.
    """
    settings = cfg["trainer"]
    for key, least in SMALLEST.items():
        value = settings.get(key)
        if isinstance(value, int | float) and value < least:
            raise ConfigError(f"trainer.{key}: {value} is too small, the least is {least}")
    if settings.get("precision") in ("64-true", "64", 64, "16-true", "bf16-true"):
        raise ConfigError(
            f"trainer.precision: '{settings['precision']}' is not supported; there are 32-true, "
            "bf16-mixed and 16-mixed"
        )
    automatic = settings.get("accelerator", "auto") == "auto" and not torch.cuda.is_available()
    if automatic and isinstance(settings.get("devices"), int) and settings["devices"] > 1:
        raise ConfigError(
            f"trainer.devices: {settings['devices']} asked for, but there is no GPU here; for "
            f"several processes on the CPU say trainer=ddp trainer.accelerator=cpu"
        )
    try:
        return build_trainer(cfg, folder, callbacks)
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        first = " ".join(str(error).split())
        raise ConfigError(f"trainer: {first}") from None


def check_resumable(cfg: Config, last: Path) -> None:
    """That a run is asked for more than it has done; a ConfigError where it is not."""
    progress = load_plain(last)["loops"]["fit_loop"]["epoch_progress"]["current"]
    done = int(progress["processed"])  # saved at an epoch's end, before it counts as completed
    wanted = cfg["trainer"].get("max_epochs")
    if wanted is not None and 0 <= wanted <= done:
        raise ConfigError(
            f"resume: the run has all of its {done} epochs; ask for more, "
            f"such as trainer.max_epochs={done + 1}"
        )


def prepare_folder(folder: Path, *, resume: bool) -> None:
    """Make the run's folder and find out early whether it can be written to.

    Raises:
        ConfigError: It cannot, or it holds another run already, which is not to be resumed.
    """
    if not resume and (folder / "metrics.json").exists():
        raise ConfigError(
            f"hydra.run.dir: {folder} holds a run already; continue it with resume={folder}, "
            "or name another folder"
        )
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints" / ".probe").touch()
        (folder / "checkpoints" / ".probe").unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write to the run folder {folder}: {error.strerror}") from None


def announce(
    module: SequenceModule,
    data: SequenceData,
    vectors: Any,
    folder: Path,
    device: torch.device,
    started: str | None,
) -> None:
    """Say what is about to be trained, from what it starts, and where it will be found."""
    parameters = sum(p.numel() for p in module.parameters())
    sizes = ", ".join(f"{len(data.examples(s)):,} {s}" for s in ("train", "val", "test"))
    print(f"run      {folder}\ndata     {type(data).__name__}: {sizes}")
    if vectors.coverage is not None:
        print(f"vectors  {vectors.coverage}")
    cells = [part for part in module.encoder.modules() if isinstance(part, Layer)]
    layers = ", ".join(f"{type(c).__name__} {c.input_size}->{c.output_size}" for c in cells)
    print(f"model    {parameters:,} parameters; encoder: {layers or 'no recurrent layer'}")
    kernels = dict.fromkeys(cell.engine(device) for cell in cells)
    if started is not None:
        print(f"start    {started}")
    print(f"kernel   {', '.join(kernels) or 'none'}")
    print(f"threads  {threads()}", flush=True)


def threads() -> str:
    """How many threads a CPU operation uses, and who says so."""
    variable = next((name for name in THREADS if os.environ.get(name)), None)
    chosen = f"set by {variable}" if variable else "PyTorch's choice; OMP_NUM_THREADS sets it"
    return f"{torch.get_num_threads()} of {os.cpu_count()} ({chosen})"


def limit_memory() -> None:
    """Let oneDNN keep fewer kernels than its 1,024.

    It makes one for every length that it meets, of a megabyte or more: batches of IMDb grew a
    process by 0.9 GB. To be called before the first batch; a value in the environment stands.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")


def quiet() -> None:
    """Silence Lightning's tips and notices: the run says itself what matters."""
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ignore = partial(warnings.filterwarnings, "ignore")
    # Lightning 2.6 on torch 2.13 asks its own dependencies in an outdated way
    ignore(message=".*LeafSpec.*is deprecated", category=FutureWarning)
    # true of every resumed run, and of every run shorter than fifty steps
    ignore(message="Checkpoint directory .* exists and is not empty")
    ignore(message="The number of training batches .* is smaller than the logging interval")
