"""The baseline without memory: every word is read by itself."""

from collections.abc import Callable
from functools import partial
from typing import cast

from torch import nn

from rnnlab.config.types import PositiveInt, Probability
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
        embedding: From a batch's `inputs` to features (B, T, D); has `output_size` D.
        cell: Left to a decoder, and to `characters=recurrent`; nothing here remembers.
        hidden_size: Features of the feed-forward layer; None for no such layer.
        input_dropout: Probability of zeroing an embedded feature.
        output_dropout: Probability of zeroing a feature of the outputs, and of the mean.
        word_dropout: Probability of zeroing a whole word (Iyyer et al. call it that, too).
        variational_dropout: Zero a feature at all steps of a sequence or at none.
    """

    def __init__(
        self,
        embedding: nn.Module,
        cell: CellFactory,
        *,
        hidden_size: PositiveInt | None = None,
        input_dropout: Probability = 0.0,
        output_dropout: Probability = 0.0,
        word_dropout: Probability = 0.0,
        variational_dropout: bool = False,
    ) -> None:
        layer: Callable[[int], nn.Module] = partial(PerWord, hidden_size=hidden_size)
        super().__init__(
            embedding,
            cast("CellFactory", layer),  # all that a stack in one direction asks for
            input_dropout=input_dropout,
            output_dropout=output_dropout,
            word_dropout=word_dropout,
            variational_dropout=variational_dropout,
        )
        self.cell = cell
