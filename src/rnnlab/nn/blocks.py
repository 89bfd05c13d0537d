"""The encoder of residual blocks: with attention a Transformer, with other cells as deep."""

from functools import partial
from typing import Annotated, Any

from annotated_types import Ge, Le
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.config.types import PositiveInt, Probability
from rnnlab.layers.attention import GPT2_STD
from rnnlab.layers.base import CellFactory
from rnnlab.layers.padding import zero_padding
from rnnlab.nn.block import MLP, NORMS, Block, Norm, Ratio
from rnnlab.nn.block_decoder import BlockDecoder
from rnnlab.nn.encoder import Encoder


class BlockEncoder(Encoder):
    """Residual blocks (see `Block`) around layers of the chosen cell, and a norm behind the last.

    Args:
        embedding: See `Encoder`; a linear layer maps to `model_size` where that differs.
        cell: See `Encoder`; `cell.hidden_size` may differ from `model_size`.
        num_layers: Blocks of the stack.
        model_size: Features of the residual stream, and of the outputs.
        bidirectional: Read the sequence in both directions: of an attention all steps see all, of
            another cell each block has two.
        norm: What normalises before each part of a block: `rms` or `layer`.
        mlp: Second half of a block: `gelu`, `gated` (SwiGLU) or `none`.
        mlp_ratio: Hidden units of the MLP over `model_size`.
        final_norm: Normalise the outputs of the last block.
        dropout: Probability of zeroing a feature that a part of a block adds.
        weight_dropout: Probability of zeroing a recurrent weight, for a whole batch (DropConnect).
        init_from: Checkpoint or run folder that training starts from. It is read by
            `rnnlab.training.pretrained` and changes nothing here.
        **options: Those of `Encoder`.

    Raises:
        ConfigError: `weight_dropout` of a cell that names no recurrent weights.
    """

    def __init__(
        self,
        embedding: nn.Module,
        cell: CellFactory,
        *,
        num_layers: Annotated[int, Ge(1), Le(1000)] = 2,
        model_size: PositiveInt = 128,
        bidirectional: bool = False,
        norm: Norm = "rms",
        mlp: MLP = "gelu",
        mlp_ratio: Ratio = 4.0,
        final_norm: bool = True,
        dropout: Probability = 0.0,
        weight_dropout: Probability = 0.0,
        init_from: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(embedding, cell, **options)
        self.bidirectional, self.weight_dropout = bidirectional, weight_dropout
        self.input: nn.Module = nn.Identity()
        if self.input_size != model_size:
            self.input = nn.Linear(self.input_size, model_size)
            nn.init.normal_(self.input.weight, std=GPT2_STD)
            nn.init.zeros_(self.input.bias)
        self._block = partial(Block, size=model_size, norm=norm, mlp=mlp, mlp_ratio=mlp_ratio)
        self._norm = partial(NORMS[norm], model_size) if final_norm else nn.Identity
        self.stack(
            [
                self._block(
                    self.directions(model_size),
                    num_layers=num_layers,
                    dropout=partial(self.dropout_of, dropout),
                    both=bidirectional,
                )
                for _ in range(num_layers)
            ]
        )
        self.norm: nn.Module = self._norm()

    def decoder(self, vocab_size: int, **options: Any) -> BlockDecoder:
        """See `Encoder.decoder`: of blocks like these, with cross-attention.

        Args:
            vocab_size: Tokens that it writes.
            **options: Those of `rnnlab.nn.block_decoder.BlockDecoder`.
        """
        size = self.output_size
        return BlockDecoder(self.cell, self._block, self._norm(), size, size, vocab_size, **options)

    def before_layers(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T S"]:
        """See `Encoder.before_layers`."""
        mapped: Tensor = self.input(x)
        return mapped

    def after_layers(
        self, x: Float[Tensor, "B T S"], lengths: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B T S"]:
        """See `Encoder.after_layers`: the final norm."""
        return zero_padding(self.norm(x), lengths)
