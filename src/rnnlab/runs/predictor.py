"""A trained model that answers texts or recordings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

import torch

from rnnlab.config.roots import PredictConfig
from rnnlab.config.validate import check_values
from rnnlab.data.spec import Spec
from rnnlab.errors import ConfigError
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.sampling import Sampling, sample
from rnnlab.runs.answers import Answers, Ask
from rnnlab.runs.build import Model
from rnnlab.runs.devices import find_device
from rnnlab.runs.inputs import Input, SoundInputs, reader
from rnnlab.runs.restore import restore
from rnnlab.runs.states import Answer, Layers, encode
from rnnlab.tasks.base import Hypothesis, TextScore
from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint


class Predictor:
    """A model with its vocabulary, ready for raw text or for sound.

    Several threads may use it at once: passes of the model wait for each other (a batch of texts
    is quicker than texts one by one), reading does not.

    Texts are read by `predict`, `stream`, `search`, `score` and `states`; a model of sound reads
    paths or waves in their place, `model.predict(["a.wav", "b.flac"])`.

    Example:
        >>> import rnnlab
        >>> model = rnnlab.load(run.folder, device="cpu")  # run = rnnlab.train(...)
        >>> [answer] = model.predict("b a c d")
        >>> type(answer).__name__, 0 < answer.probability < 1
        ('Label', True)
        >>> tokens, answer = next(model.stream(["b a c d"]))
        >>> model.model.task.render(tokens, answer).startswith(answer.label)
        True
    """

    def __init__(self, model: Model, spec: Spec, device: torch.device | str = "cpu") -> None:
        self.model = model
        self.device = torch.device(device)
        self._lock = RLock()  # observers of layers, and penalties of tags, are the model's own
        self.spec = spec
        self.inputs: Any = reader(spec)
        self._answers = Answers(self.inputs, model.task.check, self._lock)
        model.encoder.to(self.device).eval()
        model.task.to(self.device).eval()

    def predict(
        self,
        texts: Input | Iterable[Input],
        batch_size: int = 64,
        *,
        rate: int | None = None,
        states: bool = False,
        layers: Layers = "last",
    ) -> list[Any]:
        """One prediction a text or recording, in order; see the task's `predict` for their type.

        Args:
            texts: Texts; for a model of sound paths of sound files, or waves: samples between -1
                and 1, (L,) or (L, channels). A single one is a list of one.
            batch_size: Texts at once.
            rate: Samples a second of waves; None for the rate of the model.
            states: Give an `Answer` for each: its tokens, the prediction, and hidden states
                (T, H) by layer, see `rnnlab.runs.states`.
            layers: Of these the last, or all.

        Raises:
            ConfigError: Something is no text or recording, or an option is out of its range.
            DataError: A sound file that cannot be read.

        Example:
            >>> model = run.predictor  # run = rnnlab.train(...)
            >>> [answer] = model.predict(["b a c d"], states=True)
            >>> answer.tokens, answer.states["encoder"].shape
            (['b', 'a', 'c', 'd'], (4, 8))
        """
        if states:
            return list(self.states(texts, batch_size, rate=rate, layers=layers))
        return [prediction for _, prediction in self.stream(texts, batch_size, rate=rate)]

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
            generator=torch.Generator(self.device).manual_seed(seed),
        )
        if isinstance(self.inputs, SoundInputs):
            raise ConfigError(
                "prompt: a model of sound writes no texts for one; give it input=FILE"
            )
        with torch.inference_mode(), self._lock:
            tokens = self.inputs.read(prompt, 0, None)
            return self.model.task.write(self.model.encoder, tokens, draw)

    def search(
        self,
        texts: Input | Iterable[Input],
        *,
        num_return_sequences: int = 1,
        num_beams: int | None = None,
        batch_size: int = 64,
        rate: int | None = None,
    ) -> Iterator[list[Hypothesis]]:
        """The best translations of each text with their scores, in order, the best first.

        Args:
            texts: Sentences or recordings; one without tokens has one translation, the empty one.
            num_return_sequences: Translations of each; fewer where the search finds no more.
            num_beams: Width of the search; None for the model's own.
            batch_size: Texts at once.
            rate: Samples a second of waves; None for the rate of the model.

        Raises:
            ConfigError: An option out of its range, or a task that does not translate.
        """
        check_values(PredictConfig, num_return_sequences=num_return_sequences, num_beams=num_beams)
        find = self.model.task.searcher(num_return_sequences, num_beams)
        nothing = [Hypothesis("", 0.0)]
        ask = self._encoded(find)
        return (found for _, found in self._answers(texts, batch_size, rate, ask, nothing))

    def score(self, texts: str | Sequence[str], batch_size: int = 64) -> list[TextScore]:
        """How probable a language model finds each text, in order.

        Args:
            texts: Texts; a single one is a list of one. Each is a line that follows another one:
                its end counts as a token.
            batch_size: Texts at once.

        Raises:
            ConfigError: Something is no text, an option is out of its range, or the model is no
                language model.
        """
        return list(self.score_stream(texts, batch_size))

    def score_stream(
        self, texts: Input | Iterable[Input], batch_size: int = 64
    ) -> Iterator[TextScore]:
        """The same, one after the other."""
        score = partial(self.model.task.score, self.model.encoder)
        return (found for _, found in self._answers(texts, batch_size, None, score, None))

    def stream(
        self, texts: Input | Iterable[Input], batch_size: int = 64, *, rate: int | None = None
    ) -> Iterator[tuple[list[str], Any]]:
        """Tokens and prediction of each text, in order, reading a few batches ahead.

        With `batch_size=1` each answer comes before the next text is read. A recording has no
        tokens.
        """
        task = self.model.task
        return self._answers(texts, batch_size, rate, self._encoded(task.predict), task.empty())

    def states(
        self,
        texts: Input | Iterable[Input],
        batch_size: int = 64,
        *,
        rate: int | None = None,
        layers: Layers = "last",
    ) -> Iterator[Answer]:
        """Predictions with the hidden states behind them, in order; memory for a few batches."""
        check_values(PredictConfig, states_layers=layers)
        task = self.model.task

        def ask(items: list[Any]) -> list[Any]:
            batch = self.inputs.batch(items).to(self.device)
            encoded, states = encode(self.model.encoder, batch, layers)
            return list(zip(task.predict(encoded), states, strict=True))

        nothing: Any = None if task.empty() is None else (task.empty(), {})
        for tokens, answer in self._answers(texts, batch_size, rate, ask, nothing):
            yield Answer(tokens[: self.spec.max_length], *answer)

    def _encoded(self, ask: Callable[[Encoded], list[Any]]) -> Ask:
        """What answers inputs that were read, from what answers an encoded batch."""

        def answer(items: list[Any]) -> list[Any]:
            batch = self.inputs.batch(items).to(self.device)
            return ask(self.model.encoder(batch.inputs, batch.lengths, batch.words))

        return answer


def load(
    path: str | Path,
    *,
    trust: Sequence[str] = (),
    embedding_path: str | None = None,
    device: str = "auto",
) -> Predictor:
    """A trained model from a checkpoint file or a run folder (its best checkpoint).

    Args:
        path: `.ckpt` file or run folder.
        trust: Packages of your own whose classes the checkpoint may name.
        embedding_path: Where the file of word vectors is now, for a model that needs it.
        device: auto | cpu | cuda | cuda:1; auto takes a GPU where there is one.

    Raises:
        ConfigError: There is no such device.
        CheckpointError: Missing, broken, of another version, not trusted, or of a model
            that reads neither text nor sound.

    Example:
        >>> import rnnlab
        >>> model = rnnlab.load(run.folder / "checkpoints" / "last.ckpt", device="cpu")
        >>> len(model.predict(["b a c d", "a"]))
        2
    """
    place = find_device(device)
    checkpoint = read_checkpoint(find_checkpoint(path), trust)
    spec, model = restore(checkpoint, embedding_path)
    return Predictor(model, spec, place)
