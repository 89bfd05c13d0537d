"""`python runner.py INPUT`: what `rnnlab predict` prints, without rnnlab and torch."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnlab.commands.export.runtime.model import ExportedModel


def main(words: Sequence[str] | None = None, folder: Path | None = None) -> None:
    """Answer each line of a file, or of standard input.

    Args:
        words: Of the command line.
        folder: Of the model; None for that of the program.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", help="a text file, or - for standard input")
    parser.add_argument("--batch-size", type=int, default=64, help="lines at once (64)")
    parser.add_argument("--threads", type=int, default=0, help="of onnxruntime (0: its choice)")
    given = parser.parse_args(words)
    model = ExportedModel(folder or Path(sys.argv[0]).resolve().parent, given.threads)
    for answer in model.predict(_lines(given.input), given.batch_size):
        print(answer, flush=True)


def _lines(name: str) -> Iterator[str]:
    """The lines of a file, without their ends."""
    with sys.stdin.buffer if name == "-" else Path(name).open("rb") as stream:
        for line in stream:
            yield line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
