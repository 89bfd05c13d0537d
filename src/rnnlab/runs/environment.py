"""The process of a run: threads, memory, messages of other packages."""

import logging
import os
import threading
import warnings
from functools import partial

import torch

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that torch obeys."""


def threads() -> str:
    """How many threads a CPU operation uses, and what sets it."""
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
    """Silence Lightning's tips and notices, and errors that are shown twice."""
    threading.excepthook = _in_thread
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ignore = partial(warnings.filterwarnings, "ignore")
    # Lightning 2.6 on torch 2.13 asks its own dependencies in an outdated way
    ignore(message=".*LeafSpec.*is deprecated", category=FutureWarning)
    # true of every resumed run, and of every run shorter than fifty steps
    ignore(message="Checkpoint directory .* exists and is not empty")
    ignore(message=r".*ModelCheckpoint\(monitor=.*could not find")  # no validation was asked for
    ignore(message="The number of training batches .* is smaller than the logging interval")


def _in_thread(arguments: threading.ExceptHookArgs) -> None:
    """Show an error of a thread; not of TensorBoard's writer, whose next call raises it again."""
    writing = type(arguments.thread).__module__ == "tensorboard.summary.writer.event_file_writer"
    if not (writing and isinstance(arguments.exc_value, OSError)):
        threading.__excepthook__(arguments)
