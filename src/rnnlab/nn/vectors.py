"""Word vectors from a GloVe or word2vec file, for seen and unseen words."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from rnnlab.config.types import NonNegativeFloat, PositiveInt
from rnnlab.data.reading import sha256
from rnnlab.data.source import DatasetInfo, RemoteFile, data_root, find
from rnnlab.data.vector_file import VectorTable, cached_table
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError, DataError
from rnnlab.nn.embedding import Coverage, KeptVectors, TokenEmbedding, Vectors

GLOVE = DatasetInfo(
    title="GloVe 6B word vectors",
    licence="PDDL 1.0",
    files=(
        RemoteFile(
            path="glove/glove.6B.zip",
            urls=("https://nlp.stanford.edu/data/glove.6B.zip",),
            sha256="617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
            size=862_182_613,
        ),
    ),
    counts={"words": 400_000},
)


LARGE = 32_000_000
"""Bytes of vectors that a checkpoint does not hold by itself."""


class FileVectors(Vectors):
    """Vectors of a text file: one word a line, its numbers behind it, single blanks between.

    A file whose name ends in `.bin` or `.bin.gz` is read as word2vec's binary form.

    A token of the training data takes the vector of its word, or of the word in lower case. Tokens
    without one (`<unk>` among them) are drawn from a normal distribution. The other words of the
    file keep their vectors, untrained: `Vocab.extend` gives them ids behind those of training, and
    `module` their rows, whenever a model is made or loaded: from the checkpoint where it holds
    them, else from the same file.

    Args:
        path: The file of vectors: absolute, below `root`, or from the current folder. It may be
            packed (`.gz`, which `path` may leave out), or in GloVe's own zip. None only in a
            configuration where the user has to name one.
        root: The data root; None for `$RNNLAB_DATA`, else the user's cache.
        embedding_dim: Numbers of a vector, as in the file; None for as many as the file has.
        frozen: Do not train the vectors. `<unk>` and words without a vector keep random ones.
        lower_fallback: A word without a vector takes that of its lower-case form.
        std: Standard deviation of the vectors of words without one in the file.
        save: Whether checkpoints hold the vectors of words that did not occur in training, so that
            the file is not needed any more; null: unless they take more than 32 MB.

    Raises:
        ConfigError: On first use: no path was given.
        DataError: On first use: the file is missing, or broken (names the line), or its vectors
            are not of `embedding_dim` numbers.

    Attributes:
        about: Where the file of the shipped configuration comes from.
    """

    about: ClassVar[DatasetInfo] = GLOVE

    def __init__(
        self,
        *,
        path: str | None,
        root: str | None = None,
        embedding_dim: PositiveInt | None = 50,
        frozen: bool = False,
        lower_fallback: bool = True,
        std: NonNegativeFloat = 0.1,
        save: bool | None = None,
    ) -> None:
        self.path = path
        self.root = root
        self.embedding_dim = embedding_dim
        self.frozen = frozen
        self.lower_fallback = lower_fallback
        self.std = std
        self.save = save
        self._kept: KeptVectors | None = None

    @cached_property
    def file(self) -> Path:
        """The file that is read."""
        if self.path is None:
            raise ConfigError("embedding.path: not given; name the file with embedding.path=FILE")
        folder = Path(self.path).parent
        archives = [r.path for r in self.about.files if Path(r.path).parent == folder]
        about = self.about if archives else DatasetInfo(title="word vectors", licence="unknown")
        places = [self.path, f"{self.path}.gz", *archives]
        here = [str(Path.cwd() / place) for place in places if not Path(place).is_absolute()]
        root = data_root(self.root)
        present = next((path for path in here if Path(path).exists()), None)
        name = "glove" if archives else "vectors"
        file = find(root, name, about, places + ([present] if present else []))
        if file.is_dir():
            raise DataError(f"{file}: a folder; name the file of vectors in it")
        return file

    def checksums(self) -> dict[str, str]:
        """sha256 of the file, by its path below the data root."""
        root = data_root(self.root)
        inside = self.file.is_relative_to(root)
        return {str(self.file.relative_to(root) if inside else self.file.name): sha256(self.file)}

    @cached_property
    def table(self) -> VectorTable:
        """All words of the file and their vectors; of a trained model, those that it kept."""
        if self._kept is not None:
            return VectorTable(self._kept.words, self._kept.vectors.numpy())
        file = self.file
        member = Path(self.path or file).name.removesuffix(".gz")
        return cached_table(file, member, self.embedding_dim)

    def to_keep(self, vocab: Vocab) -> KeptVectors | None:
        """See the base class."""
        added = vocab.tokens[vocab.base_size :]
        size = 4 * len(added) * self.table.vectors.shape[1]
        if self.save is False or (self.save is None and size > LARGE):
            return None
        rows = {word: row for row, word in enumerate(self.words)}
        return KeptVectors(list(added), self._vectors(np.array([rows[word] for word in added])))

    def use_kept(self, kept: KeptVectors) -> None:
        """See the base class."""
        self._kept = kept

    @property
    def words(self) -> Sequence[str]:
        """All words of the file, in its order."""
        return self.table.words

    def dry_module(self, vocab: Vocab) -> TokenEmbedding:
        """An embedding of the right sizes, as far as they are known without reading the file."""
        known = self.embedding_dim or 1
        size = self.table.vectors.shape[1] if "table" in vars(self) else known
        return TokenEmbedding(torch.empty(vocab.base_size, size), None, frozen=self.frozen)

    def module(self, vocab: Vocab) -> TokenEmbedding:
        """A newly initialised embedding; random numbers come from torch's global generator."""
        # a file's own <unk> or <pad> is a word like others; here they are none
        rows = {w: row for row, w in enumerate(self.words) if w not in (PAD, UNK)}
        base, added = vocab.tokens[: vocab.base_size], vocab.tokens[vocab.base_size :]
        exact = [rows.get(token, -1) for token in base]
        found = [
            row if row >= 0 or not self.lower_fallback else rows.get(token.lower(), -1)
            for token, row in zip(base, exact, strict=True)
        ]
        looked_up = Coverage(
            words=sum(token not in (PAD, UNK) for token in base),
            exact=sum(row >= 0 for row in exact),
            lowered=sum(row >= 0 for row in found) - sum(row >= 0 for row in exact),
        )
        self.coverage = None if self._kept else looked_up
        picked = np.array(found)
        table = torch.randn(len(base), self.table.vectors.shape[1]) * self.std
        table[picked >= 0] = self._vectors(picked[picked >= 0])
        extension = self._vectors(np.array([rows[word] for word in added])) if added else None
        return TokenEmbedding(table, extension, frozen=self.frozen)

    def _vectors(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.table.vectors[rows.astype(np.int64)])
