"""Translation as most tutorials have it: packed sequences, and a decoder that goes step by step.

The model is that of the widely copied notebooks on Bahdanau et al. 2015: the context goes into the
decoder's cell and, with state and embedding, straight into the output layer.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from baselines.loop import IGNORE


class Attention(nn.Module):
    """Weights of the source steps, for one decoder step."""

    def __init__(self, encoded: int, hidden: int) -> None:
        super().__init__()
        self.attn = nn.Linear(encoded + hidden, hidden)
        self.v = nn.Linear(hidden, 1, bias=False)

    def forward(self, hidden: Tensor, encoder_outputs: Tensor, mask: Tensor) -> Tensor:
        """(B, T) of (B, H), (B, T, O) and (B, T)."""
        repeated = hidden.unsqueeze(1).repeat(1, encoder_outputs.shape[1], 1)
        energy = torch.tanh(self.attn(torch.cat((repeated, encoder_outputs), dim=2)))
        attention = self.v(energy).squeeze(2).masked_fill(mask == 0, -1e10)
        return torch.softmax(attention, dim=1)


class Translator(nn.Module):
    """Encoder and decoder with teacher forcing.

    Args:
        words: Sizes of source and target vocabulary; 0 is padding in both.
        embedding: Features of a word.
        hidden: Hidden units of a direction, of the decoder and of the attention.
    """

    def __init__(self, words: tuple[int, int], *, embedding: int, hidden: int) -> None:
        super().__init__()
        source, target = words
        self.source_embedding = nn.Embedding(source, embedding, padding_idx=0)
        self.encoder = nn.GRU(embedding, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(hidden * 2, hidden)
        self.attention = Attention(hidden * 2, hidden)
        self.target_embedding = nn.Embedding(target, embedding)
        self.decoder = nn.GRU(embedding + hidden * 2, hidden, batch_first=True)
        self.fc_out = nn.Linear(embedding + hidden * 3, target)
        self.criterion = nn.CrossEntropyLoss(ignore_index=IGNORE)

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch; `target` has start and end."""
        packed = pack_padded_sequence(
            self.source_embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        packed_outputs, final = self.encoder(packed)
        encoder_outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True)
        hidden = torch.tanh(self.fc(torch.cat((final[-2], final[-1]), dim=1)))
        mask = source != 0
        size = self.fc_out.out_features
        outputs = torch.zeros(len(target), target.shape[1] - 1, size)
        for t in range(target.shape[1] - 1):
            prediction, hidden = self.step(target[:, t].clamp(min=0), hidden, encoder_outputs, mask)
            outputs[:, t] = prediction
        return self.criterion(outputs.view(-1, size), target[:, 1:].reshape(-1))

    def step(
        self, token: Tensor, hidden: Tensor, encoder_outputs: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Scores of the next word (B, V) and the next state (B, H)."""
        embedded = self.target_embedding(token)
        weights = self.attention(hidden, encoder_outputs, mask)
        context = torch.bmm(weights.unsqueeze(1), encoder_outputs).squeeze(1)
        cell_input = torch.cat((embedded, context), dim=1).unsqueeze(1)
        output, state = self.decoder(cell_input, hidden.unsqueeze(0))
        prediction = self.fc_out(torch.cat((output.squeeze(1), context, embedded), dim=1))
        return prediction, state.squeeze(0)
