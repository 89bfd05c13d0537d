"""A trained model that answers."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from rnnlab.config.roots import PredictConfig
from rnnlab.data.batch import Batch
from rnnlab.data.characters import encode_characters
from rnnlab.data.ragged import Ragged
from rnnlab.data.reading import decoded
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import UNK, Vocab
from rnnlab.errors import CheckpointError, ConfigError, DataError
from rnnlab.nn.encoder import Encoded
from rnnlab.nn.sampling import Sampling
from rnnlab.runs.build import Config, Model, build_model, build_vectors
from rnnlab.tasks.base import Hypothesis
from rnnlab.training.checkpoint import Checkpoint, find_checkpoint, read_checkpoint


class Predictor:
    """A model with its vocabulary, ready for raw text.

    Example:
        model = rnnlab.load("outputs/sentiment-lstm/2026-01-31_12-00-00")
        model.predict(["What a film!"])
    """

    def __init__(self, model: Model, spec: Spec) -> None:
        if not isinstance(spec.source, Vocab) or spec.source_tokenizer is None:
            raise CheckpointError("this model does not read text, so it cannot predict from it")
        self.model = model
        self.spec = spec
        self.source = spec.source
        self.tokenizer = spec.source_tokenizer
        model.encoder.eval()
        model.task.eval()

    def predict(self, texts: Sequence[str], batch_size: int = 64) -> list[Any]:
        """One prediction a text, in order; see the task's `predict` for their type."""
        return [prediction for _, prediction in self.stream(texts, batch_size)]

    def write(
        self,
        prompt: str,
        *,
        count: int = 1,
        length: int = 300,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        seed: int = 1,
    ) -> list[str]:
        """Texts drawn for a prompt: its continuations by a language model, say.

        Args:
            prompt: The text to go on with, or what the model writes about.
            count: Texts to draw.
            length: Tokens of each at most, those of the prompt not counted.
            temperature: See `rnnlab.nn.sampling.Sampling`; 0 is greedy.
            top_k: See there.
            top_p: See there.
            seed: The same seed draws the same texts.

        Raises:
            ConfigError: An option out of its range, a task that writes no texts, or a prompt with
                tokens that the model has never seen.
        """
        for key, value in {"count": count, "length": length}.items():
            if value < 1:
                raise ConfigError(f"{key}: {value} is too small, the least is 1")
        with torch.inference_mode():
            return self.model.task.write(
                self.model.encoder,
                self.tokenizer.split(prompt),
                num_return_sequences=count,
                max_new_tokens=length,
                sampling=Sampling(temperature, top_k, top_p),
                generator=torch.Generator().manual_seed(seed),
            )

    def search(
        self, texts: Iterable[str], *, nbest: int = 1, beam: int | None = None, batch_size: int = 64
    ) -> Iterator[list[Hypothesis]]:
        """The best translations of each text with their scores, in order, the best first.

        Args:
            texts: Sentences; one without tokens has one translation, the empty one.
            nbest: Translations of each; fewer where the search finds no more.
            beam: Width of the search; None for the model's `task.num_beams`.
            batch_size: Texts at once.

        Raises:
            ConfigError: An option out of its range, or a task that does not translate.
        """
        for key, value in {"nbest": nbest, "beam": beam}.items():
            if value is not None and value < 1:
                raise ConfigError(f"{key}: {value} is too small, the least is 1")
        find = self.model.task.searcher(nbest, beam)
        nothing = [Hypothesis("", 0.0)]
        return (found for _, found in self._answers(texts, batch_size, find, nothing))

    def stream(self, texts: Iterable[str], batch_size: int = 64) -> Iterator[tuple[list[str], Any]]:
        """Tokens and prediction of each text, in order, reading a few batches ahead."""
        task = self.model.task
        return self._answers(texts, batch_size, task.predict, task.empty())

    def _answers(
        self, texts: Iterable[str], batch_size: int, ask: Callable[[Encoded], list[Any]], empty: Any
    ) -> Iterator[tuple[list[str], Any]]:
        rest = iter(texts)
        while chunk := list(islice(rest, 4 * batch_size)):
            yield from self._chunk(chunk, batch_size, ask, empty)

    @torch.inference_mode()
    def _chunk(
        self, texts: list[str], batch_size: int, ask: Callable[[Encoded], list[Any]], empty: Any
    ) -> Iterator[tuple[list[str], Any]]:
        tokens = list(self.tokenizer.split_all(texts))
        for each in tokens:
            self.model.task.check(each)
        answers: list[Any] = [empty] * len(texts)
        asked = [i for i, each in enumerate(tokens) if each or empty is None]
        asked.sort(key=lambda i: len(tokens[i]))
        for start in range(0, len(asked), batch_size):
            rows = asked[start : start + batch_size]
            batch = self._batch([tokens[i][: self.spec.max_length] for i in rows])
            encoded = self.model.encoder(batch.inputs, batch.lengths, batch.words)
            for row, prediction in zip(rows, ask(encoded), strict=True):
                answers[row] = prediction
        yield from zip(tokens, answers, strict=True)

    def _batch(self, texts: list[list[str]]) -> Batch:
        rows = np.arange(len(texts))
        ids = Ragged.from_lists(self.source.ids(text or [UNK]) for text in texts)
        characters = self.spec.characters
        words = None if characters is None else encode_characters(texts, characters).batch(rows)
        inputs, lengths = ids.pad(rows, fill=0)
        return Batch(inputs, lengths, target=lengths.new_zeros(0), words=words)


