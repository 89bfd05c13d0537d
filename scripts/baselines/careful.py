"""Translation by someone who knows what is slow: fused kernels, work moved out of loops."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.encoders import Padded, is_padding
from baselines.loop import IGNORE


class Translator(nn.Module):
    """Attention over the source, context fed into the decoder's cell (Bahdanau et al. 2015).

    Keys are projected once a sentence, the cell is a loop; the output layer comes behind it, on
    all real target words at once.

    Args:
        words: Sizes of source and target vocabulary; 0 is padding in both.
        embedding: Features of a word, and of the readout in front of the output layer.
        hidden: Hidden units of a direction, of the decoder and of the attention.
    """

    def __init__(self, words: tuple[int, int], *, embedding: int, hidden: int) -> None:
        super().__init__()
        source, target = words
        self.encoder = Padded(
            nn.GRU, source, embedding=embedding, hidden=hidden, bidirectional=True
        )
        self.embedding = nn.Embedding(target, embedding)
        self.make_decoder(embedding, hidden)
        self.bridge = nn.Linear(2 * hidden, hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(2 * hidden, hidden, bias=False)
        self.energy = nn.Linear(hidden, 1, bias=False)
        self.readout = nn.Linear(3 * hidden + embedding, embedding)
        self.output = nn.Linear(embedding, target)

    def make_decoder(self, embedding: int, hidden: int) -> None:
        """The recurrent part of the decoder."""
        self.cell = nn.GRUCell(embedding + 2 * hidden, hidden)

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch; `target` has start and end."""
        values = self.encoder(source, lengths)
        forward, backward = values.chunk(2, dim=2)
        final = torch.cat([forward[torch.arange(len(source)), lengths - 1], backward[:, 0]], dim=1)
        padding = is_padding(source, lengths)
        embedded = self.embedding(target[:, :-1].clamp(min=0))
        start = torch.tanh(self.bridge(final))
        states, contexts = self.decode(embedded, start, values, self.key(values), padding)
        labels = target[:, 1:]
        real = labels != IGNORE
        features = torch.cat([states[real], contexts[real], embedded[real]], dim=1)
        logits = self.output(torch.tanh(self.readout(features)))
        return functional.cross_entropy(logits, labels[real])

    def decode(
        self, embedded: Tensor, state: Tensor, values: Tensor, keys: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States (B, U, H) and contexts (B, U, O) of all target steps."""
        states, contexts = [], []
        for x in embedded.unbind(1):
            context = self.attend(state.unsqueeze(1), values, keys, padding).squeeze(1)
            state = self.cell(torch.cat([x, context], dim=1), state)
            states.append(state)
            contexts.append(context)
        return torch.stack(states, dim=1), torch.stack(contexts, dim=1)

    def attend(self, queries: Tensor, values: Tensor, keys: Tensor, padding: Tensor) -> Tensor:
        """Contexts (B, U, O) of queries (B, U, H)."""
        hidden = torch.tanh(self.query(queries).unsqueeze(2) + keys.unsqueeze(1))
        scores = self.energy(hidden).squeeze(3).masked_fill(padding.transpose(1, 2), -torch.inf)
        return scores.softmax(dim=2) @ values


class BatchedTranslator(Translator):
    """The same without input feeding: recurrent layer and attention are one call each.

    Luong et al. 2015; this is rnnlab's model, number by number. Arguments as for `Translator`.
    """

    def make_decoder(self, embedding: int, hidden: int) -> None:
        """See the base class."""
        self.layer = nn.GRU(embedding, hidden, batch_first=True)

    def decode(
        self, embedded: Tensor, state: Tensor, values: Tensor, keys: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See the base class."""
        states, _ = self.layer(embedded, state.unsqueeze(0))
        return states, self.attend(states, values, keys, padding)
