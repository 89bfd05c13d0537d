"""What the framework costs: steps of `rnnlab train` against plain loops of the same model.

    python scripts/framework_cost.py [--seconds 60] [--json FILE]

A run with default settings (TensorBoard, progress bar, diagnostics, checkpoints) stops after every
fifty batches, while two loops written by hand train on the same batches, in the same process. One
has copies of the run's own encoder and task, so that the difference is what stands around them; the
other has torch's modules alone. IMDb and CoNLL-2003 are read below `RNNLAB_DATA`.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines.loop import Loop, in_order
from baselines.rivals import plain_model
from bench.duel import MINE, Duel, hold
from bench.problems import NER, SENTIMENT, Problem
from bench.timing import quartiles, speedup
from rnnlab.config.compose import compose_words
from rnnlab.data.base import SequenceData
from rnnlab.data.batch import Batch
from rnnlab.data.vocab import Vocab
from rnnlab.runs.environment import limit_memory, quiet
from rnnlab.runs.metrics_json import machine
from rnnlab.training.module import SequenceModule
from tabular import markdown

CHUNK = 50
"""Steps in a turn: as many as between two writes of the logger."""

LOOPS = ("loop, same modules", "loop, torch's modules")


@dataclass(frozen=True)
class Case:
    """What is trained, and how many times as long as torch's modules it is to take at most."""

    problem: Problem
    target: float


CASES = {
    "sentiment, LSTM 128, batch 64, T 230": Case(SENTIMENT, 1.05),
    "tagging, BiLSTM 2 x 100, batch 32, T 15": Case(NER, 1.10),
}


class Same(nn.Module):
    """Copies of a run's own encoder and task, called as the baselines are."""

    def __init__(self, module: SequenceModule) -> None:
        super().__init__()
        self.encoder, self.task = deepcopy(module.encoder), deepcopy(module.task)

    def forward(self, inputs: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return self.task.loss(self.encoder(inputs, lengths), Batch(inputs, lengths, target))


def measure(problem: Problem, words: Sequence[str], **turns: Any) -> Duel:
    """The run of these words, and the loops; `turns` are the options of `Duel`."""

    def loops(module: SequenceModule, data: SequenceData) -> dict[str, Loop]:
        spec = data.spec()
        assert isinstance(spec.source, Vocab)
        plain = plain_model(problem, len(spec.source), spec.target_size)
        lr = compose_words("train", words).cfg["optimizer"]["lr"]
        made = {}
        for name, model in zip(LOOPS, (Same(module), plain), strict=True):
            adam = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
            made[name] = Loop(model, adam, in_order, batch_size=problem.batch_size, clip=None)
        return made

    duel = Duel(loops, **turns)
    with tempfile.TemporaryDirectory() as folder:
        hold(words, duel, Path(folder) / "run")
    return duel


def row(name: str, case: Case, seconds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What was measured, as plain values; `seconds` are of rounds."""
    run = seconds[MINE]
    quarters = {name: quartiles(values) for name, values in seconds.items()}
    return {
        "case": name,
        "words": case.problem.words,
        "rounds": len(run),
        "milliseconds": {k: 1e3 * middle / CHUNK for k, (_, middle, _) in quarters.items()},
        "spread": {k: (high - low) / middle for k, (low, middle, high) in quarters.items()},
        "slower": {k: speedup(seconds, k, MINE)[0] for k in LOOPS},
        "slower_in_total": {k: sum(run) / sum(seconds[k]) for k in LOOPS},
        "target": case.target,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown: milliseconds a step, and how many times longer the run takes."""
    lines = []
    for entry in rows:
        ms = entry["milliseconds"]
        cells = [entry["case"], f"{ms[MINE]:.2f}"]
        for name, slower in entry["slower"].items():
            total = entry["slower_in_total"][name]
            cells.append(f"{ms[name]:.2f}; {slower:.3f} (total {total:.3f})")
        lines.append(cells)
    return markdown(["steps of", "`rnnlab train`, ms", *LOOPS], lines)


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each case")
    parser.add_argument("--only", default="", help="cases that have this in their name")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    quiet()
    limit_memory()
    rows = []
    for name, case in CASES.items():
        if given.only in name:
            duel = measure(
                case.problem, case.problem.words, steps=CHUNK, rounds=1000, budget=given.seconds
            )
            rows.append(row(name, case, duel.seconds))
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
