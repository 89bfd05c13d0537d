"""How a batch lies in memory while its steps are computed: time first, without padding.

All sequences' step 0, then all step 1, and so on: step t is a block of n_t rows, one for each
sequence that is longer than t. Where sequences are sorted by length, the longest first, each block
continues the first n_t rows of the one before, so a step needs neither mask nor gather.

Flat tensors have N rows, one for each real step. Those that `unpack` reads end with a row of zeros,
which fills the padding. States begin with one more block, the initial state.

How many rows a block has, only the host can say, and it would wait for a GPU to know. There padding
is computed with, as zeros that no sequence sees: nothing is read from the device.
"""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from rnnlab.data.batch import valid_mask


class Layout:
    """A batch whose sequences all have T steps.

    Args:
        batch: Sequences B.
        steps: Steps T.

    Attributes:
        counts: Sequences n_t that have a step t.
        rows: Their sum N.
    """

    def __init__(self, batch: int, steps: int) -> None:
        self.batch = batch
        self.counts = [batch] * steps
        self.rows = batch * steps

    def pack(self, x: Shaped[Tensor, "B T F"], out: Shaped[Tensor, "N F"]) -> None:
        """Write the real steps of a padded tensor into a flat one."""
        out.view(-1, self.batch, out.shape[1]).copy_(x.transpose(0, 1))

    def unpack(self, flat: Shaped[Tensor, "N1 F"]) -> Shaped[Tensor, "B T F"]:
        """The padded tensor of a flat one: `pack`'s inverse, and its transpose.

        Never a view, so that callers may change a kernel's results in place.
        """
        steps = flat[: self.rows].view(-1, self.batch, flat.shape[1])
        padded = flat.new_empty(self.batch, len(steps), flat.shape[1])
        return padded.copy_(steps.transpose(0, 1))

    def sort(self, state: Shaped[Tensor, "B H"]) -> Shaped[Tensor, "B H"]:
        """Sequences in the order of a block's rows."""
        return state

    def unsort(self, state: Shaped[Tensor, "B H"]) -> Shaped[Tensor, "B H"]:
        """Sequences in the order of the batch, as a tensor of its own."""
        return state.clone()

    def before(self, states: Shaped[Tensor, "S H"]) -> Shaped[Tensor, "N H"]:
        """The state that each step started from, of all states."""
        return states[: self.rows]

    def final(self, states: Shaped[Tensor, "S H"]) -> Shaped[Tensor, "B H"]:
        """The state after each sequence's last step, of all states."""
        return states[self.rows : -1].clone()

    def add_final(self, states: Shaped[Tensor, "S H"], final: Shaped[Tensor, "B H"]) -> None:
        """Add to the states after each sequence's last step: `final`'s transpose."""
        states[self.rows : -1] += final

    def states(self, initial: Shaped[Tensor, "B H"]) -> Shaped[Tensor, "S H"]:
        """Memory for all states, the initial one filled in."""
        states = initial.new_empty(self.batch + self.rows + 1, initial.shape[1])
        states[: self.batch] = self.sort(initial)
        states[-1] = 0.0
        return states

    def gradients(
        self, outputs: Tensor | None, final: Tensor | None, like: Shaped[Tensor, "S H"]
    ) -> Shaped[Tensor, "S H"]:
        """The direct part of the loss's gradient at each state.

        Args:
            outputs: Gradient of the padded outputs (B, T, H), None for zero.
            final: Gradient of the final state (B, H), None for zero.
            like: All states.
        """
        gradients = torch.zeros_like(like) if outputs is None else torch.empty_like(like)
        if outputs is not None:
            gradients[: self.batch] = 0.0
            self.pack(outputs, gradients[self.batch : -1])
            gradients[-1] = 0.0
        if final is not None:
            self.add_final(gradients, final)
        return gradients

    def initial(self, states: Shaped[Tensor, "S H"]) -> Shaped[Tensor, "B H"]:
        """The initial state, of all states, in the order of the batch."""
        return self.unsort(states[: self.batch])

    def steps(self, flat: Shaped[Tensor, "N ..."]) -> tuple[Tensor, ...]:
        """A flat tensor's blocks (n_t, ...), as views."""
        return torch.split_with_sizes(flat, self.counts)

    def blocks(self, states: Shaped[Tensor, "S H"]) -> tuple[list[Tensor], list[Tensor]]:
        """The rows (n_t, H) that each step starts from, and those that it leads to.

        Both are views of `states`: the next step starts from what this one leads to.
        """
        sizes = [self.batch, *self.counts]
        first, *after = torch.split_with_sizes(states[:-1], sizes)
        sources = zip([first, *after[:-1]], sizes[:-1], self.counts, strict=True)
        return [block if size == n else block[:n] for block, size, n in sources], after


