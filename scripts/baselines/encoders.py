"""Encoders of the baselines: packed as in tutorials, and padded, which is faster."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Packed(nn.Module):
    """Embedding and one recurrent layer over packed sequences, as most tutorials have it.

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
        self.make_layers(layer, embedding, hidden, bidirectional)
        self.size = hidden * (2 if bidirectional else 1)

    def make_layers(
        self, layer: type[nn.RNNBase], embedding: int, hidden: int, bidirectional: bool
    ) -> None:
        """The recurrent part."""
        self.rnn = layer(embedding, hidden, batch_first=True, bidirectional=bidirectional)

    def forward(self, text: Tensor, lengths: Tensor, padding: float = 0.0) -> Tensor:
        """Outputs (B, T, O), with `padding` where there is no word."""
        packed = pack_padded_sequence(
            self.embedding(text), lengths, batch_first=True, enforce_sorted=False
        )
        return pad_packed_sequence(self.rnn(packed)[0], batch_first=True, padding_value=padding)[0]


class Padded(Packed):
    """The same function with fused kernels on padded batches; arguments as those of `Packed`.

    Both directions are exact on ragged batches: the backward one reads each sequence reversed.
    """

    def make_layers(
        self, layer: type[nn.RNNBase], embedding: int, hidden: int, bidirectional: bool
    ) -> None:
        """See the base class."""
        self.rnn = layer(embedding, hidden, batch_first=True)
        self.rnn_reverse = layer(embedding, hidden, batch_first=True) if bidirectional else None

    def forward(self, text: Tensor, lengths: Tensor, padding: float | None = None) -> Tensor:
        """Outputs (B, T, O), with `padding` where there is no word; None leaves anything there."""
        x = self.embedding(text)
        outputs: Tensor = self.rnn(x)[0]
        if self.rnn_reverse is not None:
            index = _mirror(lengths, text.shape[1])
            backward = _take(self.rnn_reverse(_take(x, index))[0], index)
            outputs = torch.cat([outputs, backward], dim=2)
        return (
            outputs if padding is None else outputs.masked_fill(is_padding(text, lengths), padding)
        )


def is_padding(text: Tensor, lengths: Tensor) -> Tensor:
    """True on padding, (B, T, 1)."""
    return (torch.arange(text.shape[1], device=text.device) >= lengths.unsqueeze(1)).unsqueeze(2)


def _mirror(lengths: Tensor, steps: int) -> Tensor:
    """Index (B T,) that reverses each sequence and leaves its padding; its own inverse."""
    step = torch.arange(steps, device=lengths.device)
    mirrored = lengths.unsqueeze(1) - 1 - step
    index = torch.where(mirrored >= 0, mirrored, step)
    first = steps * torch.arange(len(lengths), device=lengths.device)
    return (index + first.unsqueeze(1)).flatten()


def _take(x: Tensor, index: Tensor) -> Tensor:
    return x.flatten(0, 1).index_select(0, index).view(x.shape)
