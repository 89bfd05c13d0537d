"""Models in plain PyTorch that start as those of other programs do, written out."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torchcrf import CRF

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Spec
from rnnlab.nn.metrics import EntityF1
from rnnlab.nn.text_scores import Bleu

Scores = dict[str, float]


class Keras(nn.Module):
    """Embedding, LSTM and Dense as Keras 3 starts them; the last real step is classified."""

    clip = None

    def __init__(self, spec: Spec, *, embedding: int = 100, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(spec.source_vocab), embedding)
        self.rnn = nn.LSTM(embedding, hidden, batch_first=True)
        self.head = nn.Linear(hidden, spec.target_size)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        nn.init.xavier_uniform_(self.rnn.weight_ih_l0)  # one matrix of all gates, unlike rnnlab's
        nn.init.orthogonal_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.ones_(self.rnn.bias_ih_l0.data[hidden : 2 * hidden])  # of the forget gate
        nn.init.zeros_(self.rnn.bias_hh_l0).requires_grad_(False)  # Keras has one bias
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.optimizer = torch.optim.Adam(self.parameters(), eps=1e-7)

    def _logits(self, batch: Batch) -> Tensor:
        outputs = self.rnn(self.embedding(batch.inputs))[0]
        logits: Tensor = self.head(outputs[torch.arange(len(batch)), batch.lengths - 1])
        return logits

    def loss(self, batch: Batch) -> Tensor:
        """Cross entropy."""
        return functional.cross_entropy(self._logits(batch), batch.target)

    def score(self, batches: list[Batch], texts: list[str] | None) -> Scores:
        """Accuracy."""
        right = [(self._logits(b).argmax(1) == b.target).float() for b in batches]
        return {"accuracy": float(torch.cat(right).mean())}


class Flair(nn.Module):
    """BiLSTM-CRF as flair's `SequenceTagger` on trained word vectors: torch's own initialisation.

    Its dropout too: 5 % of the words, and half of the features, the same at all steps.
    """

    clip = 5.0

    def __init__(self, spec: Spec, *, embedding: int = 100, hidden: int = 128) -> None:
        super().__init__()
        self.tags = spec.target_vocab.tokens
        self.embedding = nn.Embedding(len(spec.source_vocab), embedding)
        self.reproject = nn.Linear(embedding, embedding)
        self.rnn = nn.LSTM(embedding, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, spec.target_size)
        self.crf = CRF(spec.target_size, batch_first=True)
        nn.init.xavier_uniform_(self.embedding.weight)
        for potentials in self.crf.parameters():
            nn.init.normal_(potentials)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=0.003)

    def _emissions(self, batch: Batch) -> Tensor:
        x = self.embedding(batch.inputs)
        if self.training:
            x = x * (torch.rand(*x.shape[:2], 1) > 0.05)
            x = x * (torch.rand(len(x), 1, x.shape[2]) > 0.5) / 0.5
        x = self.reproject(x)
        packed = pack_padded_sequence(x, batch.lengths, batch_first=True, enforce_sorted=False)
        outputs = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0]
        if self.training:
            outputs = outputs * (torch.rand(len(x), 1, outputs.shape[2]) > 0.5) / 0.5
        emissions: Tensor = self.head(outputs)
        return emissions

    def loss(self, batch: Batch) -> Tensor:
        """Negative log-likelihood of a tag."""
        real = batch.target != IGNORE
        nll = self.crf(self._emissions(batch), batch.target.clamp(min=0), real, reduction="sum")
        return -nll / real.sum()

    def score(self, batches: list[Batch], texts: list[str] | None) -> Scores:
        """Entity F1."""
        metric = EntityF1(self.tags)
        for batch in batches:
            found = self.crf.decode(self._emissions(batch), batch.target != IGNORE)
            rows = [torch.tensor(row) for row in found]
            metric.update(nn.utils.rnn.pad_sequence(rows, batch_first=True), batch.target)
        return {"f1": float(metric.compute()["f1"])}


class OpenNMT(nn.Module):
    """Translator as OpenNMT-py makes it: all weights uniform between -0.1 and 0.1.

    A bidirectional LSTM with half of the units a direction, an LSTM decoder with input feeding,
    "general" attention (Luong et al. 2015), dropout of 0.3.
    """

    clip = 5.0

    def __init__(self, spec: Spec, *, embedding: int = 256, hidden: int = 256) -> None:
        super().__init__()
        self.vocab, self.tokenizer = spec.target_vocab, spec.target_tokenizer
        self.source = nn.Embedding(len(spec.source_vocab), embedding)
        self.target = nn.Embedding(len(self.vocab), embedding)
        self.encoder = nn.LSTM(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.cell = nn.LSTMCell(embedding + hidden, hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.readout = nn.Linear(2 * hidden, hidden, bias=False)
        self.output = nn.Linear(hidden, len(self.vocab))
        self.dropout = nn.Dropout(0.3)
        for weights in self.parameters():
            nn.init.uniform_(weights, -0.1, 0.1)
        self.optimizer = torch.optim.Adam(self.parameters())

    def _start(self, batch: Batch) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], Tensor]:
        """The source's outputs, its padding, the decoder's state, and the readout before."""
        embedded = self.dropout(self.source(batch.inputs))
        packed = pack_padded_sequence(
            embedded, batch.lengths, batch_first=True, enforce_sorted=False
        )
        packed_outputs, (hidden, cell) = self.encoder(packed)
        values = pad_packed_sequence(packed_outputs, batch_first=True)[0]
        padding = torch.arange(values.shape[1]) >= batch.lengths.unsqueeze(1)
        state = (torch.cat([*hidden], dim=1), torch.cat([*cell], dim=1))
        return values, padding, state, torch.zeros_like(state[0])

    def _step(
        self,
        tokens: Tensor,
        values: Tensor,
        padding: Tensor,
        state: tuple[Tensor, Tensor],
        fed: Tensor,
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        embedded = self.dropout(self.target(tokens))
        state = self.cell(torch.cat([embedded, fed], dim=1), state)
        scores = (values @ self.query(state[0]).unsqueeze(2)).squeeze(2)
        weights = scores.masked_fill(padding, -torch.inf).softmax(dim=1)
        context = (weights.unsqueeze(1) @ values).squeeze(1)
        readout = torch.tanh(self.readout(torch.cat([context, state[0]], dim=1)))
        return state, self.dropout(readout)

    def loss(self, batch: Batch) -> Tensor:
        """Cross entropy of a token."""
        values, padding, state, fed = self._start(batch)
        readouts = []
        for tokens in batch.target[:, :-1].clamp(min=0).unbind(1):
            state, fed = self._step(tokens, values, padding, state, fed)
            readouts.append(fed)
        labels = batch.target[:, 1:]
        real = labels != IGNORE
        return functional.cross_entropy(
            self.output(torch.stack(readouts, dim=1)[real]), labels[real]
        )

    def score(self, batches: list[Batch], texts: list[str] | None) -> Scores:
        """BLEU of the translations found step by step."""
        assert self.tokenizer is not None
        metric = Bleu()
        found = []
        for batch in batches:
            values, padding, state, fed = self._start(batch)
            tokens = torch.full((len(batch),), self.vocab.start_id)
            rows = []
            for _ in range(2 * batch.inputs.shape[1] + 10):
                state, fed = self._step(tokens, values, padding, state, fed)
                tokens = self.output(fed).argmax(dim=1)
                rows.append(tokens)
            for row in torch.stack(rows, dim=1).tolist():
                end = row.index(self.vocab.end_id) if self.vocab.end_id in row else len(row)
                found.append(self.tokenizer.join([self.vocab.tokens[i] for i in row[:end]]))
        assert texts is not None
        metric.update(found, texts[: len(found)])
        return {"bleu": float(metric.compute()["bleu"])}


Plain = Callable[[Spec], Any]
"""Makes a model of the sizes that data asks for: `loss`, `score`, `optimizer` and `clip`."""
