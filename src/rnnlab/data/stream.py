"""One long text as parallel streams, cut into batches that continue each other."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from rnnlab.data.batch import IGNORE, Batch, TokenSize
from rnnlab.data.loader import Loader
from rnnlab.errors import DataError


@dataclass(frozen=True)
class Stream:
    """A split as one sequence of tokens; each is to be predicted from those before it.

    Attributes:
        inputs: Token ids, int32 (N,).
        target: The same tokens in the vocabulary of the targets, int32 (N,).
        bptt: Steps T of a batch: how far gradients reach back.
        vary: Draw the steps of each training batch at random (see `drawn_bounds`).
        eval_batch_size: Streams of a batch that is evaluated; None for as many as in training.
        carry: Whether a batch continues the one before; otherwise its rows stand alone.
        eval_stride: Of evaluated rows that stand alone, the steps that each adds; those before
            them, up to T in all, are read again and not counted. None for T: nothing is read again.
        token_size: What a token stands for; None where that is not known.
    """

    inputs: np.ndarray
    target: np.ndarray
    bptt: int
    vary: bool = False
    eval_batch_size: int | None = None
    carry: bool = True
    eval_stride: int | None = None
    token_size: TokenSize | None = None

    def __len__(self) -> int:
        """Number of tokens N."""
        return len(self.inputs)

    def target_ids(self) -> np.ndarray:
        """The ids of all tokens to predict: all but the first."""
        return self.target[1:]

    def loader(self, batch_size: int, **options: Any) -> "StreamLoader":
        """Batches for one process; options are those of `Loader`."""
        return StreamLoader(self, batch_size, **options)


def drawn_bounds(steps: int, bptt: int, rng: np.random.Generator) -> list[int]:
    """First step of each batch, and the end of the last, from 0 to `steps`, drawn at random.

    The steps of each batch are drawn from a normal distribution around T with standard deviation
    5, around T / 2 in one of twenty cases: no token is always at the start of a batch, where least
    is learnt (Merity et al. 2018, arXiv:1708.02182, section 5). They are then scaled, so that an
    epoch has the same number of batches as without.
    """
    count = -(-steps // bptt)
    middle = np.where(rng.random(count) < 0.05, bptt / 2, bptt)
    drawn = np.maximum(rng.normal(middle, 5.0), min(5, bptt))
    # rounding down leaves each batch a step at least: there are `count` of `steps`
    spare = np.concatenate([[0], drawn.cumsum() / drawn.sum()]) * (steps - count)
    return list(map(int, np.floor(spare + 1e-9) + np.arange(count + 1)))


@dataclass(eq=False)
class StreamLoader(Loader):
    """A text as B parallel streams: B is `batch_size`, and less where the text is shorter.

    The text is cut into B pieces of equal length, the last one up to B - 1 steps shorter: there
    targets are `IGNORE`. Row b of a batch continues row b of the batch before. Every token but the
    first is predicted exactly once, by one process.

    Raises:
        DataError: Fewer tokens to predict than processes.
    """

    data: Stream

    def __post_init__(self) -> None:
        super().__post_init__()
        stream, world_size = self.data, self.world_size
        total = len(stream) - 1
        streams = self.batch_size if self.shuffle else stream.eval_batch_size or self.batch_size
        steps = max(1, -(-total // (streams * world_size)))
        rows = -(-total // steps)
        if rows < world_size:
            raise DataError(
                f"a text of {len(stream)} tokens has {max(0, rows)} to predict; they cannot be "
                f"shared by {world_size} processes"
            )
        padding = rows * steps - total
        # 32 bits until a batch is made: a text can have tens of millions of tokens
        inputs = np.pad(stream.inputs[:-1], (0, padding))
        target = np.pad(stream.target[1:], (0, padding), constant_values=IGNORE)
        share = np.array_split(np.arange(rows), world_size)[self.rank]
        self.inputs = torch.from_numpy(inputs.reshape(rows, steps)[share])
        self.target = torch.from_numpy(target.reshape(rows, steps)[share])
        self._real = np.concatenate([[0], (self.target != IGNORE).sum(0).cumsum(0).numpy()])

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.plan())

    @property
    def _stride(self) -> int | None:
        return None if self.shuffle or self.data.carry else self.data.eval_stride

    def plan(self) -> list[tuple[int, int]]:
        """The first step of each batch of this epoch, and the step after its last."""
        steps, bptt = self.inputs.shape[1], self.data.bptt
        bounds = [*range(0, steps, self._stride or bptt), steps]
        if self.data.vary and self.shuffle:
            bounds = drawn_bounds(steps, bptt, np.random.default_rng((self.seed, self.epoch)))
        return list(pairwise(bounds))

    def make(self, item: tuple[int, int]) -> Batch:
        """The steps of all streams between two bounds."""
        first, last = item
        begin = first if self._stride is None else max(0, last - self.data.bptt)
        inputs = self.inputs[:, begin:last].long().contiguous()
        target = self.target[:, begin:last].long().contiguous()
        target[:, : first - begin] = IGNORE
        count = int(self._real[last] - self._real[first])
        return Batch(
            inputs,
            torch.full((len(inputs),), last - begin),
            target,
            tokens=count,
            target_tokens=count,
            carry=first > 0 if self.data.carry else None,
            share=(last - first) / self.data.bptt,
            token_size=self.data.token_size,
        )
