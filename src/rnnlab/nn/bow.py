"""The baseline without memory: every word is read by itself."""

from typing import Any

from torch import nn

from rnnlab.config.types import PositiveInt
from rnnlab.layers.base import CellFactory
from rnnlab.layers.per_word import PerWord
from rnnlab.nn.encoder import Encoder


class BagOfWords(Encoder):
    """A bag of embeddings (Iyyer et al. 2015; Joulin et al. 2017): no recurrent layer.

    Outputs are the embedded words, each through the same feed-forward layer if there is one;
    `final` is their mean. Tasks are the same as on a recurrent encoder: a label is read from a bag
    of words, a tag from its own word alone, and a decoder, whose layers are still those of `cell`,
    starts from the mean.

    Args:
        embedding: See `Encoder`.
        cell: For a decoder and for `characters=recurrent`; nothing here remembers.
        hidden_size: Features of the feed-forward layer; None for no such layer.
        **options: Those of `Encoder`.
    """

    def __init__(
        self,
        embedding: nn.Module,
        cell: CellFactory,
        *,
        hidden_size: PositiveInt | None = None,
        **options: Any,
    ) -> None:
        super().__init__(embedding, cell, **options)
        self.stack([PerWord(self.input_size, hidden_size=hidden_size)])
