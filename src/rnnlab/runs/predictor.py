"""A trained model that answers texts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlab.config.roots import PredictConfig
from rnnlab.config.validate import check_values
from rnnlab.data.batch import Batch
from rnnlab.data.characters import encode_characters
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import UNK, Vocab
from rnnlab.errors import CheckpointError, ConfigError, RnnlabError, shortened
from rnnlab.nn.encoder import Encoded
from rnnlab.nn.sampling import Sampling, sample
from rnnlab.runs.build import Model
from rnnlab.runs.restore import restore
from rnnlab.tasks.base import Hypothesis
from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint


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

    def predict(self, texts: str | Sequence[str], batch_size: int = 64) -> list[Any]:
        """One prediction a text, in order; see the task's `predict` for their type.

        Args:
            texts: Texts; a single one is a list of one.
            batch_size: Texts at once.

        Raises:
            ConfigError: Something is no text, or an option is out of its range.
        """
        return [prediction for _, prediction in self.stream(texts, batch_size)]

    def write(
        self,
        prompt: str,
        *,
        num_return_sequences: int = 1,
        max_new_tokens: int = 300,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        seed: int = 1,
    ) -> list[str]:
        """Texts drawn for a prompt: its continuations by a language model, say.

        Args:
            prompt: The text to continue, or the label to write a text for.
            num_return_sequences: Texts to draw.
            max_new_tokens: Tokens of each at most, those of the prompt not counted.
            temperature: See `rnnlab.nn.sampling.Sampling`; 0 is greedy.
            top_k: See there.
            top_p: See there.
            seed: The same seed draws the same texts.

        Raises:
            ConfigError: An option out of its range, a task that writes no texts, or a prompt with
                tokens that the model has never seen.
        """
        check_values(
            PredictConfig,
            num_return_sequences=num_return_sequences,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        draw = partial(
            sample,
            num_return_sequences=num_return_sequences,
            max_new_tokens=max_new_tokens,
            sampling=Sampling(temperature, top_k, top_p),
            generator=torch.Generator().manual_seed(seed),
        )
        with torch.inference_mode():
            (tokens,) = map(self.tokenizer.split, _each([prompt]))
            return self.model.task.write(self.model.encoder, tokens, draw)

    def search(
        self,
        texts: Iterable[str],
        *,
        num_return_sequences: int = 1,
        num_beams: int | None = None,
        batch_size: int = 64,
    ) -> Iterator[list[Hypothesis]]:
        """The best translations of each text with their scores, in order, the best first.

        Args:
            texts: Sentences; one without tokens has one translation, the empty one.
            num_return_sequences: Translations of each; fewer where the search finds no more.
            num_beams: Width of the search; None for the model's own.
            batch_size: Texts at once.

        Raises:
            ConfigError: An option out of its range, or a task that does not translate.
        """
        check_values(PredictConfig, num_return_sequences=num_return_sequences, num_beams=num_beams)
        find = self.model.task.searcher(num_return_sequences, num_beams)
        nothing = [Hypothesis("", 0.0)]
        return (found for _, found in self._answers(texts, batch_size, find, nothing))

    def stream(self, texts: Iterable[str], batch_size: int = 64) -> Iterator[tuple[list[str], Any]]:
        """Tokens and prediction of each text, in order, reading a few batches ahead.

        With `batch_size=1` each answer comes before the next text is read.
        """
        task = self.model.task
        return self._answers(texts, batch_size, task.predict, task.empty())

    @torch.inference_mode()
    def _answers(
        self, texts: Iterable[str], batch_size: int, ask: Callable[[Encoded], list[Any]], empty: Any
    ) -> Iterator[tuple[list[str], Any]]:
        check_values(PredictConfig, batch_size=batch_size)
        rest = map(self._tokens, _each(texts))
        ahead = 4 * batch_size if batch_size > 1 else 1  # batches of texts of similar length
        broken: RnnlabError | None = None
        while broken is None:
            tokens: list[list[str]] = []
            try:
                tokens.extend(islice(rest, ahead))
            except RnnlabError as error:  # those before it are answered first
                broken = error
            if not tokens:
                break
            answers: list[Any] = [empty] * len(tokens)
            asked = [i for i, each in enumerate(tokens) if each or empty is None]
            asked.sort(key=lambda i: len(tokens[i]))
            for start in range(0, len(asked), batch_size):
                rows = asked[start : start + batch_size]
                batch = self._batch([tokens[i][: self.spec.max_length] for i in rows])
                encoded = self.model.encoder(batch.inputs, batch.lengths, batch.words)
                for row, prediction in zip(rows, ask(encoded), strict=True):
                    answers[row] = prediction
            yield from zip(tokens, answers, strict=True)
        if broken:
            raise broken

    def _tokens(self, text: str) -> list[str]:
        tokens = self.tokenizer.split(text)
        self.model.task.check(tokens)
        return tokens

    def _batch(self, texts: list[list[str]]) -> Batch:
        rows = np.arange(len(texts))
        ids = Ragged.from_lists(self.source.ids(text or [UNK]) for text in texts)
        characters = self.spec.characters
        words = None if characters is None else encode_characters(texts, characters).batch(rows)
        inputs, lengths = ids.pad(rows, fill=0)
        return Batch(inputs, lengths, target=lengths.new_zeros(0), words=words)


def _each(texts: object) -> Iterator[str]:
    """One text after the other; a single one is a list of one."""
    if not isinstance(texts, Iterable):
        raise ConfigError(f"texts: {shortened([texts])} is neither a text nor a list of texts")
    for number, text in enumerate([texts] if isinstance(texts, str) else texts):
        if not isinstance(text, str):
            raise ConfigError(f"texts[{number}]: {shortened([repr(text)])} is no text")
        yield text


def load(
    path: str | Path, *, trust: Sequence[str] = (), embedding_path: str | None = None
) -> Predictor:
    """A trained model from a checkpoint file or a run folder (its best checkpoint).

    Args:
        path: `.ckpt` file or run folder.
        trust: Packages of your own whose classes the checkpoint may name.
        embedding_path: Where the file of word vectors is now, for a model that needs it.

    Raises:
        CheckpointError: Missing, broken, of another version, not trusted, or of a model
            that does not read text.
    """
    checkpoint = read_checkpoint(find_checkpoint(path), trust)
    spec, model = restore(checkpoint, embedding_path)
    return Predictor(model, spec)
