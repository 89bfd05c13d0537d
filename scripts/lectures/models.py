"""Small language models: their loss against time, and what they write."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

import rnnlab
from lectures.tables import net, seconds, table
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.diagnostics.style import COLOURS, RC

PROMPT = "ROMEO:"
SCORE = "bits_per_character"
TEMPERATURE = 0.7
LETTERS = 220


def models(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """What each reached, the figure, and a text of each."""
    heads = ["net", "parameters", "steps", "seconds", "bits per character"]
    body = [
        [
            _name(run),
            f"{(run.record or {}).get('parameters', 0):,}",
            str(run.step),
            f"{seconds(run):.0f}",
            f"{run.metrics.get(f'val/{SCORE}') or float('nan'):.2f}",
        ]
        for run in runs
    ]
    picture = f"{title}_seconds.png"
    draw(runs, folder / picture)
    lines = [*table(heads, body), "", f"![Loss against time](lecture/{picture})", ""]
    lines += [f'`rnnlab predict checkpoint=RUN prompt="{PROMPT}" temperature={TEMPERATURE}`:', ""]
    for run in runs:
        model = rnnlab.load(run.folder)
        (text,) = model.write(PROMPT, max_new_tokens=LETTERS, temperature=TEMPERATURE)
        lines += [f"{_name(run)}:", "", "```text", *text.rstrip().splitlines(), "```", ""]
    return lines[:-1]


def _name(run: LoggedRun) -> str:
    return "GPT" if "encoder.model_size" in run.config else net(run).partition(",")[0]


def draw(runs: Sequence[LoggedRun], path: Path) -> None:
    """Validation loss against seconds of training, a line for each net, as PNG."""
    with mpl.rc_context(RC):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        for colour, run in zip(COLOURS, runs, strict=False):
            series = run.log.scalars[f"val/{SCORE}"]
            spent = series.steps * seconds(run) / run.step
            axes.plot(
                spent, series.values, marker="o", markersize=3, color=colour, label=_name(run)
            )
        axes.set_xlabel("seconds of training on one thread")
        axes.set_ylabel("validation loss (bits per character)")
        axes.set_title("The same size, the same text, the same seconds")
        axes.legend()
        figure.savefig(path, dpi=120)
