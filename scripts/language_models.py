"""Language models of one size against the seconds of one thread: who is ahead, and when.

    OMP_NUM_THREADS=1 python scripts/language_models.py [NAME ...] --minutes 6 --json FILE
    python scripts/language_models.py --draw FILE --docs docs/benchmarks.md

Each net has about the same number of parameters, reads Tiny Shakespeare by character, and is given
the same seconds: a first short run finds how many steps these are, so that the learning rate falls
to zero at their end. Seconds are processor time of one thread in training; validations are not
counted. Validation text is all of it.
"""

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from matplotlib.figure import Figure

from curves.report import replace_between
from rnnlab.config.compose import compose_words
from rnnlab.diagnostics.style import COLOURS, RC
from rnnlab.runs.environment import limit_memory, quiet
from rnnlab.runs.train import run
from tabular import markdown

MARKS = "<!-- language models: begin -->", "<!-- language models: end -->"
RECURRENT = ("experiment=charlm_shakespeare", "task.dropout=0.1")
BLOCKS = ("encoder=blocks", "encoder.model_size=160", "encoder.num_layers=2", "task.dropout=0")
NETS: Mapping[str, Sequence[str]] = {
    "RNN": (*RECURRENT, "cell=rnn", "cell.hidden_size=780", "optimizer.lr=0.001"),
    "LSTM": (*RECURRENT, "cell=lstm", "cell.hidden_size=384", "optimizer.lr=0.002"),
    "GRU": RECURRENT,
    "GRU in blocks": (*RECURRENT[:1], *BLOCKS, "cell.hidden_size=160", "optimizer.lr=0.002"),
    "GPT": ("experiment=gpt_shakespeare",),
}
CALIBRATION = 40
"""Steps of the run that finds how long one takes; the first half is not counted."""
VALIDATIONS = 16


class Clock(Callback):
    """Processor seconds of training, and what each validation found after how many."""

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []
        self.ends: list[float] = []
        self._spent = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._since = time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note a step."""
        self.ends.append(self._spent + time.process_time() - self._since)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop."""
        self._spent += time.process_time() - self._since

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note what was found, go on."""
        score = float(trainer.callback_metrics["val/bits_per_character"])
        point = {"step": trainer.global_step, "seconds": self._spent, "bits_per_character": score}
        self.points.append(point)
        self._since = time.process_time()


def train(words: Sequence[str], steps: int) -> tuple[Clock, dict[str, Any]]:
    """Train for some steps, with a cosine over them; the clock, and metrics.json's values."""
    given = ["trainer=cpu", "trainer.enable_progress_bar=false", "diagnostics=off", "logger=none"]
    given += ["trainer.max_epochs=-1", f"trainer.max_steps={steps}", "lr_schedule.interval=step"]
    given += ["trainer.check_val_every_n_epoch=null", f"trainer.val_check_interval={_every(steps)}"]
    given += ["trainer.limit_test_batches=1", f"scheduler.T_max={steps}"]
    clock = Clock()
    composed = compose_words("train", [*words, *given])
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        found = run(composed.cfg, composed.choices, Path(folder) / "run", callbacks=[clock])
    return clock, found.record


def _every(steps: int) -> int:
    return max(1, steps // VALIDATIONS)


def measure(name: str, words: Sequence[str], minutes: float) -> Iterator[dict[str, Any]]:
    """All points of one net."""
    short, _ = train([*words, "trainer.limit_val_batches=1"], CALIBRATION)
    half = CALIBRATION // 2
    steps = int(60 * minutes * (CALIBRATION - half) / (short.ends[-1] - short.ends[half - 1]))
    clock, record = train(words, steps - steps % VALIDATIONS)
    for point in clock.points:
        yield {"net": name, "parameters": record["parameters"], **point}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What each net reached at a twelfth, a quarter and a half of the seconds, and at their end."""
    lines = []
    longest = 60 * round(max(row["seconds"] for row in rows) / 60)
    places = [longest / 12, longest / 4, longest / 2]
    for net in dict.fromkeys(row["net"] for row in rows):
        own = [row for row in rows if row["net"] == net]
        at = [min(own, key=lambda r: abs(r["seconds"] - place)) for place in places]
        scores = [f"{row['bits_per_character']:.3f}" for row in [*at, own[-1]]]
        size, last = own[0]["parameters"], own[-1]
        lines.append([net, f"{size:,}", f"{last['step']:,}", *scores, f"{last['seconds']:.0f}"])
    heads = [f"after {place:.0f} s" for place in places]
    return markdown(["net", "parameters", "steps", *heads, "at the end", "seconds"], lines, left=1)


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Validation bits per character against seconds, a line for each net."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        axes = figure.subplots()
        for colour, net in zip(COLOURS, dict.fromkeys(row["net"] for row in rows), strict=False):
            own = [row for row in rows if row["net"] == net]
            x, y = ([row[key] for row in own] for key in ("seconds", "bits_per_character"))
            axes.plot(x, y, marker="o", markersize=3, color=colour, label=net)
        axes.set_xlabel("seconds of training on one thread")
        axes.set_ylabel("validation bits per character")
        axes.set_ylim(top=min(3.6, axes.get_ylim()[1]))
        axes.legend()
        figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, or draw what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NETS), metavar="NAME")
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--json", type=Path, default=Path("language_models.json"))
    parser.add_argument("--draw", type=Path)
    parser.add_argument("--docs", type=Path)
    given = parser.parse_args()
    if given.draw:
        rows = [json.loads(line) for line in given.draw.read_text().splitlines()]
        rows.sort(key=lambda row: (list(NETS).index(row["net"]), row["step"]))
        print(table(rows))
        if given.docs:
            replace_between(table(rows), given.docs, MARKS)
            draw(rows, given.docs.with_name("language_models.png"))
        return
    quiet()
    limit_memory()
    for name in given.names:
        with given.json.open("a") as stream:
            for row in measure(name, NETS[name], given.minutes):
                stream.write(f"{json.dumps(row)}\n")


if __name__ == "__main__":
    main()