class RaggedBatch(Layout):
    """A right-padded batch of sequences of different lengths.

    Args:
        lengths: Real steps of each sequence, at least 1.
        steps: Steps T of the padded batch.
    """

    def __init__(self, lengths: Int[Tensor, "B"], steps: int) -> None:
        self.batch = len(lengths)
        self._steps = steps
        device = lengths.device
        self._order = lengths.argsort(descending=True, stable=True)
        self._rank = torch.empty_like(self._order)
        self._rank[self._order] = torch.arange(self.batch, device=device)
        time = torch.arange(steps, device=device).unsqueeze(1)
        real = time < lengths[self._order]
        count = real.sum(1)
        self.counts = [n for n in count.tolist() if n]
        self.rows = sum(self.counts)
        sizes = torch.cat([count.new_tensor([self.batch]), count])
        starts = sizes.cumsum(0) - sizes  # of the blocks of states
        step, row = real.nonzero(as_tuple=True)
        self._index = self._order[row] * steps + step
        self._before = starts[step] + row
        self._last = starts[lengths] + self._rank
        place = starts[1:] - self.batch + self._rank.unsqueeze(1)
        self._place = torch.where(time.t() < lengths.unsqueeze(1), place, self.rows).flatten()

    def pack(self, x: Shaped[Tensor, "B T F"], out: Shaped[Tensor, "N F"]) -> None:
        """See `Layout.pack`."""
        torch.index_select(x.flatten(0, 1), 0, self._index, out=out)

    def unpack(self, flat: Shaped[Tensor, "N1 F"]) -> Shaped[Tensor, "B T F"]:
        """See `Layout.unpack`; a gather, as scattering takes three times as long."""
        padded = flat.new_empty(self.batch, self._steps, flat.shape[1])
        torch.index_select(flat, 0, self._place, out=padded.view(-1, flat.shape[1]))
        return padded

    def sort(self, state: Shaped[Tensor, "B H"]) -> Shaped[Tensor, "B H"]:
        """See `Layout.sort`."""
        return state.index_select(0, self._order)

    def unsort(self, state: Shaped[Tensor, "B H"]) -> Shaped[Tensor, "B H"]:
        """See `Layout.unsort`."""
        return state.index_select(0, self._rank)

    def before(self, states: Shaped[Tensor, "S H"]) -> Shaped[Tensor, "N H"]:
        """See `Layout.before`."""
        return states.index_select(0, self._before)

    def final(self, states: Shaped[Tensor, "S H"]) -> Shaped[Tensor, "B H"]:
        """See `Layout.final`."""
        return states.index_select(0, self._last)

    def add_final(self, states: Shaped[Tensor, "S H"], final: Shaped[Tensor, "B H"]) -> None:
        """See `Layout.add_final`."""
        states.index_add_(0, self._last, final)


class Masked(Layout):
    """A right-padded batch whose padding is computed with, as zeros: N is B T.

    States beyond a sequence's length have no influence, and no gradient.

    Args:
        lengths: Real steps of each sequence, at least 1.
        steps: Steps T of the padded batch.
    """

    def __init__(self, lengths: Int[Tensor, "B"], steps: int) -> None:
        super().__init__(len(lengths), steps)
        self._real = valid_mask(lengths, steps).unsqueeze(2)
        self._last = lengths * self.batch + torch.arange(self.batch, device=lengths.device)

    def pack(self, x: Shaped[Tensor, "B T F"], out: Shaped[Tensor, "N F"]) -> None:
        """See `Layout.pack`."""
        super().pack(torch.where(self._real, x, 0), out)

    def unpack(self, flat: Shaped[Tensor, "N1 F"]) -> Shaped[Tensor, "B T F"]:
        """See `Layout.unpack`."""
        return torch.where(self._real, super().unpack(flat), 0)

    def before(self, states: Shaped[Tensor, "S H"]) -> Shaped[Tensor, "N H"]:
        """See `Layout.before`; zero on padding, where a state may have grown to infinity."""
        return torch.where(self._real.transpose(0, 1).flatten(0, 1), super().before(states), 0)

    def final(self, states: Shaped[Tensor, "S H"]) -> Shaped[Tensor, "B H"]:
        """See `Layout.final`."""
        return states.index_select(0, self._last)

    def add_final(self, states: Shaped[Tensor, "S H"], final: Shaped[Tensor, "B H"]) -> None:
        """See `Layout.add_final`."""
        states.index_add_(0, self._last, final)


def layout_of(lengths: Int[Tensor, "B"] | None, batch: int, steps: int) -> Layout:
    """The layout of a batch of `batch` sequences, padded to `steps`."""
    if lengths is not None and lengths.device.type != "cpu":
        return Masked(lengths, steps)
    if lengths is None or bool((lengths == steps).all()):
        return Layout(batch, steps)
    return RaggedBatch(lengths, steps)
