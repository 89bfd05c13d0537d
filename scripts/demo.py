"""Five recurrent nets, one task: name the first token after fifty distractors.

The first experiment of the lecture, small. Trains them one after the other, prints a table and
what became of each one's gradient, draws a figure from what they logged, and compares the runs on
one page:

    python scripts/demo.py            about a minute on one core
    python scripts/demo.py --quick    seconds: a shorter lag, fewer steps
"""

import argparse
import json
import math
import os
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # nets of this size gain nothing from a second one

import matplotlib as mpl
import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnlab.commands.compare.command import write
from rnnlab.commands.compare.groups import group_runs
from rnnlab.commands.compare.reading import read_run
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.commands.compare.style import line_styles
from rnnlab.config.compose import compose_words
from rnnlab.data.datasets.delayed_recall import DelayedRecall
from rnnlab.errors import RnnlabError
from rnnlab.runs.finish import Outcome
from rnnlab.runs.folders import dated
from rnnlab.runs.train import run
from tabular import plain

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MultipleLocator

BATCH = 64
WHY = (
    "Why: all start from torch's own weights; two nets of one cell differ in the gate bias alone. "
    "What reaches the first token is scaled once a step: at the start about {plain:.0e} of it "
    "survives {lag} steps through half-open gates (0.5 each), but {lstm:.1%} through an LSTM's "
    "forget gate at bias 3 (0.95 each) and {gru:.1%} through a GRU's update gate at bias 2 (0.88 "
    "each): enough to learn from."
)


@dataclass(frozen=True)
class Net:
    """One line of the table and of the figure.

    Attributes:
        name: Folder, and name in TensorBoard.
        label: Name in the figure.
        bias: Its gate bias, for the table.
        words: What it adds to the command line.
    """

    name: str
    label: str
    bias: str
    words: tuple[str, ...]

    @property
    def cell(self) -> str:
        """Its cell, as in the table."""
        return self.label.partition(",")[0]


NETS = (
    Net("rnn", "RNN", "has no gate", ("cell=rnn",)),
    Net("lstm", "LSTM, torch's bias", "about 0", ("cell=lstm", "cell.forget_bias=null")),
    Net("lstm-forget3", "LSTM, forget bias 3", "3", ("cell=lstm", "cell.forget_bias=3")),
    Net("gru", "GRU, torch's bias", "about 0", ("cell=gru", "cell.update_bias=null")),
    Net("gru-update2", "GRU, update bias 2", "2", ("cell=gru", "cell.update_bias=2")),
)


def words(net: Net, lag: int, steps: int) -> list[str]:
    """The run's overrides: what stands behind `rnnlab train` for the same result."""
    return [
        "task=delayed_recall",
        *net.words,
        "cell.init=torch",
        "cell.hidden_size=64",
        "embedding.embedding_dim=32",
        "embedding.std=1.0",
        f"data.lag={lag}",
        f"data.batch_size={BATCH}",
        f"data.train_size={BATCH * steps}",
        "data.val_size=512",
        "optimizer.lr=0.003",
        "trainer=cpu",
        "trainer.max_epochs=1",
        "trainer.gradient_clip_val=1.0",
        f"trainer.val_check_interval={steps // 32}",
        f"trainer.log_every_n_steps={steps // 80}",
    ]


def curve(folder: Path, tag: str) -> tuple[list[int], list[float]]:
    """Steps made and values of a scalar, read back from the run's TensorBoard events."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    scalars = events.Scalars(tag)
    return [s.step for s in scalars], [s.value for s in scalars]


def solved_by(folder: Path) -> int | None:
    """The first validation that reached the task's goal, in steps; None where none did."""
    metric, goal = DelayedRecall.goal
    steps, values = curve(folder, f"val/{metric}")
    return next((s for s, v in zip(steps, values, strict=True) if v >= goal), None)


def reach(run: LoggedRun) -> np.ndarray:
    """What is left of the gradient at each lag when training begins, in decades.

    Of an LSTM's two states the one that keeps more of it.
    """
    return max((lags.first for lags in run.lags["time_flow"].values()), key=lambda c: c[-1])


def verdict(net: Net, run: LoggedRun, lag: int) -> str:
    """What became of a net's gradient, and of the net, in a sentence."""
    left = reach(run)
    arrived = (
        f"nothing of the gradient that floats can hold reached {len(left)} steps back"
        if len(left) <= lag
        else f"{10.0 ** left[lag]:.1g} of the gradient reached the first token, {lag} steps back"
    )
    first = solved_by(run.folder)
    end = "the net did not learn" if first is None else f"the net had learned by step {first}"
    return f"{net.label}: when training began {arrived}; {end}."


def table(outcomes: Sequence[tuple[Net, Outcome]]) -> str:
    """What became of each net, from its record and its events."""
    metric, _ = DelayedRecall.goal
    heads = ("cell", "gate bias", f"val {metric}", "test loss", "solved", "seconds")
    rows = []
    for net, outcome in outcomes:
        record = json.loads((outcome.folder / "metrics.json").read_text(encoding="utf-8"))
        reached = record["val"][metric]
        loss, seconds = record["test"]["loss"], record["wall_seconds"]
        first = solved_by(outcome.folder)
        solved = "no" if first is None else f"by step {first}"
        rows.append((net.cell, net.bias, f"{reached:.3f}", f"{loss:.4f}", solved, f"{seconds:.0f}"))
    note = f"Each as it was when its validation {metric} was first at its best."
    return f"{plain(heads, rows, right=(2, 3, 5))}\n{note}"


