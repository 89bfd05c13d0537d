"""An exported model: its graphs, its vocabularies, and what it answers."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime

from rnnlab.commands.export.runtime.inputs import Texts
from rnnlab.commands.export.runtime.sampling import Drawing
from rnnlab.commands.export.runtime.sound import Sounds
from rnnlab.data.tokenizer import Tokenizer

A = TypeVar("A")
Arrays = dict[str, np.ndarray]


class ExportedModel:
    """A folder that `rnnlab export` wrote.

    Args:
        folder: With `config.json` and the graphs.
        threads: Of onnxruntime; 0 for its own choice.
    """

    def __init__(self, folder: str | Path, threads: int = 0) -> None:
        self.folder, self.threads = Path(folder), threads
        self.config = self.json("config.json")
        self.decoding: dict[str, Any] = self.config["decoding"]
        self.decoder = import_module(f"{__package__}.{self.decoding['kind']}")
        self._graphs: dict[str, onnxruntime.InferenceSession] = {}

    def json(self, name: str) -> dict[str, Any]:
        """What a file of the folder says."""
        found: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return found

    @cached_property
    def inputs(self) -> Any:
        """Reads what is asked about."""
        if self.config["audio"] is not None:
            return Sounds(self.config["audio"])
        return Texts(self.json("vocabulary.json"), self.json("tokenizer.json"), self.config)

    @cached_property
    def tokens(self) -> list[str]:
        """What is written: tokens of the target."""
        found: list[str] = self.json("vocabulary.json")["target"]["tokens"]
        return found

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Joins what is written; the source's where the target has none of its own."""
        known = self.json("tokenizer.json")
        return Tokenizer.from_dict(known["target" if "target" in known else "source"])

    def text(self, ids: Sequence[int]) -> str:
        """Tokens of the target, joined."""
        return self.tokenizer.join([self.tokens[i] for i in ids])

    def session(self, graph: str) -> onnxruntime.InferenceSession:
        """What runs a graph; made when it is first asked for."""
        if graph not in self._graphs:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            options.log_severity_level = 3
            path = str(self.folder / f"{graph}.onnx")
            self._graphs[graph] = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        return self._graphs[graph]

    def run(self, graph: str, feeds: Arrays) -> Arrays:
        """The outputs of a graph, by name."""
        session = self.session(graph)
        wanted = {each.name for each in session.get_inputs()}  # one that nothing reads is left out
        names = [each.name for each in session.get_outputs()]
        values = session.run(names, {n: v for n, v in feeds.items() if n in wanted})
        return dict(zip(names, values, strict=True))

    def predict(self, lines: Iterable[Any], batch_size: int = 64) -> Iterator[str]:
        """The answer to each line, as `rnnlab predict` prints it."""

        def ask(items: list[Any]) -> list[str]:
            found: list[str] = self.decoder.answers(self, self.inputs.batch(items), items)
            return found

        return self._answered(lines, batch_size, ask, self.config["empty"])

    def search(
        self,
        lines: Iterable[Any],
        num_return_sequences: int = 1,
        num_beams: int | None = None,
        batch_size: int = 64,
    ) -> Iterator[list[tuple[str, float]]]:
        """The best texts for each line and their scores, the best first.

        Args:
            lines: Texts or sound files.
            num_return_sequences: Texts of each at most.
            num_beams: Width of the search; None for the model's own.
            batch_size: Lines at once.
        """
        search = self._can(
            "search", "--num-return-sequences, --num-beams: this model has no beam search"
        )

        def ask(items: list[Any]) -> list[list[tuple[str, float]]]:
            feeds = self.inputs.batch(items)
            found: list[list[tuple[str, float]]] = search(
                self, feeds, items, num_return_sequences, num_beams
            )
            return found

        return self._answered(lines, batch_size, ask, [("", 0.0)])

    def score(self, lines: Iterable[str], batch_size: int = 64) -> Iterator[tuple[float, float]]:
        """Log-probability in nats and perplexity of each line, by a language model."""
        score = self._can("score", "--score: this model gives texts no probability")
        return self._answered(lines, batch_size, lambda items: list(score(self, items)), None)

    def write(self, prompt: str, drawing: Drawing) -> list[str]:
        """Texts drawn for a prompt, by a language model or one that generates."""
        write = self._can("write", "--prompt: this model writes no texts; name a file of lines")
        texts: list[str] = write(self, prompt, drawing)
        return texts

    def _can(self, what: str, refusal: str) -> Callable[..., Any]:
        if not hasattr(self.decoder, what):
            raise SystemExit(f"runner.py: {refusal}")
        found: Callable[..., Any] = getattr(self.decoder, what)
        return found

    def _answered(
        self, lines: Iterable[Any], batch_size: int, ask: Callable[[list[Any]], list[A]], empty: A
    ) -> Iterator[A]:
        """What `ask` answers to each line; `empty` to one without tokens, where it is not None.

        A batch has texts of similar length, of those that are read ahead.
        """
        rest, ahead = iter(lines), 4 * batch_size if batch_size > 1 else 1
        while items := [self._read(line) for line in islice(rest, ahead)]:
            asked = [n for n, item in enumerate(items) if len(item) or empty is None]
            asked.sort(key=lambda n: len(items[n]))
            answers = [empty] * len(items)
            for first in range(0, len(asked), batch_size):
                rows = asked[first : first + batch_size]
                for n, answer in zip(rows, ask([items[n] for n in rows]), strict=True):
                    answers[n] = answer
            yield from answers

    def _read(self, line: Any) -> Any:
        item = self.inputs.read(line)
        if hasattr(self.decoder, "check"):
            self.decoder.check(self, item)
        return item
