"""An exported model: its graphs, its vocabularies, and what it answers."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from rnnlab.commands.export.runtime.inputs import Feeds, Texts
from rnnlab.commands.export.runtime.sound import Sounds
from rnnlab.data.tokenizer import Tokenizer

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
        empty = self.config["empty"]
        rest = iter(lines)
        while items := [self.inputs.read(line) for line in islice(rest, batch_size)]:
            asked = [n for n, item in enumerate(items) if len(item) or empty is None]
            answers = [empty or ""] * len(items)
            if asked:
                chosen = [items[n] for n in asked]
                feeds: Feeds = self.inputs.batch(chosen)
                for n, answer in zip(asked, self.answers(feeds, chosen), strict=True):
                    answers[n] = answer
            yield from answers

    def answers(self, feeds: Feeds, items: Sequence[Any]) -> list[str]:
        """The answers to inputs that were read."""
        found: list[str] = self.decoder.answers(self, feeds, items)
        return found

    def write(self, prompt: str, *drawing: Any) -> str:
        """A prompt and its continuation, by a language model; see its module for the options."""
        if not hasattr(self.decoder, "write"):
            raise SystemExit("runner.py: --prompt is for language models; name a file of lines")
        text: str = self.decoder.write(self, prompt, *drawing)
        return text
