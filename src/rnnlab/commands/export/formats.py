"""Graphs as files: ONNX, and programs of `torch.export`."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import torch

from rnnlab.errors import ConfigError, naming, shortened
from rnnlab.tasks.graphs import Graph


def write_onnx(graph: Graph, folder: Path) -> Path:
    """A graph as ONNX, for every size of its axes.

    Raises:
        ConfigError: The extra `export` is not installed.
    """
    need("onnx", "onnxscript")
    path = folder / f"{graph.name}.onnx"
    with _quiet(), torch.no_grad(), naming(path):
        program = torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            dynamo=True,
            verbose=False,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=_shapes(graph, lambda name: name),
        )
        assert program is not None
        program.save(str(path))
    return path


def write_torch(graph: Graph, folder: Path) -> Path:
    """A graph as a program that `torch.export.load` reads, for every size of its axes."""
    path = folder / f"{graph.name}.pt2"
    with _quiet(), torch.no_grad(), naming(path):
        program = torch.export.export(
            graph.module,
            tuple(graph.inputs.values()),
            dynamic_shapes=_shapes(graph, lambda name: torch.export.Dim.AUTO),
        )
        torch.export.save(program, path)
    return path


FORMATS: dict[str, Callable[[Graph, Path], Path]] = {"onnx": write_onnx, "torch": write_torch}
"""What writes each format."""


def need(*packages: str) -> None:
    """Import what the extra `export` installs.

    Raises:
        ConfigError: One of the packages is missing or broken.
    """
    for package in packages:
        try:
            import_module(package)
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == package
            reason = "is not installed" if missing else f"cannot be imported ({error})"
            raise ConfigError(f"export: {package} {reason}; pip install 'rnnlab[export]'") from None


def _shapes(graph: Graph, axis: Callable[[str], object]) -> tuple[object, ...]:
    """What may vary, for a module that takes `*args`."""
    return (tuple({n: axis(name) for n, name in graph.axes[key].items()} for key in graph.inputs),)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's remarks on itself.

    Raises:
        ConfigError: Torch cannot export the model.
    """
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (OSError, ConfigError):
        raise
    except Exception as error:  # torch has many for what it cannot trace
        reason = shortened([str(error).strip().splitlines()[-1]])
        raise ConfigError(f"checkpoint: torch cannot export this model: {reason}") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
