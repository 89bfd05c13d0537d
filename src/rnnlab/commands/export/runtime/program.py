"""`python runner.py INPUT`: what `rnnlab predict` prints, without rnnlab and torch."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnlab.commands.export.runtime.model import ExportedModel
from rnnlab.commands.export.runtime.sound import sound_paths


def main(words: Sequence[str] | None = None, folder: Path | None = None) -> None:
    """Answer each line of a file, or of standard input.

    Args:
        words: Of the command line.
        folder: Of the model; None for that of the program.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "input", nargs="?", default="-", help="a file of lines, or - for standard input"
    )
    parser.add_argument("--batch-size", type=int, default=64, help="lines at once (64)")
    parser.add_argument("--threads", type=int, default=0, help="of onnxruntime (0: its choice)")
    parser.add_argument("--prompt", help="a text that a language model goes on with")
    parser.add_argument("--max-new-tokens", type=int, default=300, help="behind the prompt (300)")
    parser.add_argument("--temperature", type=float, default=1.0, help="0: the most probable (1)")
    parser.add_argument("--seed", type=int, default=1, help="the same draws the same text (1)")
    given = parser.parse_args(words)
    model = ExportedModel(folder or Path(sys.argv[0]).resolve().parent, given.threads)
    if given.prompt is not None:
        print(model.write(given.prompt, given.max_new_tokens, given.temperature, given.seed))
        return
    lines: Iterator[str] | Iterator[Path] = _lines(given.input)
    if model.config["audio"] is not None:
        lines = sound_paths(given.input, _lines(given.input))
    for answer in model.predict(lines, given.batch_size):
        print(answer, flush=True)


def _lines(name: str) -> Iterator[str]:
    """The lines of a file, without their ends."""
    with sys.stdin.buffer if name == "-" else Path(name).open("rb") as stream:
        for line in stream:
            yield line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