def draw(outcomes: Sequence[tuple[Net, Outcome]], data: DelayedRecall, path: Path) -> None:
    """Gradient through time, training loss and validation accuracy of all nets, as a PNG.

    Colours and dashes are those of the page that compares the runs.
    """
    runs = [read_run(outcome.folder) for _, outcome in outcomes]
    groups = group_runs(runs, "cell")
    looks = {
        group.runs[0].folder: look for group, look in zip(groups, line_styles(groups), strict=True)
    }
    style: Any = {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
    }
    with mpl.rc_context(style):
        figure, (back, left, right) = plt.subplots(
            1, 3, figsize=(13.5, 4), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
        )
        ends: list[tuple[float, Net, str]] = []
        last = 0
        for (net, outcome), run_ in zip(outcomes, runs, strict=True):
            line = {"linewidth": 1.8, **looks[run_.folder], "marker": ""}
            back.plot(reach(run_), **line)
            left.plot(*curve(outcome.folder, "train/loss"), **line)
            steps, values = curve(outcome.folder, "val/accuracy")
            right.plot(steps, values, **line)
            ends.append((values[-1], net, line["color"]))
            last = max(last, steps[-1])
        back.set_title("Gradient at the start, in powers of ten")
        back.set_xlim(0, data.lag)
        back.set_xlabel("steps back from the end")
        back.grid(alpha=0.2, linewidth=0.6)
        left.set_title("Training loss (nats)")
        right.set_title("Validation accuracy")
        left.set_ylim(0, -1.1 * math.log(data.chance))
        left.yaxis.set_major_locator(MultipleLocator(0.5))
        right.set_ylim(0, 1.05)
        chance_line(left, -math.log(data.chance), last, above=True)
        chance_line(right, data.chance, last, above=False)
        for axes in (left, right):
            axes.set_xlim(0, last)
            axes.set_xlabel(f"training step ({BATCH} sequences each)")
            axes.grid(alpha=0.2, linewidth=0.6)
        heights = spread([end for end, *_ in ends])
        for height, (_, net, colour) in zip(heights, ends, strict=True):
            right.annotate(
                net.label,
                (1.02, height),
                xycoords=("axes fraction", "data"),
                color=colour,
                va="center",
                annotation_clip=False,
            )
        figure.suptitle(
            f"To keep one of {data.symbols} symbols over {data.lag} distractors: "
            "the gate bias at the start decides",
            x=0.012,
            ha="left",
            weight="bold",
        )
        figure.savefig(path, dpi=150)
        plt.close(figure)


def chance_line(axes: Axes, height: float, last: int, *, above: bool) -> None:
    """A guess, as a dotted line with its name at the right end."""
    axes.axhline(height, color="black", linestyle=":", linewidth=1)
    offset = (-2, 3) if above else (-2, -19)
    axes.annotate("chance", (last, height), offset, textcoords="offset points", ha="right")


def spread(heights: Sequence[float], gap: float = 0.075) -> list[float]:
    """Heights moved apart until no two labels touch: up, and down again where that is above 1."""
    moved = list(heights)
    rising = sorted(range(len(moved)), key=moved.__getitem__)
    below, above = -math.inf, 1.0 + gap
    for index in rising:
        below = moved[index] = max(moved[index], below + gap)
    for index in reversed(rising):
        above = moved[index] = min(moved[index], above - gap)
    return moved


def shown(path: Path) -> str:
    """A path as short as it gets from here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the five nets, print the table, draw the figure; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a shorter lag and fewer steps")
    parser.add_argument("--out", default="outputs/demo", help="parent folder of the results")
    chosen = parser.parse_args(arguments)
    lag, steps = (5, 80) if chosen.quick else (50, 800)
    torch.set_num_threads(1)
    try:
        return compare(lag, steps, dated(chosen.out))
    except (RnnlabError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


def compare(lag: int, steps: int, folder: Path) -> int:
    """All nets on one lag, into one folder; the exit code."""
    started = time.perf_counter()
    outcomes: list[tuple[Net, Outcome]] = []
    for number, net in enumerate(NETS, start=1):
        print(f"\n[{number}/{len(NETS)}] {net.label}: recall over {lag} distractors", flush=True)
        composed: Any = compose_words("train", words(net, lag, steps))
        outcome = run(composed.cfg, composed.choices, folder / net.name)
        if outcome.status == "interrupted":
            return 130
        outcomes.append((net, outcome))
    runs = [read_run(outcome.folder) for _, outcome in outcomes]
    figure = folder / "demo.png"
    draw(outcomes, DelayedRecall(lag=lag), figure)
    plain, lstm, gru = (open_**lag for open_ in (0.5, sigmoid(3), sigmoid(2)))
    why = textwrap.fill(WHY.format(lag=lag, plain=plain, lstm=lstm, gru=gru), 88)
    print(f"\n{table(outcomes)}\n")
    for (net, _), run_ in zip(outcomes, runs, strict=True):
        print(verdict(net, run_, lag))
    print(f"\n{why}\n")
    page = folder / "compare"
    page.mkdir()
    write(group_runs(runs, "cell"), page)
    print(f"figure       {shown(figure)}  ({time.perf_counter() - started:.0f} s in all)")
    print(f"page         {shown(page / 'compare.html')}")
    board = shown(Path(sys.executable).with_name("tensorboard"))
    print(f"TensorBoard  {board} --logdir {shown(folder)}")
    return 0


def sigmoid(bias: float) -> float:
    """How far a gate is open at the start, other inputs being zero on average."""
    return 1 / (1 + math.exp(-bias))


if __name__ == "__main__":
    sys.exit(main())
