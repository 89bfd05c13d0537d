"""`rnnlab predict`: answers for lines of text or sound files, or texts for a prompt."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from io import TextIOWrapper
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rnnlab.config.command_line import CommandLine
from rnnlab.config.plain_options import read_options
from rnnlab.config.roots import PredictConfig
from rnnlab.errors import ConfigError, DataError, printable

if TYPE_CHECKING:  # it imports torch: other mistakes are reported sooner
    from rnnlab.commands.sound_list import SoundList
    from rnnlab.data.base import SequenceData
    from rnnlab.runs.predictor import Predictor

DRAWING = ("max_new_tokens", "temperature", "top_k", "top_p", "seed")
"""Options that only have an effect with a prompt."""


def predict_words(words: list[str]) -> None:
    """Answer every line of a file, or of standard input, on standard output; or one prompt.

    Raises:
        RnnlabError: A user error.
    """
    cfg = read_options(PredictConfig, CommandLine.without_flags(words).overrides)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # as the input, whatever the terminal's
    if cfg["prompt"] is None:
        answer_lines(cfg)
    else:
        answer_prompt(cfg)


def load_model(cfg: dict[str, Any]) -> "Predictor":
    """The model that answers."""
    from rnnlab.runs.predictor import load

    path = cfg["embedding"]["path"]
    return load(cfg["checkpoint"], trust=cfg["trust"], embedding_path=path, device=cfg["device"])


def answer_prompt(cfg: dict[str, Any]) -> None:
    """Print texts that are drawn for a prompt."""
    if cfg["num_beams"] is not None:
        raise ConfigError("num_beams: texts for a prompt are drawn, not searched for")
    if cfg["score"]:
        raise ConfigError("score: is of the lines of a file; with prompt=TEXT texts are drawn")
    if cfg["states"] is not None:
        raise ConfigError("states: are those of lines; give input=FILE in place of the prompt")
    if cfg["input"] != "-":
        raise ConfigError("input, prompt: either lines of a file or one prompt")
    predictor = load_model(cfg)
    drawing = {key: cfg[key] for key in ("num_return_sequences", *DRAWING)}
    for text in predictor.write(cfg["prompt"], **drawing):
        _show(text)


def answer_lines(cfg: dict[str, Any]) -> None:
    """Print the answer for each line of the input."""
    from rnnlab.commands.plain_text import check_plain
    from rnnlab.commands.sound_list import SoundList
    from rnnlab.data.reading import decoded

    useless = [key for key in DRAWING if cfg[key] != getattr(PredictConfig, key)]
    if useless:
        raise ConfigError(f"{useless[0]}: has an effect with prompt=TEXT only")
    if cfg["score"] and (cfg["num_beams"] is not None or cfg["num_return_sequences"] > 1):
        raise ConfigError(
            "num_beams, num_return_sequences: nothing is searched for with score=true"
        )
    searches = cfg["num_beams"] is not None or cfg["num_return_sequences"] > 1
    if cfg["states"] is not None and (cfg["score"] or searches):
        raise ConfigError("states: come with predictions, without score, num_beams and N best")
    size = cfg["batch_size"]
    rows = _rows(cfg)
    if rows is not None:
        predictor = load_model(cfg)
        if cfg["score"]:
            _score(predictor, rows, size)
        else:
            _answer(predictor, rows, cfg, size)
        return
    with _open(cfg["input"]) as stream:
        if stream.isatty():
            size = 1  # somebody waits for the answer to each line
        predictor = load_model(cfg)
        lines: Iterable[str] | SoundList
        naming: AbstractContextManager[None] = nullcontext()
        if predictor.spec.audio is not None:
            lines = SoundList(stream, cfg["input"])
            naming = lines.naming()
        else:
            check_plain(stream, cfg["input"], predictor.spec)
            lines = (line for _, line in decoded(stream, cfg["input"]))
        with naming:
            if cfg["score"]:
                _score(predictor, lines, size)
            else:
                _answer(predictor, lines, cfg, size)


def _rows(cfg: dict[str, Any]) -> Iterator[str] | None:
    """The texts of a table, of a model that learnt from tables; None of another input."""
    from rnnlab.config.trust import make
    from rnnlab.data.formats.tables import is_table
    from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint

    path = Path(cfg["input"]).expanduser()
    if cfg["input"] == "-" or not is_table(path):
        return None
    checkpoint = read_checkpoint(find_checkpoint(cfg["checkpoint"]), cfg["trust"])
    data: SequenceData = make(checkpoint.cfg["data"], cfg["trust"])
    return data.texts(path)


def _score(predictor: "Predictor", lines: "Iterable[str] | SoundList", size: int) -> None:
    """Print how probable each line is."""
    texts, shown = tee(cast("Iterable[str]", lines))
    for score, text in zip(predictor.score_stream(texts, size), shown, strict=False):
        _show(f"{score.log_probability:.4f}\t{score.perplexity:.4f}\t{text}")


def _answer(
    predictor: "Predictor",
    lines: "Iterable[str] | SoundList",
    cfg: dict[str, Any],
    size: int,
) -> None:
    """Print the answers, or the best few of each; write the states, where they are asked for."""
    from rnnlab.commands.state_file import state_file

    beams, number, task = cfg["num_beams"], cfg["num_return_sequences"], predictor.model.task
    if cfg["states"] is not None:
        with state_file(Path(cfg["states"]).expanduser()) as file:
            for answer in predictor.states(lines, size, layers=cfg["states_layers"]):
                file.add(answer)
                _show(task.render(answer.tokens, answer.prediction))
        return
    if number > 1 or beams is not None:
        every = predictor.search(
            lines, num_return_sequences=number, num_beams=beams, batch_size=size
        )
        for row, found in enumerate(every, start=1):
            for text, score in found:
                _show(text if number == 1 else f"{row}\t{score:.4f}\t{text}")
        return
    for tokens, prediction in predictor.stream(lines, size):
        _show(task.render(tokens, prediction))


def _show(answer: str) -> None:
    """Print an answer: to a program as it is, to a terminal without control characters."""
    print(printable(answer, keep="\n\t") if sys.stdout.isatty() else answer, flush=True)


def _open(name: str) -> AbstractContextManager[BinaryIO]:
    if name == "-":
        if sys.stdin is None:
            raise DataError("input: standard input is closed; name a file, input=FILE")
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(name).expanduser().open("rb")
    except OSError as error:
        raise DataError(f"input: cannot read {name}: {error.strerror}") from None
