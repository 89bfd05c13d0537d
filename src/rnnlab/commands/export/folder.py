"""The folder of an exported model."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rnnlab import __version__
from rnnlab.commands.export.bundle import write_runner
from rnnlab.commands.export.card import model_card
from rnnlab.commands.export.example import example_batch
from rnnlab.commands.export.formats import FORMATS, need
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab
from rnnlab.errors import naming
from rnnlab.files import replacing
from rnnlab.runs.inputs import reader
from rnnlab.runs.restore import restore
from rnnlab.tasks.base import Task
from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint


def write_folder(
    folder: Path,
    checkpoint: str,
    kind: str,
    trust: Sequence[str] = (),
    vectors_path: str | None = None,
) -> Iterator[str]:
    """Write all files; a line about each that is done.

    Args:
        folder: Where to write; made where it does not exist.
        checkpoint: A file or a run's folder.
        kind: A key of `FORMATS`.
        trust: Packages whose classes the checkpoint may name.
        vectors_path: Where the embedding's file is now.

    Raises:
        CheckpointError, ConfigError: The model cannot be read, or not be exported.
    """
    need("safetensors")
    found = read_checkpoint(find_checkpoint(checkpoint), trust)
    spec, model = restore(found, vectors_path)
    reader(spec)  # refuses what reads neither text nor sound
    model.encoder.eval()
    model.task.eval()
    graphs = model.task.graphs(model.encoder, example_batch(spec))
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for graph in graphs:
        path = FORMATS[kind](graph, folder)
        yield f"{path}  {path.stat().st_size / 1e6:,.1f} MB: {', '.join(graph.outputs)}"
    decoding = model.task.decoding()
    files = {
        "config.json": {
            "rnnlab": __version__,
            "graphs": {g.name: {"inputs": [*g.inputs], "outputs": [*g.outputs]} for g in graphs},
            "decoding": decoding,
            "empty": _empty(model.task),
            "max_length": spec.max_length,
            "audio": None if spec.audio is None else spec.audio.to_dict(),
        },
        "vocabulary.json": _parts(spec, Vocab),
        "tokenizer.json": _parts(spec, Tokenizer),
    }
    for name, content in files.items():
        with replacing(folder / name) as stream:
            stream.write(json.dumps(content, ensure_ascii=False, indent=1).encode())
    _write_weights(nn.ModuleDict({"encoder": model.encoder, "task": model.task}), folder)
    if kind == "onnx":
        write_runner(folder, decoding["kind"])
    with replacing(folder / "README.md") as stream:
        stream.write(model_card(found, kind).encode())
    example = "runner.py INPUT" if kind == "onnx" else "README.md says how to load it"
    yield f"{folder}  python {folder}/{example}" if kind == "onnx" else f"{folder}  {example}"


def _empty(task: Task) -> str | None:
    """The answer to a text without tokens; None where the model is asked all the same."""
    empty = task.empty()
    return None if empty is None else task.render([], empty)


def _parts(spec: Spec, kind: type[Vocab] | type[Tokenizer]) -> dict[str, Any]:
    """The vocabularies, or the tokenisers, of a spec by their names."""
    found = {f.name: getattr(spec, f.name) for f in fields(spec)}
    return {
        name.removesuffix("_tokenizer"): _plain(part)
        for name, part in found.items()
        if isinstance(part, kind)
    }


def _plain(part: Vocab | Tokenizer) -> dict[str, Any]:
    if isinstance(part, Tokenizer):
        return part.to_dict()
    return {
        "tokens": list(part.tokens),  # those that were added as well
        "base_size": part.base_size,
        "lower_fallback": part.lower_fallback,
    }


def _write_weights(model: nn.ModuleDict, folder: Path) -> None:
    """The parameters under their names; one that has two names is written twice.

    Vectors that a checkpoint leaves out, as they are in a file, are written too.
    """
    from safetensors.torch import save

    fixed = {f"encoder.{name}": part for name, part in model["encoder"].named_buffers()}
    every = fixed | model.state_dict()
    weights = {name: tensor.clone().contiguous() for name, tensor in every.items()}
    with torch.no_grad(), replacing(folder / "model.safetensors") as stream:
        stream.write(save(weights))
