"""Answers to inputs in their order, asked for in batches of similar lengths."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import RLock
from typing import Any

import torch

from rnnlab.config.roots import PredictConfig
from rnnlab.config.validate import check_values
from rnnlab.errors import RnnlabError
from rnnlab.runs.inputs import Input, SoundInputs, TextInputs, each_input

Ask = Callable[[list[Any]], list[Any]]
"""Answers inputs that were read: tokens, or features."""

AHEAD = 4
"""Batches whose inputs are read and sorted by length together."""


class Answers:
    """Reads inputs, asks for their answers in batches, and gives these in order.

    Args:
        inputs: Reads one input.
        check: Refuses tokens that cannot be answered.
        lock: Held while a batch is answered; inputs are read without it.
    """

    def __init__(
        self, inputs: TextInputs | SoundInputs, check: Callable[[list[str]], None], lock: RLock
    ) -> None:
        self.inputs: Any = inputs
        self.check = check
        self.lock = lock

    @torch.inference_mode()
    def __call__(
        self,
        texts: Input | Iterable[Input],
        batch_size: int,
        rate: int | None,
        ask: Ask,
        empty: Any,
    ) -> Iterator[tuple[list[str], Any]]:
        """Tokens and answer of each input.

        Args:
            texts: Texts, sound files or waves; a single one is a list of one.
            batch_size: Inputs at once; of 1 each answer comes before the next input is read.
            rate: Samples a second of waves.
            ask: Answers inputs that were read.
            empty: The answer to an input without tokens; None to ask for that as well.
        """
        check_values(PredictConfig, batch_size=batch_size)
        rest = (self._read(text, n, rate) for n, text in enumerate(each_input(texts)))
        ahead = AHEAD * batch_size if batch_size > 1 else 1
        broken: RnnlabError | None = None
        while broken is None:
            items: list[Any] = []
            try:
                items.extend(islice(rest, ahead))
            except RnnlabError as error:  # those before it are answered first
                broken = error
            if not items:
                break
            answers: list[Any] = [empty] * len(items)
            asked = [i for i, each in enumerate(items) if len(each) or empty is None]
            asked.sort(key=lambda i: len(items[i]))
            for start in range(0, len(asked), batch_size):
                rows = asked[start : start + batch_size]
                with self.lock:
                    found = ask([items[i] for i in rows])
                for row, prediction in zip(rows, found, strict=True):
                    answers[row] = prediction
            yield from zip(map(self.inputs.tokens, items), answers, strict=True)
        if broken:
            raise broken

    def _read(self, text: Input, number: int, rate: int | None) -> Any:
        item = self.inputs.read(text, number, rate)
        self.check(self.inputs.tokens(item))
        return item
