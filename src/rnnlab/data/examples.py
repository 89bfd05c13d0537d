"""Batches of similar length, shuffled by seed and epoch, the same number for every process."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.characters import CharacterIds
from rnnlab.data.loader import Loader
from rnnlab.data.ragged import Ragged
from rnnlab.errors import DataError

POOL = 50
"""Batches in a pool: a shuffled pool is sorted by length and cut into batches."""


@dataclass(frozen=True)
class Examples:
    """A split, ready to be cut into batches.

    Attributes:
        inputs: Token ids, or features (N, T, F) float32 of one common length; a subclass may have
            features of unequal length.
        target: Labels int64 (N,), values float32 (N, K), or one sequence of ids an example (tags,
            as long as its input, or longer where the input was cut; or tokens with `<s>` first and
            `</s>` last).
        texts: The target texts as they stand in the file (N,), for scoring; None where targets
            are not texts.
        characters: Characters of the inputs (N,); None where no model reads them.
        blank: Which inputs have no tokens and stand as `<unk>`, bool (N,); None for none.
        places: Where each stands (a file and its line), for messages; None where not known.
    """

    inputs: Ragged | np.ndarray
    target: Ragged | np.ndarray
    texts: Sequence[str] | None = None
    characters: CharacterIds | None = None
    blank: np.ndarray | None = None
    places: Sequence[str] | None = None

    def __post_init__(self) -> None:
        parts = (self.inputs, self.target, self.texts, self.characters)
        sizes = {len(part) for part in parts if part is not None}
        if len(sizes) > 1:
            raise ValueError(f"{len(self.inputs)} inputs, {len(self.target)} targets")

    def __len__(self) -> int:
        """Number of examples N."""
        return len(self.inputs)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each input, int64 (N,)."""
        if isinstance(self.inputs, Ragged):
            return self.inputs.lengths
        return np.full(len(self.inputs), self.inputs.shape[1], dtype=np.int64)

    def target_ids(self) -> np.ndarray:
        """The ids of all targets that are labels, tags or tokens, one behind the other.

        Of targets that are numbers the values (N, K).
        """
        return self.target.values if isinstance(self.target, Ragged) else self.target

    def padded(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """The chosen inputs, (B, T) or (B, T, F), and their lengths (B,)."""
        if isinstance(self.inputs, Ragged):
            return self.inputs.pad(rows, fill=0)
        inputs = torch.from_numpy(self.inputs[rows])
        return inputs, torch.full((len(rows),), inputs.shape[1])

    def batch(self, rows: np.ndarray) -> Batch:
        """The chosen examples as one padded batch."""
        inputs, lengths = self.padded(rows)
        target: Tensor
        target_lengths = target_tokens = None
        if isinstance(self.target, Ragged):
            target, target_lengths = self.target.pad(rows, fill=IGNORE)
            target_tokens = int(target_lengths.sum())
        else:
            target = torch.from_numpy(self.target[rows])
        words = None if self.characters is None else self.characters.batch(rows)
        tokens = int(lengths.sum())
        blank = None if self.blank is None else torch.from_numpy(self.blank[rows])
        return Batch(
            inputs, lengths, target, target_lengths, tokens, words, target_tokens, blank=blank
        )

    def loader(self, batch_size: int, **options: Any) -> "BatchLoader":
        """Batches for one process; options are those of `Loader`."""
        return BatchLoader(self, batch_size, **options)


def bucket_batches(
    lengths: np.ndarray,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int = 0,
    epoch: int = 0,
    world_size: int = 1,
) -> list[np.ndarray]:
    """Which examples make which batch: row numbers of every batch of an epoch.

    All examples are permuted, cut into pools, each pool is sorted by length and cut into batches,
    and the batches are permuted: little padding, and every example once an epoch. With `shuffle`
    a pool is `POOL` batches and the order depends on `seed` and the epoch alone. Without, it is
    the whole split, and the order never changes; it is permuted all the same, so that the first
    few batches are a fair sample where a file is sorted by label or length.

    With several processes a batch is what all of them read in one step, `world_size` times as
    many: process r takes `batch[r::world_size]`, and all wait for each other as little as rows that
    are neighbours in length differ. Too few rows for one each go to the batch before.
    """
    rng = np.random.default_rng((seed, epoch) if shuffle else 0)
    rows = rng.permutation(len(lengths))
    batches: list[np.ndarray] = []
    together = world_size * batch_size
    size = POOL * together if shuffle else max(1, len(rows))
    for pool in np.split(rows, _cuts(len(rows), size, world_size)):
        ordered = pool[np.argsort(lengths[pool], kind="stable")]
        batches += np.split(ordered, _cuts(len(pool), together, world_size))
    return [batches[i] for i in rng.permutation(len(batches))]


def _cuts(count: int, size: int, least: int) -> range:
    """Where `count` rows are cut into pieces of `size`, so that the last has `least` or more."""
    return range(size, count - least + 1, size)


def balanced_rows(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many row numbers as there are rows, int64 (N,), each class equally often.

    Where the classes cannot share evenly, some that are drawn at random get one row more. Within a
    class no row comes more than once oftener than another.

    Args:
        classes: The class of each row (N,).
        rng: Draws the rows.
    """
    labels = rng.permutation(np.unique(classes))
    chosen: list[np.ndarray] = []
    for share in np.array_split(np.arange(len(classes)), len(labels)):
        members = np.flatnonzero(classes == labels[len(chosen)])
        whole, rest = divmod(len(share), len(members))
        chosen.append(np.append(np.tile(members, whole), rng.permutation(members)[:rest]))
    return np.concatenate(chosen)


@dataclass(eq=False)
class BatchLoader(Loader):
    """Batches of examples, gathered from flat arrays.

    Of several processes each gets its share of the examples, each example once an epoch, and the
    same number of training batches: in every step batches of about one length.

    Attributes:
        balanced: Instead of each example once, each label equally often; see `balanced_rows`.

    Raises:
        DataError: More processes than examples.
    """

    data: Examples
    _: KW_ONLY
    balanced: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        size = len(self.data)
        if size < self.world_size:
            raise DataError(f"{size} sequences cannot be shared by {self.world_size} processes")
        share = slice(None) if self.shuffle else slice(self.rank, None, self.world_size)
        self._rows = np.arange(size)[share]

    def __len__(self) -> int:
        """Batches an epoch for this process."""
        world_size = self.world_size if self.shuffle else 1
        return 1 + len(_cuts(len(self._rows), world_size * self.batch_size, world_size))

    def plan(self) -> list[np.ndarray]:
        """The numbers, in the split, of the examples of each batch of this epoch."""
        share = self.world_size if self.shuffle else 1
        chosen = self._rows
        if self.balanced:
            rng = np.random.default_rng((self.seed, self.epoch, 1))  # not that of the order
            chosen = balanced_rows(self.data.target_ids(), rng)
        batches = bucket_batches(
            self.data.lengths[chosen],
            self.batch_size,
            shuffle=self.shuffle,
            seed=self.seed,
            epoch=self.epoch,
            world_size=share,
        )
        return [chosen[rows[self.rank % share :: share]] for rows in batches]

    def make(self, item: np.ndarray) -> Batch:
        """The examples of these numbers."""
        return self.data.batch(item)

    def reference_texts(self) -> list[str] | None:
        """Target texts in the order of this epoch's batches; None where targets are not texts."""
        texts = self.data.texts
        return None if texts is None else [texts[row] for rows in self.plan() for row in rows]
