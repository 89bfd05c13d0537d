"""What a model is fed with: padded tensors with their lengths beside them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

T = TypeVar("T", "Batch", "WordCharacters")

IGNORE = -100
"""Target value of padding and of steps without a target; `cross_entropy`'s own default."""


class TokenSize(NamedTuple):
    """What a token of a text stands for, on average.

    Attributes:
        words: Words, which white space parts; a line's end counts as one.
        characters: Characters; a line's end counts as one.
    """

    words: float
    characters: float


@dataclass(frozen=True, slots=True)
class WordCharacters:
    """The distinct words of a batch, character by character.

    Attributes:
        index: Which of them stands at each step, (B, T); any of them on padding.
        characters: Character ids (U, C), right padded with 0.
        lengths: Characters of each word, (U,), each at least 1.
    """

    index: Int[Tensor, "B T"]
    characters: Int[Tensor, "U C"]
    lengths: Int[Tensor, "U"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One padded batch; batch first, right padding.

    Attributes:
        inputs: Token ids (B, T), padded with 0, or features (B, T, F), padded with 0.
        lengths: Real steps of each sequence, (B,), each at least 1; on the same device as `inputs`.
        target: (B,) labels | (B, U) tags | (B, U) tokens | (B, K) values. Padding is `IGNORE`. U is
            more than T for tags of inputs that were cut, in evaluation.
        target_lengths: Real steps of each target sequence, (B,); None where a target is no sequence
            of its own.
        tokens: Number of real source steps in the batch, `lengths.sum()` counted on the host, so
            that throughput is known without a device synchronisation.
        words: Characters of the inputs; None where no model reads them.
        target_tokens: `target_lengths.sum()`, counted on the host as well; None where it is not
            known.
        carry: True where each row of a stream continues the same row of the batch before, whose
            state is carried on; False in the first batch; None where sequences stand alone. Rows
            of streams are full: all `lengths` are T.
        share: T over the steps that a batch of its stream usually has; 1 for everything else.
        blank: Which sequences have no tokens and stand as `<unk>`, (B,); None for none.
        token_size: What a token of the whole split stands for; None where it is no text.
    """

    inputs: Int[Tensor, "B T"] | Float[Tensor, "B T F"]
    lengths: Int[Tensor, "B"]
    target: Tensor
    target_lengths: Int[Tensor, "B"] | None = None
    tokens: int = 0
    words: WordCharacters | None = None
    target_tokens: int | None = None
    carry: bool | None = None
    share: float = 1.0
    blank: Bool[Tensor, "B"] | None = None
    token_size: TokenSize | None = None

    def __len__(self) -> int:
        """Number of sequences."""
        return self.inputs.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        """The same batch on another device."""
        return _map(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory, for asynchronous copies to a GPU."""
        return _map(self, Tensor.pin_memory)


def valid_mask(lengths: Int[Tensor, "B"], steps: int) -> Tensor:
    """Boolean (B, T) mask, true on the real steps."""
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)


def _map(item: T, function: Callable[[Tensor], Tensor]) -> T:
    """The same with all tensors changed."""
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    for name, value in values.items():
        if isinstance(value, Tensor):
            values[name] = function(value)
        elif isinstance(value, WordCharacters):
            values[name] = _map(value, function)
    return type(item)(**values)
