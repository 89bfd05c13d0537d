"""Results of record: from run folders to the page, and what is refused on the way."""

import json
import shutil
from pathlib import Path
from statistics import mean

import pytest
from omegaconf import OmegaConf

from results.goals import Goal, Goals, Metric
from results.page import render, spread
from results.records import read
from results.words import shortest
from results_table import DOCS, main
from rnnlab.cli import main as rnnlab
from rnnlab.config.compose import compose_words

WORDS = [
    "task=delayed_recall",
    "cell=gru",
    "data.lag=4",
    "data.train_size=160",
    "data.val_size=32",
    "data.test_size=64",
    "cell.hidden_size=8",
    "embedding.embedding_dim=6",
    "trainer.accelerator=cpu",
]
QUIET = ["trainer.enable_progress_bar=false", "logger=none", "diagnostics=off"]


def train(folder: Path, *words: str) -> Path:
    with pytest.raises(SystemExit) as stopped:
        rnnlab(["train", *WORDS, *QUIET, *words, f"hydra.run.dir={folder}"])
    assert stopped.value.code == 0
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds, the first of them in two parts, and one that saw a part of its data only."""
    home = tmp_path_factory.mktemp("runs")
    train(home / "one", "trainer.max_epochs=1", "seed=1")
    first = json.loads((home / "one/metrics.json").read_text())
    with pytest.raises(SystemExit) as stopped:
        rnnlab(["train", f"resume={home / 'one'}", "trainer.max_epochs=2"])
    assert stopped.value.code == 0
    both = json.loads((home / "one/metrics.json").read_text())
    assert both["wall_seconds"] > first["wall_seconds"] > 0
    train(home / "two", "trainer.max_epochs=2", "seed=2")
    train(home / "smoke/three", "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    return home


def recorded(docs: Path) -> list[dict]:
    return json.loads((docs / "results.json").read_text())["runs"]


def test_two_seeds_become_one_line(runs, tmp_path, capsys):
    assert main(["--docs", str(tmp_path), str(runs / "one"), str(runs / "two")]) == 0
    one, two = recorded(tmp_path)
    assert one["overrides"] == two["overrides"] == [*WORDS, "trainer.max_epochs=2"]
    assert one["command"] == f"rnnlab train {' '.join(WORDS)} trainer.max_epochs=2 seed=1"
    for record, name in ((one, "one"), (two, "two")):
        metrics = json.loads((runs / name / "metrics.json").read_text())
        assert record["test"] == metrics["test"]
        assert record["parameters"] == metrics["parameters"]
        assert record["threads"] == metrics["machine"]["threads"]
        assert record["best_epoch"] == metrics["best_epoch"]
        assert 1 <= record["best_epoch"] <= record["epochs"] == 2
    a, b = (100 * each["test"]["accuracy"] for each in (one, two))
    sd = (((a - mean([a, b])) ** 2 + (b - mean([a, b])) ** 2) / 1) ** 0.5
    page = (tmp_path / "results.md").read_text()
    assert f"| {(a + b) / 2:.2f} ± {sd:.2f} (n = 2) |" in page
    assert "| GRU 8, pooling last |" in page
    assert f"`rnnlab train -m {' '.join(WORDS)} trainer.max_epochs=2 seed=1,2`" in page
    assert str(runs) not in page + (tmp_path / "results.json").read_text()


def test_adding_again_changes_nothing(runs, tmp_path, capsys):
    main(["--docs", str(tmp_path), str(runs / "two"), str(runs / "one")])
    before = [(tmp_path / name).read_text() for name in ("results.json", "results.md")]
    main(["--docs", str(tmp_path), str(runs / "one")])
    main(["--docs", str(tmp_path)])
    assert [(tmp_path / name).read_text() for name in ("results.json", "results.md")] == before
    assert main(["--docs", str(tmp_path), "--check"]) == 0
    (tmp_path / "results.md").write_text(before[1].replace("2 (best", "3 (best"))
    assert main(["--docs", str(tmp_path), "--check"]) == 1


def test_a_newer_run_takes_the_place_of_the_older(runs, tmp_path, capsys):
    main(["--docs", str(tmp_path), str(runs / "one")])
    again = shutil.copytree(runs / "one", tmp_path / "again")
    metrics = json.loads((again / "metrics.json").read_text())
    metrics["test"]["accuracy"] = 0.5
    (again / "metrics.json").write_text(json.dumps(metrics))
    main(["--docs", str(tmp_path), str(again)])
    (record,) = recorded(tmp_path)
    assert record["test"]["accuracy"] == 0.5
    assert "50.00 (one seed)" in (tmp_path / "results.md").read_text()


def changed(run: Path, folder: Path, **values: object) -> Path:
    """A copy of a run with another record."""
    shutil.copytree(run, folder)
    metrics = json.loads((folder / "metrics.json").read_text()) | values
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_what_is_no_result_is_refused_in_a_line(runs, tmp_path, capsys):
    changed(runs / "two", tmp_path / "a", status="interrupted")
    changed(runs / "two", tmp_path / "b", test={})
    (changed(runs / "two", tmp_path / "c") / "metrics.json").unlink()
    (changed(runs / "two", tmp_path / "d") / "config.yaml").write_text("seed: [")
    changed(runs / "two", tmp_path / "e").joinpath(".hydra/hydra.yaml").unlink()
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    given = [tmp_path / name for name in ("a", "b", "c", "d", "e", "empty")]
    docs = tmp_path / "docs"
    docs.mkdir()
    assert main(["--docs", str(docs), *map(str, [*given, runs / "smoke"])]) == 1
    lines = capsys.readouterr().err.splitlines()
    reasons = [
        "it is interrupted, not completed",
        "it has no test metrics",
        "no metrics.json: it has not ended, or was killed",
        "config.yaml cannot be read",
        "hydra.yaml cannot be read",
        "no run in it",
        "it saw a part of its data only (trainer.limit_train_batches)",
    ]
    assert len(lines) == len(reasons)
    for line, reason in zip(lines, reasons, strict=True):
        assert reason in line
    assert recorded(docs) == []


def config(*words: str) -> tuple[dict, dict]:
    composed = compose_words("train", words)
    return composed.cfg, {k: v for k, v in composed.choices.items() if "/" not in k}


def test_words_that_change_nothing_are_left_out():
    said = ["experiment=ner_bilstm_crf", "cell=lstm", "optimizer.lr=0.5", "diagnostics=off"]
    cfg, choices = config(*said, "seed=3")
    assert shortest([*said, "seed=3"], cfg, choices) == ["optimizer.lr=0.5"]


def test_what_the_run_was_resumed_with_is_added():
    said = ["experiment=ner_bilstm_crf", "seed=1"]
    cfg, choices = config(*said, "trainer.max_epochs=41")
    assert shortest(said, cfg, choices) == ["trainer.max_epochs=41"]  # and so scheduler.T_max


def test_an_experiment_that_changed_since_is_said_as_it_was():
    cfg, choices = config("experiment=ner_bilstm_crf", "optimizer=adamw", "optimizer.lr=0.002")
    words = shortest(["experiment=ner_bilstm_crf"], cfg, choices)
    again, _ = config("experiment=ner_bilstm_crf", *words)
    assert again == cfg
    assert "optimizer=adamw" in words


def test_an_option_that_was_not_there_yet_had_its_default():
    cfg, choices = config("experiment=ptb_lstm")
    del cfg["encoder"]["word_dropout"], cfg["encoder"]["variational_dropout"]
    # the experiment says locked, which the run did not know
    assert shortest(["experiment=ptb_lstm"], cfg, choices) == ["encoder.variational_dropout=false"]


def test_an_option_that_is_gone_cannot_be_repeated(runs, tmp_path):
    from results.records import Refused

    folder = changed(runs / "two", tmp_path / "gone")
    cfg = OmegaConf.load(folder / "config.yaml")
    cfg.task.gone = {"_target_": "rnnlab.tasks.Gone"}
    OmegaConf.save(cfg, folder / "config.yaml")
    with pytest.raises(Refused, match=r"no command gives this today: task.gone._target_"):
        read(folder)


def test_paths_of_this_machine_are_not_told():
    said = ["experiment=ner_bilstm_crf", "embedding.path=/home/me/vectors/mine.txt"]
    cfg, choices = config(*said)
    assert shortest(said, cfg, choices) == ["embedding.path=.../mine.txt"]


def test_spread_by_hand():
    percent = Metric("accuracy, %", scale=100, digits=2)
    assert spread([0.90, 0.91, 0.95], percent) == "92.00 ± 2.65 (n = 3)"  # sqrt((4+1+9)/2)
    assert spread([0.9], percent) == "90.00 (one seed)"
    assert spread([0.9, None], percent) == "-"


def made(**values: object) -> dict:
    return {
        "experiment": "e",
        "overrides": [],
        "seed": 1,
        "command": "rnnlab train experiment=e seed=1",
        "task": "translation",
        "data": "d",
        "model": "GRU 8",
        "parameters": 2_000_000,
        "monitor": "val/bleu",
        "val": {"bleu": 30.0},
        "test": {"bleu": 36.5, "bleu_lower": 38.0},
        "scorers": {"bleu": "nrefs:1|case:mixed", "bleu_lower": "nrefs:1|case:lc"},
        "epochs": 10,
        "best_epoch": 8,
        "minutes": 12.34,
        "threads": 1,
        "device": "CPU",
        "torch": "2.13.0",
        "date": "2026-01-31",
        "git": "abc",
    } | values


def test_a_bag_of_words_is_told_where_every_run_had_one():
    values = {"monitor": "val/f1", "val": {"f1": 0.7}, "test": {"f1": 0.7}, "scorers": {}}
    runs = [made(seed=seed, baseline={"f1": 0.4 + seed / 10}, **values) for seed in (1, 2)]
    line = "  - a bag of words, trained beside it: F1, % 55.00 ± 7.07 (n = 2)"
    goals = Goals({}, "Others", {"f1": Metric("F1, %", scale=100, digits=2)}, ())
    assert line in render(runs, goals).splitlines()
    assert "a bag of words" not in render([*runs, made(seed=3, **values)], goals)
    assert "a bag of words" not in render([*runs, made(seed=3, baseline=None, **values)], goals)


@pytest.mark.parametrize(
    ("metric", "goal", "reached"),
    [
        ("test/bleu", 36.0, "| 36.00 | 36.50 (one seed) | yes |"),
        ("test/bleu_lower", 39.0, "| 39.00 | 38.00 (one seed) | no, by 1.00 |"),
        ("val/bleu", 30.0, "| 30.00 | 30.00 (one seed) | yes |"),
        ("test/bleu", None, "| - | 36.50 (one seed) | - |"),
    ],
)
def test_goals_are_reached_or_missed(monkeypatch, metric, goal, reached):
    monkeypatch.setattr("results.page._task", lambda goal: "translation")
    goals = Goals.read(DOCS / "results_goals.yaml")
    mine = Goal("e", metric, goal=goal, published=("97 (Nobody 1900)",), tried="harder")
    page = render([made()], Goals(goals.sections, goals.others, goals.metrics, (mine,)))
    assert f"{reached} 97 (Nobody 1900) | harder |" in page
    assert "  - bleu_lower 38.00 (one seed): `nrefs:1|case:lc`" in page


def test_less_is_better_for_some():
    goals = Goals.read(DOCS / "results_goals.yaml")
    values = {
        "experiment": "charlm_shakespeare",
        "task": "language_model",
        "monitor": "val/bits_per_character",
    }
    page = render(
        [
            made(
                **values,
                val={"bits_per_character": 2.15},
                test={"bits_per_character": 2.3},
                scorers={},
            )
        ],
        goals,
    )
    assert "| val bits per character | 2.100 | 2.150 (one seed) | no, by 0.050 |" in page


def test_the_most_special_goal_counts():
    plain = Goal("e", "test/accuracy", goal=89.5)
    special = Goal("e", "test/accuracy", overrides=("embedding=random",), goal=88.0)
    for order in ((plain, special), (special, plain)):
        goals = Goals({}, "Others", {}, order)
        assert goals.of("e", ["a=1"]) is plain
        assert goals.of("e", ["embedding=random", "a=1"]) is special
        assert goals.of("other", ["embedding=random"]) is None


@pytest.mark.docs
def test_the_page_is_what_the_records_give(capsys):
    """Not edited by hand; every goal's experiment is there, with its overrides."""
    assert main(["--check"]) == 0, capsys.readouterr().out
