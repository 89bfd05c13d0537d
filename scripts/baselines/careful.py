"""By someone who knows what is slow: padded batches, fused kernels, work moved out of loops.

Both directions are exact on ragged batches: the backward one reads each sequence reversed.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.loop import IGNORE


class Encoder(nn.Module):
    """Embedding and one recurrent layer, in one or both directions.

    Args:
        layer: `nn.LSTM` or `nn.GRU`.
        words: Size of the vocabulary; 0 is padding.
        embedding: Features of a word.
        hidden: Hidden units of a direction.
        bidirectional: Read in both directions.
    """

    def __init__(
        self,
        layer: type[nn.RNNBase],
        words: int,
        *,
        embedding: int,
        hidden: int,
        bidirectional: bool,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding, padding_idx=0)
        self.ahead = layer(embedding, hidden, batch_first=True)
        self.back = layer(embedding, hidden, batch_first=True) if bidirectional else None
        self.size = hidden * (2 if bidirectional else 1)

    def forward(self, text: Tensor, lengths: Tensor) -> Tensor:
        """Outputs (B, T, O); anything on padding."""
        x = self.embedding(text)
        outputs: Tensor = self.ahead(x)[0]
        if self.back is None:
            return outputs
        index = _mirror(lengths, text.shape[1])
        back = _take(self.back(_take(x, index))[0], index)
        return torch.cat([outputs, back], dim=2)


class Classifier(nn.Module):
    """One label a text, from the largest value of each feature over its steps.

    Arguments as those of `Encoder`, and the number of labels.
    """

    def __init__(
        self,
        layer: type[nn.RNNBase],
        words: int,
        labels: int,
        *,
        embedding: int,
        hidden: int,
        bidirectional: bool,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            layer, words, embedding=embedding, hidden=hidden, bidirectional=bidirectional
        )
        self.head = nn.Linear(self.encoder.size, labels)

    def forward(self, text: Tensor, lengths: Tensor, label: Tensor) -> Tensor:
        """The loss of a batch."""
        outputs = self.encoder(text, lengths).masked_fill(_padding(text, lengths), -torch.inf)
        return functional.cross_entropy(self.head(outputs.max(dim=1).values), label)


class Tagger(nn.Module):
    """One tag a word; arguments as those of `Encoder`, and tags as `labels`."""

    def __init__(
        self,
        layer: type[nn.RNNBase],
        words: int,
        labels: int,
        *,
        embedding: int,
        hidden: int,
        bidirectional: bool,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            layer, words, embedding=embedding, hidden=hidden, bidirectional=bidirectional
        )
        self.head = nn.Linear(self.encoder.size, labels)

    def forward(self, text: Tensor, lengths: Tensor, tags: Tensor) -> Tensor:
        """The loss of a batch."""
        scores = self.head(self.encoder(text, lengths))
        return functional.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=IGNORE)


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
        self.encoder = Encoder(
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
        ahead, back = values.chunk(2, dim=2)
        final = torch.cat([ahead[torch.arange(len(source)), lengths - 1], back[:, 0]], dim=1)
        padding = _padding(source, lengths)
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


def _padding(text: Tensor, lengths: Tensor) -> Tensor:
    """True on padding, (B, T, 1)."""
    return (torch.arange(text.shape[1]) >= lengths.unsqueeze(1)).unsqueeze(2)


def _mirror(lengths: Tensor, steps: int) -> Tensor:
    """Index (B T,) that reverses each sequence and leaves its padding; its own inverse."""
    step = torch.arange(steps)
    mirrored = lengths.unsqueeze(1) - 1 - step
    index = torch.where(mirrored >= 0, mirrored, step)
    return (index + steps * torch.arange(len(lengths)).unsqueeze(1)).flatten()


def _take(x: Tensor, index: Tensor) -> Tensor:
    return x.flatten(0, 1).index_select(0, index).view(x.shape)