def load(path: str | Path, *, trust: Sequence[str] = ()) -> Predictor:
    """A trained model from a checkpoint file or a run folder (its best checkpoint).

    Args:
        path: `.ckpt` file or run folder.
        trust: Packages of your own whose classes the checkpoint may name.

    Raises:
        CheckpointError: Missing, broken, of another version, not to be trusted, or of a model
            that does not read text.
    """
    checkpoint = read_checkpoint(find_checkpoint(path), trust)
    spec, model = restore(checkpoint)
    return Predictor(model, spec)


def restore(checkpoint: Checkpoint) -> tuple[Spec, Model]:
    """The model of a checkpoint, with its weights, and its spec.

    Words that have vectors in the embedding's file but did not occur in training are known to the
    restored vocabulary as well.
    """
    vectors = build_vectors(_today(checkpoint.cfg))
    spec = extended(checkpoint.spec, vectors)
    with torch.random.fork_rng(devices=[]):
        model = build_model(checkpoint.cfg, spec, vectors)
    for prefix, part in (("encoder", model.encoder), ("task", model.task)):
        state = {
            key.removeprefix(f"{prefix}."): value
            for key, value in checkpoint.state_dict.items()
            if key.startswith(f"{prefix}.")
        }
        try:
            part.load_state_dict(state)
        except RuntimeError as error:
            first = " ".join(str(error).split())[:300]
            raise CheckpointError(f"{checkpoint.path}: weights do not fit: {first}") from None
    return spec, model


def _today(cfg: Config) -> Config:
    """With today's data root where the word vectors' of the training is gone."""
    embedding = cfg["embedding"]
    root = embedding.get("root") if isinstance(embedding, dict) else None
    if root is None or Path(root).is_dir():
        return cfg
    return {**cfg, "embedding": {**embedding, "root": None}}


def extended(spec: Spec, vectors: Any) -> Spec:
    """A spec whose source vocabulary knows the words of a vector file as well."""
    if not isinstance(spec.source, Vocab) or not vectors.words:
        return spec
    source = spec.source.extend(vectors.words, lower_fallback=vectors.lower_fallback)
    return replace(spec, source=source)


def predict_file(cfg: Config) -> None:
    """Answer every line of a file, or of standard input, on standard output; or one prompt.

    Raises:
        DataError: The file is missing or not UTF-8.
        ConfigError: A batch size below 1, options of a prompt without one or of lines with one, or
            one of the mistakes of `Predictor.write` and `Predictor.search`.
    """
    if cfg["batch_size"] < 1:
        raise ConfigError(f"batch_size: {cfg['batch_size']} is not at least 1")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # as the input, whatever the terminal's
    nbest, beam = cfg["nbest"], cfg["beam"]
    searched = nbest > 1 or beam is not None
    if cfg["prompt"] is not None and searched:
        raise ConfigError("nbest, beam: for a prompt texts are drawn; count=N says how many")
    options = ("count", "length", "temperature", "top_k", "top_p", "seed")
    if cfg["prompt"] is not None:
        if cfg["input"] != "-":
            raise ConfigError("input, prompt: either lines of a file or one prompt")
        predictor = load(cfg["checkpoint"], trust=cfg["trust"])
        for text in predictor.write(cfg["prompt"], **{key: cfg[key] for key in options}):
            print(text, flush=True)
        return
    defaults = asdict(PredictConfig())
    useless = [key for key in options if cfg[key] != defaults[key]]
    if useless:
        raise ConfigError(f"{useless[0]}: of use with prompt=TEXT alone")
    with _open(cfg["input"]) as stream:
        predictor = load(cfg["checkpoint"], trust=cfg["trust"])
        lines = (line for _, line in decoded(stream, cfg["input"]))
        size = cfg["batch_size"]
        if searched:
            every = predictor.search(lines, nbest=nbest, beam=beam, batch_size=size)
            for number, found in enumerate(every, start=1):
                for text, score in found:
                    print(text if nbest == 1 else f"{number}\t{score:.4f}\t{text}", flush=True)
            return
        for tokens, prediction in predictor.stream(lines, size):
            print(predictor.model.task.render(tokens, prediction), flush=True)


@contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise DataError(f"input: cannot read {name}: {error.strerror}") from None
    with stream:
        yield stream
