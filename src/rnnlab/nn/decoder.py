"""The decoder: writes a target sequence, one token after the other."""

from itertools import chain
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.data.batch import IGNORE
from rnnlab.encoder import Encoded, Encoder
from rnnlab.layers.base import Layer, State
from rnnlab.nn.attention import ATTENTIONS, AttentionKind
from rnnlab.nn.bridge import Bridge
from rnnlab.nn.search import Step


class Decoder(nn.Module):
    """Embedding -> recurrent layers -> attention -> readout -> vocabulary.

    The layers are of the encoder's cell and read the target tokens alone, so that all steps of a
    training batch are one call a layer; attention comes behind them, for all steps at once, as in
    Luong et al. 2015 (arXiv:1508.04025, section 3, without input feeding). The readout
    r_u = tanh(W [h_u; c_u; e_u] + b) has the size of the embedding e_u, whether the two are tied
    or not.

    Without attention there is no c_u: all that the decoder knows of the source is its initial
    state (Sutskever et al. 2014), a bottleneck of fixed size.

    Args:
        encoder: Gives the cell and the sizes; it is not owned.
        vocab_size: Target tokens V.
        embedding_size: Features E of a target token, and of the readout.
        num_layers: Recurrent layers, at least 1.
        attention: How the encoder's outputs are attended to, see `rnnlab.nn.attention`; or `none`.
        dropout: Probability of zeroing an embedded token, an output between layers, and the
            readout.
        tied: Use the embedding as the output weights (Press & Wolf 2017).

    Raises:
        ConfigError: An attention that does not fit the sizes.
    """

    def __init__(
        self,
        encoder: Encoder,
        vocab_size: int,
        *,
        embedding_size: int,
        num_layers: int = 1,
        attention: AttentionKind = "additive",
        dropout: float = 0.0,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        layers: list[Layer] = []
        size = embedding_size
        for _ in range(num_layers):
            layers.append(encoder.cell(size))
            size = layers[-1].output_size
        self.layers = nn.ModuleList(layers)
        self.bridge = Bridge([int(e.output_size) for e in encoder.layers], layers)  # type: ignore[arg-type]
        context_size = 0 if attention == "none" else encoder.output_size
        self.attention = (
            None if attention == "none" else ATTENTIONS[attention](size, encoder.output_size)
        )
        self.readout = nn.Linear(size + context_size + embedding_size, embedding_size)
        self.output = nn.Linear(embedding_size, vocab_size)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)
        for linear in (self.readout, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        if tied:
            self.output.weight = self.embedding.weight

    def forward(self, encoded: Encoded, tokens: Int[Tensor, "B U"]) -> Float[Tensor, "B U E"]:
        """Readout of every step when the true `tokens` are read (teacher forcing).

        `output` makes logits of it; to call it on the real steps alone saves the larger part of
        a training step. Each step sees the tokens up to its own, so right padding is harmless.
        """
        embedded, x = self._read(encoded, tokens)
        parts = [x, embedded]
        if self.attention is not None:
            values = encoded.outputs
            keys = self.attention.project(values)
            parts.insert(1, self.attention(x, keys, values, encoded.mask)[0])
        return self._readout(parts)

    def teach(
        self, encoded: Encoded, target: Int[Tensor, "B U1"], known: int | None = None
    ) -> tuple[Float[Tensor, "N E"], Int[Tensor, "N"]]:
        """The readout for every real token but the first, and these tokens (teacher forcing).

        Both are for `vocabulary_loss` with `output`.

        Args:
            encoded: The sources.
            target: Tokens with start and end, padded with `IGNORE`.
            known: Number of real tokens, where it is known: a GPU waits for it otherwise.
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

    def looks(self, encoded: Encoded, tokens: Int[Tensor, "B U"]) -> Float[Tensor, "B U T"] | None:
        """Attention weights of every step when `tokens` are read; None without attention."""
        if self.attention is None:
            return None
        keys = self.attention.project(encoded.outputs)
        _, x = self._read(encoded, tokens)
        weights: Tensor = self.attention(x, keys, encoded.outputs, encoded.mask)[1]
        return weights

    def search(self, encoded: Encoded) -> tuple[Step, State]:
        """A step function for search, and the state to start from.

        The state is flat: the parts of all layers, then each row's sentence number, by which the
        step function looks up keys, values and mask; these are never copied by a search that
        reorders or drops rows.
        """
        counts = []
        parts: list[Tensor] = []
        for state in self._initial(encoded, self.embedding.weight):
            counts.append(len(state))
            parts += state
        parts.append(torch.arange(len(encoded.lengths), device=encoded.lengths.device))
        values, mask = encoded.outputs, encoded.mask
        keys = None if self.attention is None else self.attention.project(values)

        def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
            rows = state[-1]
            rest = iter(state[:-1])
            embedded = self.dropout(self.embedding(tokens))
            x = embedded
            after: list[State] = []
            for depth, (layer, count) in enumerate(zip(self._stack, counts, strict=True)):
                before = tuple(next(rest) for _ in range(count))
                x, proposed = layer.step(x if depth == 0 else self.dropout(x), before)
                after.append(proposed)
            parts = [x, embedded]
            if self.attention is not None and keys is not None:
                parts.insert(1, self.attention(x, keys[rows], values[rows], mask[rows])[0])
            log_probs = self.output(self._readout(parts)).log_softmax(dim=-1)
            return log_probs, (*chain.from_iterable(after), rows)

        return step, tuple(parts)

    def _read(self, encoded: Encoded, tokens: Int[Tensor, "B U"]) -> tuple[Tensor, Tensor]:
        """The embedded tokens, and the last recurrent layer's outputs."""
        embedded = x = self.dropout(self.embedding(tokens))
        for depth, (layer, state) in enumerate(
            zip(self._stack, self._initial(encoded, embedded), strict=True)
        ):
            x, _ = layer(x if depth == 0 else self.dropout(x), None, state)
        return embedded, x

    @property
    def _stack(self) -> list[Layer]:
        return cast(list[Layer], list(self.layers))

    def _initial(self, encoded: Encoded, like: Tensor) -> list[State]:
        # under autocast the bridge gives half precision; a state has the dtype of the inputs
        states = self.bridge(encoded.layers)
        return [tuple(part.to(like.dtype) for part in state) for state in states]

    def _readout(self, parts: list[Tensor]) -> Tensor:
        readout: Tensor = self.dropout(torch.tanh(self.readout(torch.cat(parts, dim=-1))))
        return readout
