"""The parts of the lecture: what each runs, and what it shows of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lectures import lengths
from lectures.models import models
from lectures.ranks import correlations, horizons
from lectures.rivals import rivals
from lectures.speech import speech
from lectures.tables import grid, lives, metric, net, option, table, verdict
from rnnlab.commands.compare.run import LoggedRun

Shown = Callable[[Sequence[LoggedRun], Path, str], list[str]]
"""Makes Markdown of a sweep's runs; may write figures, named after the part, into the folder."""


@dataclass(frozen=True)
class Part:
    """One experiment of the lecture.

    Attributes:
        name: Of `configs/experiment/<name>.yaml`.
        figures: Of the pictures that `rnnlab compare` draws, those for the document.
        show: Makes the tables.
        by: What decides the colours.
        words: Further overrides.
        label: Where the same experiment is shown twice, the second one's own name.
    """

    name: str
    figures: tuple[str, ...]
    show: Shown
    by: str | None = None
    words: tuple[str, ...] = ()
    label: str = ""

    @property
    def title(self) -> str:
        """Name of its folder, figures and place in the document."""
        return self.label or self.name

    @property
    def command(self) -> str:
        """What a reader types."""
        return " ".join(["rnnlab train", f"experiment={self.name}", *self.words])


def _lag(run: LoggedRun) -> str:
    return f"lag {run.lag:g}"


def vanishing(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Cell x lag."""
    return grid(runs, rows=net, columns=_lag, cell=verdict, corner="solved, half-life")


def exploding(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Gain x clipping, and the alarms."""
    lines = grid(
        runs,
        rows=option("cell.recurrent_gain"),
        columns=_clipping,
        cell=metric("test/mse", 4),
        corner="test MSE, by recurrent gain",
    )
    alarms = list(dict.fromkeys(_short(alarm) for run in runs for alarm in run.alarms or ()))
    return [*lines, "", *(["Alarms:", "", *(f"- {alarm}" for alarm in alarms)] if alarms else [])]


def _clipping(run: LoggedRun) -> str:
    limit = run.config["trainer.gradient_clip_val"]
    return "no clipping" if limit is None else f"clipped at {limit:g}"


def _short(alarm: str) -> str:
    """An alarm without the part that names the file with the batch."""
    return "; ".join(part for part in alarm.split("; ") if ".pt" not in part)


def gates(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Net x lag for each initialisation, and what the half-life predicts."""
    lines = []
    for init in dict.fromkeys(map(option("cell.init"), runs)):
        of = [run for run in runs if option("cell.init")(run) == init]
        lines += grid(of, rows=net, columns=_lag, cell=verdict, corner=f"init={init}")
        lines.append("")
    return [*lines, *(f"- {line}" for line in correlations(runs))]


def memory_horizon(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Cell x lag for each task, and the horizons."""
    lines = []
    for task in dict.fromkeys(run.task for run in runs):
        of = [run for run in runs if run.task == task]
        lines += grid(of, rows=net, columns=_lag, cell=verdict, corner=task)
        lines.append("")
    found = [[task, cell, lag] for (task, cell), lag in sorted(horizons(runs).items())]
    return [*lines, *table(["task", "cell", "longest lag solved"], found)]


def bottleneck(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """BLEU by the length of the source."""
    picture = f"{title}_lengths.png"
    drawn = lengths.draw(runs, folder / picture)
    heads = ["BLEU at a mean length of", *(f"{length:.1f}" for length, _ in drawn[0][1]), "all"]
    scores = [metric("test/bleu", 1)(run) for run in runs]
    body = [
        [name, *(f"{bleu:.1f}" for _, bleu in points), score]
        for (name, points), score in zip(drawn, scores, strict=True)
    ]
    return [*table(heads, body), "", f"![BLEU by source length](lecture/{picture})"]


def directions(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Task x directions."""
    body = [
        [
            run.task,
            "two" if run.config["encoder.bidirectional"] else "one",
            metric("test/f1" if "test/precision" in run.metrics else "test/accuracy")(run),
            lives(run),
        ]
        for run in runs
    ]
    return table(["task", "directions", "test F1 or accuracy", "half-life"], body)


def depth(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Cell x layers."""
    return grid(
        runs,
        rows=net,
        columns=lambda run: f"{option('encoder.num_layers')(run)} layers",
        cell=lambda run: f"{metric('test/accuracy')(run)}, {lives(run)}",
        corner="test accuracy, half-life",
    )


def attention_shortcut(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Net x lag: solved, what reaches the first token, and the time of a step."""
    lines = []
    for corner, cell in {
        "test accuracy": metric("test/accuracy"),
        "share of the gradient at the first input, before → after": _reaching,
        "seconds a step": _seconds,
    }.items():
        lines += [*grid(runs, rows=net, columns=_lag, cell=cell, corner=corner), ""]
    return lines[:-1]


def _reaching(run: LoggedRun) -> str:
    """Of the gradient at the last input, in the layer that reaches back farthest."""
    curves = run.lags["input_flow"].values()
    return " → ".join(
        f"{max(10 ** curve[-1] for curve in found):.1g}"
        for found in ([lags.first for lags in curves], [lags.last for lags in curves])
    )


def _seconds(run: LoggedRun) -> str:
    found = run.record or {}
    return f"{found['train_seconds'] / found['steps']:.3f}" if found.get("steps") else run.status


def order(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Positions x directions."""
    return grid(
        runs,
        rows=lambda run: f"positions={option('cell.positions')(run)}",
        columns=lambda run: "two" if run.config["encoder.bidirectional"] else "one (causal)",
        cell=metric("test/accuracy"),
        corner="test accuracy, by directions",
    )


REVERSE = ("data=reverse",)
PARTS = (
    Part("vanishing", ("time_flow",), vanishing),
    Part("exploding", ("gradients", "loss"), exploding, by="cell.recurrent_gain"),
    Part("gates", ("half_life_lag",), gates, by="cell"),
    Part("memory_horizon", ("half_life_lag",), memory_horizon, by="cell"),
    Part("bottleneck", ("time_flow",), bottleneck),
    Part("bottleneck", (), bottleneck, words=REVERSE, label="bottleneck_reverse"),
    Part("directions", ("time_flow",), directions),
    Part("depth", ("time_flow",), depth, by="cell"),
    Part("attention_shortcut", ("input_flow",), attention_shortcut, by="cell"),
    Part("order", (), order),
    Part("three_tasks", (), rivals),
    Part("small_language_models", (), models),
    Part("speech_alignment", (), speech),
)
