"""What each instrument of `diagnostics` adds to a training step, and each preset at its intervals.

    python scripts/diagnostics_cost.py [--seconds 20] [--cells rnn,lstm,gru] [--shapes small,large]

A step is that of a many-to-one net: forward, backward, Adam. Variants run in turns in one process;
ratios are of medians. A preset's share is the sum over its instruments of (ratio - 1) / interval.
Figures are drawn a few times a run and are not in it.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.benchmark import Measurement

from bench.layers import CELLS
from bench.timing import interleave
from rnnlab.config.compose import compose_words
from rnnlab.data.batch import Batch
from rnnlab.diagnostics.input_flow import Passes, input_norms, watch_inputs
from rnnlab.diagnostics.memory import memory_curves
from rnnlab.diagnostics.naming import recurrent_layers
from rnnlab.diagnostics.samples import first_sequences
from rnnlab.diagnostics.saturation import gate_scalars
from rnnlab.diagnostics.time_flow import curves, watch_norms
from rnnlab.diagnostics.weight_flow import gradient_norms, update_ratios
from rnnlab.nn.recurrent import RecurrentEncoder
from tabular import markdown

SHAPES = {"small": (32, 40, 128), "large": (64, 200, 512)}
"""Batch, steps, hidden units."""


class Words(nn.Embedding):
    """Of 1,000 words, with 100 features."""

    output_size = 100

    def __init__(self) -> None:
        super().__init__(1000, self.output_size)


@dataclass(frozen=True)
class Work:
    """One net and one batch; its methods are what is timed."""

    model: nn.ModuleDict
    head: nn.Linear
    optimizer: torch.optim.Optimizer
    batch: Batch

    @classmethod
    def of(cls, cell: str, batch: int, steps: int, hidden: int) -> "Work":
        """A net with one layer."""
        torch.manual_seed(0)
        encoder = RecurrentEncoder(Words(), partial(CELLS[cell][0], hidden_size=hidden))
        model = nn.ModuleDict({"encoder": encoder, "head": nn.Linear(hidden, 2)})
        lengths = torch.full((batch,), steps)
        words = torch.randint(1000, (batch, steps))
        data = Batch(words, lengths, torch.randint(2, (batch,)), tokens=batch * steps)
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        return cls(model, model["head"], optimizer, data)

    def loss(self) -> Tensor:
        """Mean cross entropy, of the last state."""
        encoded = self.model["encoder"](self.batch.inputs, self.batch.lengths)
        return functional.cross_entropy(self.head(encoded.final), self.batch.target)

    def finish(self) -> None:
        """The optimiser's step."""
        self.optimizer.step()
        self.optimizer.zero_grad()

    def plain(self) -> None:
        """Nothing is measured."""
        self.loss().backward()
        self.finish()

    def weight_flow(self) -> None:
        """As `WeightFlow` does it, copied to the host."""
        self.loss().backward()
        posted = gradient_norms(self.model)
        before = {
            name: [p.detach().clone() for p in part.parameters(recurse=False)]
            for name, part in self.model.named_modules()
            if list(part.parameters(recurse=False))
        }
        named = {name.replace(".layers.", "."): copies for name, copies in before.items()}
        self.optimizer.step()
        posted |= update_ratios(self.model, named)
        self.optimizer.zero_grad()
        torch.stack(list(posted.values())).tolist()

    def time_flow(self) -> None:
        """As `TimeFlow` does it."""
        seen: dict[str, list[torch.Tensor]] = {}
        with watch_norms(self.model, seen):
            loss = self.loss()
        loss.backward()
        for curve in curves(seen).values():
            curve.scalars("flow")
        self.finish()

    def input_flow(self) -> None:
        """As `InputFlow` does it."""
        seen: Passes = {}
        with watch_inputs(self.model, seen):
            loss = self.loss()
        loss.backward()
        for curve in curves(input_norms(seen)).values():
            curve.scalars("input_flow")
        self.finish()

    def saturation(self) -> None:
        """As `Saturation` does it, copied to the host."""
        traces = []
        (layer,) = recurrent_layers(self.model).values()
        with layer.record(traces.append):
            loss = self.loss()
        values = gate_scalars("gate", layer.gate_values(traces[0]), traces[0].valid)
        loss.backward()
        self.finish()
        torch.stack(list(values.values())).tolist()

    def memory(self) -> None:
        """As `Memory` does it, with its own options."""
        memory_curves(self.model["encoder"], first_sequences(self.batch, 16), probes=4)
        self.plain()


def intervals(preset: str) -> dict[str, int]:
    """Of each instrument that a preset has and that is timed here."""
    words = [f"diagnostics={preset}", "task=delayed_recall"]
    nodes = compose_words("train", words).cfg["diagnostics"]
    timed = ("weight_flow", "time_flow", "input_flow", "saturation", "memory")
    return {name: nodes[name]["every_n_steps"] for name in timed if nodes[name]}


def share(timings: dict[str, Measurement], preset: str) -> float:
    """What a preset adds to the time of a training, as a share."""
    plain = timings["plain"].median
    return sum(
        (timings[name].median / plain - 1) / interval
        for name, interval in intervals(preset).items()
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each cell and shape")
    parser.add_argument("--cells", default="rnn,lstm,gru")
    parser.add_argument("--shapes", default="small,large")
    given = parser.parse_args()
    names = ("weight_flow", "time_flow", "input_flow", "saturation", "memory")
    rows = []
    for shape in given.shapes.split(","):
        for cell in given.cells.split(","):
            work = Work.of(cell, *SHAPES[shape])
            variants: dict[str, Callable[[], object]] = {
                name: getattr(work, name) for name in ("plain", *names)
            }
            timings = interleave(variants, budget=given.seconds, most=200)
            plain = timings["plain"].median
            row = [
                cell,
                ", ".join(map(str, SHAPES[shape])),
                f"{1e3 * plain:.1f}",
                *(f"x{timings[name].median / plain:.2f}" for name in names),
                *(f"{100 * share(timings, preset):.1f} %" for preset in ("light", "full")),
            ]
            rows.append(row)
            print(*row, file=sys.stderr, flush=True)
    print(markdown(["cell", "B, T, H", "step, ms", *names, "light", "full"], rows, left=2))


if __name__ == "__main__":
    main()
