"""Write the folder of learned vectors, all of it or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from rnnlab.commands.output import make_folder, writing
from rnnlab.data.vector_file import VectorTable
from rnnlab.diagnostics.projector import add_words
from rnnlab.errors import ConfigError, naming
from rnnlab.runs.metrics_json import write_json

WRITTEN = ("embed.json", "evaluation.json", "vectors.txt")


@contextmanager
def output_folder(output: str | None, parent: str) -> Iterator[Path]:
    """A folder that can be written to; it is removed if it stays empty.

    Args:
        output: Its name; None for a name by the time, below `parent`.
        parent: Folder of that one.

    Raises:
        ConfigError: It cannot be written to, or already holds vectors or an evaluation.
    """
    folder = make_folder(output, parent)
    held = [name for name in WRITTEN if (folder / name).exists()]
    if held:
        raise ConfigError(f"output: {folder} holds {held[0]} already; name another folder")
    try:
        with writing(folder):
            yield folder
    finally:
        with suppress(OSError):  # up to the first folder that is not empty
            for each in (folder, *folder.parents):
                each.rmdir()


def write_vectors(
    folder: Path,
    table: VectorTable,
    counts: Sequence[int],
    record: Mapping[str, Any],
    *,
    projector: int,
) -> None:
    """Write `vectors.txt`, `counts.tsv`, `embed.json` and what TensorBoard reads.

    Args:
        folder: From `output_folder`; the files are moved there once all of them are written.
        table: Words without blanks, most frequent first, and their vectors.
        counts: How often each word occurs.
        record: Content of `embed.json`.
        projector: Words for TensorBoard's projector; 0 for none.
    """
    with TemporaryDirectory(prefix=".", dir=folder) as name:
        part = Path(name)
        text, counted = part / "vectors.txt", part / "counts.tsv"
        with naming(text), text.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{len(table.words)} {table.vectors.shape[1]}\n")
            for word, vector in zip(table.words, table.vectors, strict=True):
                # the shortest digits that are read back as the same float32
                stream.write(f"{word} {' '.join(vector.astype(str))}\n")
        with naming(counted), counted.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{w}\t{n}\n" for w, n in zip(table.words, counts, strict=True))
        if projector:
            from torch.utils.tensorboard import SummaryWriter

            with SummaryWriter(part) as writer:
                first = torch.from_numpy(np.array(table.vectors[:projector]))
                add_words(writer, table.words[:projector], first)
        write_json(part / "embed.json", record)
        for path in sorted(part.iterdir()):
            path.replace(folder / path.name)
