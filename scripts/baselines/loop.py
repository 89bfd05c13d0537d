"""The training loop around every baseline, and how it makes its batches."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Subset

IGNORE = -100
"""Padding of targets; `cross_entropy` leaves it out."""

Example = tuple[Tensor, Tensor]
"""Token ids (T,), and a label () or a sequence of tags or tokens (U,); all int64."""

Batch = tuple[Tensor, Tensor, Tensor]
"""Padded token ids (B, T), lengths (B,), targets (B,) or (B, U) padded with `IGNORE`."""

Batches = Callable[[Sequence[Example], int], Iterator[Batch]]
"""From examples and a batch size to the batches of one pass over them."""


def collate(examples: Sequence[Example]) -> Batch:
    """Pad the longest way."""
    sequences, targets = zip(*examples, strict=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    inputs = pad_sequence(list(sequences), batch_first=True)
    if targets[0].dim() == 0:
        return inputs, lengths, torch.stack(list(targets))
    return inputs, lengths, pad_sequence(list(targets), batch_first=True, padding_value=IGNORE)


def shuffled(examples: Sequence[Example], batch_size: int) -> Iterator[Batch]:
    """What a `DataLoader` gives: any lengths in one batch."""
    data: Subset[Example] = Subset(examples, range(len(examples)))  # type: ignore[arg-type]
    return iter(DataLoader(data, batch_size, shuffle=True, collate_fn=collate))


def bucketed(examples: Sequence[Example], batch_size: int) -> Iterator[Batch]:
    """Batches of similar length, in random order."""
    order = sorted(range(len(examples)), key=lambda row: len(examples[row][0]))
    starts = range(0, len(order), batch_size)
    for place in torch.randperm(len(starts)).tolist():
        rows = order[starts[place] : starts[place] + batch_size]
        yield collate([examples[row] for row in rows])


def in_order(examples: Sequence[Example], batch_size: int) -> Iterator[Batch]:
    """Batches of the examples as they come."""
    for start in range(0, len(examples), batch_size):
        yield collate(examples[start : start + batch_size])


class Loop:
    """A model with its optimiser.

    Args:
        model: Called with a batch's tensors, gives the loss.
        optimizer: Over its parameters.
        batches: How it makes batches of examples.
        batch_size: Examples in a batch.
        clip: Largest gradient norm; None where nothing is clipped.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        batches: Batches,
        *,
        batch_size: int,
        clip: float | None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.batches = batches
        self.batch_size = batch_size
        self.clip = clip

    @property
    def parameters(self) -> int:
        """Numbers that are learnt."""
        return sum(p.numel() for p in self.model.parameters())

    def train(self, examples: Sequence[Example]) -> float:
        """One pass; the mean loss of its batches."""
        total, steps = 0.0, 0
        self.model.train()
        for batch in self.batches(examples, self.batch_size):
            self.optimizer.zero_grad()
            loss = self.model(*batch)
            loss.backward()
            if self.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
            self.optimizer.step()
            total += loss.item()
            steps += 1
        return total / steps

    def rehearse(self, examples: Sequence[Example]) -> None:
        """Forward and backward of the same batches, without learning: what caches need."""
        for batch in self.batches(examples, self.batch_size):
            self.model(*batch).backward()
        self.optimizer.zero_grad()
