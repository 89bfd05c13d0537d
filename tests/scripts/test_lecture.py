"""The lecture: its parts, its tables, and one part from the training to the document."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lecture import DOCUMENT, main
from lectures import lengths, ranks
from lectures.document import put
from lectures.parts import PARTS
from lectures.rivals import rivals
from lectures.speech import Heard, draw
from lectures.tables import grid, lives, net, verdict
from rnnlab.commands.compare.events import Log, Series
from rnnlab.config.compose import compose_words
from rnnlab.runs.train import run as train

SIZES = {"train": 64, "val": 16, "test": 30}


@dataclass
class Fake:
    """What tables ask of a run."""

    config: dict[str, Any]
    task: str = "adding"
    status: str = "completed"
    series: dict[str, list[float]] = field(default_factory=dict)
    mse: float = 0.5
    known: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def lag(self) -> float:
        return float(self.config["data.lag"])

    @property
    def targets(self) -> dict[str, str]:
        return {"data": "rnnlab.data.datasets.adding.Adding"}

    @property
    def record(self) -> dict[str, Any]:
        return {"score": -self.mse, **self.known}

    @property
    def metrics(self) -> dict[str, float]:
        return {"val/mse": self.mse, **self.scores}

    @property
    def log(self) -> Log:
        steps = np.arange(2)
        return Log({k: Series(steps, np.array(v)) for k, v in self.series.items()}, {})

    def scalars(self, prefix: str) -> dict[str, Series]:
        return {k: v for k, v in self.log.scalars.items() if k.startswith(prefix)}


def run(lag: int, life: float, *, solved: bool, cell: str = "GRU", **config: Any) -> Any:
    return Fake(
        {"cell": cell, "data.lag": lag, **config},
        series={"flow/encoder.0/half_life": [life / 2, life]},
        mse=0.001 if solved else 0.16,
    )


@pytest.mark.docs
def test_every_part_is_a_sweep_with_a_place_in_the_document():
    text = DOCUMENT.read_text(encoding="utf-8")
    for part in PARTS:
        assert compose_words("train", [f"experiment={part.name}", *part.words]).swept
        assert f"<!-- begin {part.title} -->" in text
        assert f"<!-- end {part.title} -->" in text


def test_a_grid_has_a_run_in_each_cell():
    runs = [run(10, 7.0, solved=True), run(50, 2e4, solved=False)]
    runs.append(run(10, 3.0, solved=False, cell="LSTM", **{"cell.forget_bias": 3.0}))
    lines = grid(runs, rows=net, columns=lambda r: f"{r.lag:g}", cell=verdict, corner="x")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert [cells[0], *cells[2:]] == [
        ["x", "10", "50"],
        ["GRU", "**solved**, 3.5 → 7", "no, ∞ → ∞"],
        ["LSTM, bias 3", "no, 1.5 → 3", ""],
    ]
    assert lives(Fake({})) == "-"


def test_the_rank_correlation_is_one_where_the_half_life_decides():
    runs = [run(10, life, solved=life > 10) for life in (1.0, 2.0, 30.0, 40.0)]
    before, after = ranks.correlations(runs)
    assert "rank correlation 0.89" in after  # ties among two verdicts: not 1
    assert "fails in 0" in after
    assert "measured before" in before
    turned = ranks.correlations([run(10, 100 / life, solved=life > 10) for life in (1, 2, 30, 40)])
    assert "rank correlation -0.89" in turned[1]
    assert "fails in 4: 2 long half-lives that did not solve, 2 short ones" in turned[1]
    alike = ranks.correlations([run(10, 1.0, solved=True)] * 2)
    assert all("ended alike" in line for line in alike)


def test_the_horizon_ends_at_the_first_lag_that_is_not_solved():
    def cell(name: str, *done: bool) -> list[Any]:
        lags = zip((5, 10, 20), done, strict=True)
        return [run(lag, 1.0, solved=ok, cell=name) for lag, ok in lags]

    runs = [*cell("A", True, True, True), *cell("B", True, False, True), *cell("C", False, True, 1)]
    assert ranks.horizons(runs) == {
        ("adding", "A"): "20 or more",
        ("adding", "B"): "5",
        ("adding", "C"): "below 5",
    }


def test_rivals_have_the_mean_and_the_range_of_their_seeds(tmp_path):
    runs = []
    for seconds, (cell, size, accuracy) in enumerate(
        [("GRU", 96, 0.5), ("GRU", 96, 0.7), ("SelfAttention", 64, 0.9)]
    ):
        sizes = {"cell.hidden_size": size} | ({"encoder.model_size": 64} if size == 64 else {})
        made = Fake({"cell": cell, **sizes}, task="pos")
        made.scores = {"test/accuracy": accuracy}
        made.known = {"train_seconds": seconds, "parameters": 1500}
        runs.append(made)
    text = "\n".join(rivals(runs, tmp_path, "x"))
    assert "parts of speech" in text
    assert "names" not in text  # no run has that task
    assert re.search(r"\| BiGRU 96 +\| 0\.600 \(0\.500 - 0\.700\) +\|", text)
    assert re.search(r"\| blocks of SelfAttention 64 +\| 0\.900 +\|", text)
    assert re.search(r"\| BiGRU 96 +\| 1,500 +\|", text)


def test_letters_are_drawn_where_a_model_finds_them(tmp_path):
    letters, alignment = list("a b"), np.array([-1, 0, 0, 1, 2, -1])
    features = np.random.default_rng(0).normal(size=(24, 40))
    plain = Heard(features, letters, 0.04, alignment, None)
    attended = plain._replace(attention=np.eye(3, 6))
    draw({"ctc": plain, "both": attended}, tmp_path / "letters.png")
    assert (tmp_path / "letters.png").stat().st_size > 10_000


def test_a_block_of_a_document_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n")
    put(page, "x", [r"new \1", ""])
    assert page.read_text() == "a\n<!-- begin x -->\nnew \\1\n\n<!-- end x -->\nb\n"
    with pytest.raises(ValueError, match="no <!-- begin y -->"):
        put(page, "y", [])


def test_bleu_by_length_takes_each_sentence_once(tmp_path):
    words = ["task=translation", "data=reverse", "data.shortest=1", "data.longest=6"]
    words += [f"data.{split}_size={size}" for split, size in SIZES.items()]
    words += [
        "embedding.embedding_dim=16",
        "task.embedding_dim=16",
        "task.num_beams=1",
        "diagnostics=off",
    ]
    words += ["logger=none", "trainer.max_epochs=1", "trainer.enable_progress_bar=false"]
    composed = compose_words("train", words)
    train(composed.cfg, composed.choices, tmp_path / "run")
    points = lengths.bleu_by_length(tmp_path / "run", bins=3)
    means = [length for length, _ in points]
    assert means == sorted(means)
    assert np.mean(means) == pytest.approx(3.5, abs=0.8)
    assert all(0 <= bleu <= 100 for _, bleu in points)


@pytest.mark.slow
@pytest.mark.programs
def test_small_language_models_show_a_text_each(data_root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "docs" / "lecture.md"
    page.parent.mkdir()
    page.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    small = ["trainer.max_steps=4", "trainer.val_check_interval=2", "trainer.limit_val_batches=2"]
    small += ["lr_schedule.warmup_steps=1", "launcher=sequential"]
    words = ["small_language_models", "--document", str(page), "--set", *small]
    assert main(words) == 0, capsys.readouterr().err
    text = page.read_text(encoding="utf-8")
    block = text.partition("<!-- begin small_language_models -->")[2].partition("<!-- end small")[0]
    assert re.findall(r"^(\w+):$", block, re.MULTILINE)[-4:] == ["RNN", "LSTM", "GRU", "GPT"]
    assert block.count("ROMEO:") == 5
    assert (page.parent / "lecture" / "small_language_models_seconds.png").is_file()
    assert "processor minutes" in block
    assert "minutes of two idle cores" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.programs
def test_a_part_from_its_runs_to_the_document(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "docs" / "lecture.md"
    page.parent.mkdir()
    page.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    small = ["data.lag=3", "data.train_size=128", "trainer.val_check_interval=1.0"]
    words = ["vanishing", "--document", str(page), "--set", *small, "launcher=sequential"]
    assert main(words) == 0, capsys.readouterr().err
    text = page.read_text(encoding="utf-8")
    block = text.partition("<!-- begin vanishing -->")[2].partition("<!-- end vanishing -->")[0]
    assert "`rnnlab train experiment=vanishing`" in block
    for name in ("RNN", "LSTM, bias 3", "GRU, bias 2"):
        assert re.search(rf"^\| {name} +\|", block, re.MULTILINE)
    assert "→" in block
    assert (page.parent / "lecture" / "vanishing_time_flow.png").is_file()
    (html,) = Path("outputs/lecture").glob("*/vanishing/compare/compare.html")
    again = ["vanishing", "--document", str(page), "--runs", str(html.parents[2])]
    assert main(again) == 0  # of the same runs the same page
    assert page.read_text(encoding="utf-8") == text


def test_an_unknown_part_is_one_line(capsys):
    assert main(["vanish"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("lecture: no part 'vanish'; there are vanishing, exploding, ")
    assert said.count("\n") == 1
