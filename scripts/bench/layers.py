"""Layers: each kernel against torch's own module, padded and packed, over a grid of shapes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.benchmark import Measurement

from bench.timing import interleave
from rnnlab.layers.base import Layer
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

CELLS: dict[str, tuple[type[Layer], type[nn.RNNBase]]] = {
    "rnn": (RNN, nn.RNN),
    "lstm": (LSTM, nn.LSTM),
    "gru": (GRU, nn.GRU),
}
FEATURES = 100
"""Input features D of the grid."""


@dataclass(frozen=True)
class Shape:
    """One layer's work: batch B, steps T, input features D, hidden units H."""

    batch: int
    steps: int
    features: int
    hidden: int

    def __str__(self) -> str:
        """As it stands in a table."""
        return f"{self.batch}, {self.steps}, {self.features}, {self.hidden}"


@dataclass(frozen=True)
class Case:
    """A cell at a shape, with the timings of its variants."""

    cell: str
    shape: str
    timings: dict[str, Measurement]


AIMED = (
    Shape(32, 100, 100, 128),
    Shape(8, 500, 64, 128),
    Shape(64, 200, 100, 256),
)
"""Shapes that have a target."""

NAMED = (
    Shape(32, 100, 100, 128),
    Shape(64, 200, 100, 256),
    Shape(16, 50, 300, 256),
    Shape(64, 30, 256, 512),
    Shape(8, 500, 64, 128),
)
"""Shapes that are compared with every kernel and with packed sequences."""


def grid() -> list[Shape]:
    """Batches 1 to 64, 10 to 500 steps, 64 to 512 hidden units."""
    sizes = product((1, 8, 32, 64), (10, 100, 500), (64, 128, 256, 512))
    return [Shape(batch, steps, FEATURES, hidden) for batch, steps, hidden in sizes]


def compare_kernels(shapes: list[Shape], *, budget: float) -> Iterator[Case]:
    """Forward and backward of `fused` and `bptt` on full batches: what `auto` chooses between."""
    for shape in shapes:
        for cell in CELLS:
            layer, native = _pair(cell, shape)
            x = torch.randn(shape.batch, shape.steps, shape.features, requires_grad=True)
            work = {"nn padded": _step(native, x, lambda native, x: native(x)[0])}
            work |= _kernels(layer, x, None, ("fused", "bptt"))
            yield Case(cell, str(shape), interleave(work, budget=budget))


def compare_all(shapes: list[Shape], *, budget: float) -> Iterator[Case]:
    """The same with the slow ways: packed sequences, and the loop over single steps."""
    for shape in shapes:
        for cell in CELLS:
            layer, native = _pair(cell, shape)
            x = torch.randn(shape.batch, shape.steps, shape.features, requires_grad=True)
            lengths = torch.full((shape.batch,), shape.steps)
            work = {
                "nn padded": _step(native, x, lambda native, x: native(x)[0]),
                "nn packed": _step(native, x, lambda native, x, n=lengths: _packed(native, x, n)),
            }
            work |= _kernels(layer, x, None, ("fused", "bptt", "scan"))
            yield Case(cell, str(shape), interleave(work, budget=budget))


def compare_ragged(
    name: str,
    lengths: Tensor,
    *,
    batch: int,
    batches: int,
    budget: float,
    cells: Sequence[str] = tuple(CELLS),
) -> Iterator[Case]:
    """Both directions on batches of real lengths: sorted pools here, shuffled where packed.

    One run of a variant is its share of batches over the same sequences.

    Args:
        name: Of the data set that the lengths are of.
        lengths: Steps of every sequence, at least 50 batches of them.
        batch: Sequences in a batch.
        batches: Batches of a run, from all over a sorted pool of 50.
        budget: Seconds for a cell.
        cells: Of `CELLS`.
    """
    features, hidden = FEATURES, 128
    chosen = lengths[torch.randperm(len(lengths), generator=torch.Generator().manual_seed(1))]
    pool = chosen[: 50 * batch].sort().values
    places = torch.linspace(2, 47, batches).long()
    bucketed = [pool[i * batch : (i + 1) * batch] for i in places]
    real = torch.cat(bucketed)  # the same tokens, in other company
    shuffled = list(real[torch.randperm(len(real))].split(batch))
    for cell in cells:
        made, native_made = CELLS[cell]
        layer = Bidirectional(*(made(features, hidden_size=hidden) for _ in range(2)))
        native = native_made(features, hidden, batch_first=True, bidirectional=True)
        mixed = [(torch.randn(batch, int(n.max()), features), n) for n in shuffled]
        alike = [(torch.randn(batch, int(n.max()), features), n) for n in bucketed]
        work: dict[str, Callable[[], object]] = {
            "nn packed, shuffled": _over(native, mixed, _packed),
            "nn packed, buckets": _over(native, alike, _packed),
        }
        for kernel in ("fused", "bptt"):
            work[kernel] = _over(layer, alike, _with(kernel))
        yield Case(cell, f"{name} lengths", interleave(work, budget=budget))


def _pair(cell: str, shape: Shape) -> tuple[Layer, nn.RNNBase]:
    made, native = CELLS[cell]
    layer = made(shape.features, hidden_size=shape.hidden)  # type: ignore[call-arg]
    return layer, native(shape.features, shape.hidden, batch_first=True)


def _step(module: nn.Module, x: Tensor, outputs: Callable[..., Tensor]) -> Callable[[], object]:
    def step() -> None:
        module.zero_grad(set_to_none=True)
        x.grad = None
        outputs(module, x).sum().backward()

    return step


def _kernels(
    layer: Layer, x: Tensor, lengths: Tensor | None, kernels: tuple[str, ...]
) -> dict[str, Callable[[], object]]:
    def using(kernel: str) -> Callable[..., Tensor]:
        return lambda layer, x: _with(kernel)(layer, x, lengths)

    return {kernel: _step(layer, x, using(kernel)) for kernel in kernels}


def _with(kernel: str) -> Callable[..., Tensor]:
    def outputs(layer: Layer | Bidirectional, x: Tensor, lengths: Tensor | None) -> Tensor:
        for part in layer.modules():
            if hasattr(part, "kernel"):
                part.kernel = kernel
        return layer.outputs(x, lengths)

    return outputs


def _packed(native: nn.RNNBase, x: Tensor, lengths: Tensor) -> Tensor:
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(native(packed)[0], batch_first=True)[0]


def _over(
    module: nn.Module, batches: list[tuple[Tensor, Tensor]], outputs: Callable[..., Tensor]
) -> Callable[[], object]:
    def run() -> None:
        for x, lengths in batches:
            module.zero_grad(set_to_none=True)
            x.grad = None
            outputs(module, x.requires_grad_(), lengths).sum().backward()

    return run
