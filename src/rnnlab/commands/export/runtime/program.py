"""`python runner.py INPUT`: what `rnnlab predict` prints, without rnnlab and torch."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from itertools import tee
from pathlib import Path

from rnnlab.commands.export.runtime.model import ExportedModel
from rnnlab.commands.export.runtime.sampling import Drawing
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
    parser.add_argument("--batch-size", type=_positive, default=64, help="lines at once (64)")
    parser.add_argument("--threads", type=int, default=0, help="of onnxruntime (0: its choice)")
    parser.add_argument("--num-beams", type=_positive, help="width of a search (the model's own)")
    parser.add_argument(
        *("--num-return-sequences", "-n"), type=_positive, default=1, help="texts for each line (1)"
    )
    parser.add_argument("--score", action="store_true", help="how probable each line is")
    parser.add_argument("--prompt", help="a text to go on with, or what to write a text for")
    parser.add_argument("--max-new-tokens", type=int, default=300, help="behind the prompt (300)")
    parser.add_argument("--temperature", type=float, default=1.0, help="0: the most probable (1)")
    parser.add_argument("--top-k", type=_positive, help="draw from this many most probable tokens")
    parser.add_argument("--top-p", type=float, default=1.0, help="from those that have this (1)")
    parser.add_argument("--seed", type=int, default=1, help="the same draws the same text (1)")
    given = parser.parse_args(words)
    if not given.temperature >= 0 or not 0 < given.top_p <= 1:
        parser.error("--temperature: at least 0; --top-p: above 0, at most 1")
    model = ExportedModel(folder or Path(sys.argv[0]).resolve().parent, given.threads)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    for line in _answers(model, given):
        print(line, flush=True)


def _answers(model: ExportedModel, given: argparse.Namespace) -> Iterator[str]:
    """The lines to print."""
    number, size = given.num_return_sequences, given.batch_size
    if given.prompt is not None:
        drawing = (given.max_new_tokens, given.temperature, given.top_k, given.top_p, given.seed)
        yield from model.write(given.prompt, Drawing(number, *drawing))
        return
    if given.input == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise SystemExit("runner.py: standard input is closed; name a file")
        if sys.stdin.isatty():
            size = 1  # somebody waits for the answer to each line
    if given.score:
        texts, shown = tee(_lines(given.input))
        for (total, perplexity), text in zip(model.score(texts, size), shown, strict=False):
            yield f"{total:.4f}\t{perplexity:.4f}\t{text}"
        return
    lines: Iterator[str] | Iterator[Path] = _lines(given.input)
    if model.config["audio"] is not None:
        lines = sound_paths(given.input, _lines(given.input))
    if number == 1 and given.num_beams is None:
        yield from model.predict(lines, size)
        return
    every = model.search(lines, number, given.num_beams, size)
    for row, found in enumerate(every, start=1):
        for text, score in found:
            yield text if number == 1 else f"{row}\t{score:.4f}\t{text}"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _lines(name: str) -> Iterator[str]:
    """The lines of a file, without their ends."""
    number = 0
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as stream:
            for line in stream:
                number += 1
                yield line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SystemExit(f"runner.py: cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SystemExit(f"runner.py: {name}:{number}: not UTF-8") from None
