"""What a task may use of a decoder."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.data.batch import IGNORE
from rnnlab.layers.base import State
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.search import Step


class TargetDecoder(nn.Module, ABC):
    """Writes a target sequence, one token after the other. Made by `Encoder.decoder`.

    Attributes:
        embedding: Of the target's tokens.
        output: From the readout of a step (E features) to the logits of its token.
    """

    embedding: nn.Embedding
    output: nn.Linear

    @abstractmethod
    def forward(self, encoded: Encoded, tokens: Int[Tensor, "B U"]) -> Float[Tensor, "B U E"]:
        """Readout of every step when the true `tokens` are read (teacher forcing).

        `output` turns it into logits; calling it on the real steps alone saves the larger part of
        a training step. Each step sees the tokens up to its own, so right padding is harmless.
        """

    @abstractmethod
    def attention_weights(
        self, encoded: Encoded, tokens: Int[Tensor, "B U"]
    ) -> Float[Tensor, "B U T"] | None:
        """Attention weights of every step when `tokens` are read; None without attention."""

    @abstractmethod
    def begin(self, encoded: Encoded) -> tuple[State, State]:
        """What the first step starts from, and what all steps read of the sources.

        Both are flat, each part with one row a sentence; steps change the first alone.
        """

    @abstractmethod
    def step(
        self, tokens: Int[Tensor, "N"], state: State, memory: State
    ) -> tuple[Float[Tensor, "N V"], State]:
        """Last tokens -> log-probabilities of the next, and the state after it.

        Args:
            tokens: Of each row.
            state: Before the step; see `begin`.
            memory: What is read of each row's source; see `begin`.
        """

    def search(self, encoded: Encoded) -> tuple[Step, State]:
        """A step function for search, and the state to start from.

        The state ends with each row's sentence number, by which the step function looks up what it
        reads of the sources: it is not copied by a search that reorders rows or drops them.
        """
        state, memory = self.begin(encoded)
        numbers = torch.arange(encoded.lengths.shape[0], device=encoded.lengths.device)
        looked_up, own = numbers, memory

        def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
            nonlocal looked_up, own
            rows = state[-1]
            if not torch.equal(rows, looked_up):  # they stay until a sentence is done
                looked_up, own = rows, tuple(part[rows] for part in memory)
            log_probs, after = self.step(tokens, state[:-1], own)
            return log_probs, (*after, rows)

        return step, (*state, numbers)

    def teacher_forcing(
        self, encoded: Encoded, target: Int[Tensor, "B U1"], known: int | None = None
    ) -> tuple[Float[Tensor, "N E"], Int[Tensor, "N"]]:
        """The readout for every real token but the first, and these tokens (teacher forcing).

        Both are for `vocabulary_loss` with `output`.

        Args:
            encoded: The sources.
            target: Tokens with start and end, padded with `IGNORE`.
            known: Number of real tokens, if known; otherwise a GPU waits for it.
        """
        tokens, labels = target[:, :-1], target[:, 1:]
        readout = self(encoded, tokens.clamp(min=0))
        # the vocabulary is by far the widest layer: no padding goes through it; sorting finds the
        # real steps where a mask as an index would make a GPU wait for their number
        real = (labels != IGNORE).flatten()
        count = int(real.sum()) if known is None else known - len(target)
        rows = real.argsort(descending=True, stable=True)[:count]
        chosen = readout.flatten(0, 1).index_select(0, rows)
        return chosen, labels.flatten().index_select(0, rows)
