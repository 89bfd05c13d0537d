"""Runs whose decoder is made of blocks: training, answers, instruments and a test again."""

import json

import pytest

import rnnlab
from corpora import EVERY_TASK
from runs import merged, scalars
from tiny import SMALL, call

WORDS = ["encoder=blocks", "encoder.model_size=8", "task.num_layers=2", "task.num_heads=2"]
WORDS += ["scheduler=warmup_cosine", "lr_schedule.warmup_steps=1", "task.max_new_tokens=12"]
WORDS += ["diagnostics=full", "logger=tensorboard", "diagnostics.weight_flow.every_n_steps=1"]
LINES = ["eins zwei", "drei", "", "vier fünf sechs sieben"]


@pytest.mark.parametrize(
    ("task", "cell"), [("translation", "attention"), ("translation", "gru"), ("generate", "lstm")]
)
def test_it_trains_answers_and_shows_where_it_looks(task, cell, tmp_path, capsys):
    words = merged([*EVERY_TASK[task](tmp_path / "data"), *SMALL, *WORDS, f"cell={cell}"])
    run = tmp_path / "run"
    said = call(capsys, "train", *words, f"hydra.run.dir={run}")
    assert said.code == 0, said.err
    tags = scalars(run)
    mixers = {tag.split("/")[1] for tag in tags if tag.startswith("grad/") and "/input/" in tag}
    assert mixers == {"encoder.0", "encoder.1", "task.decoder.0", "task.decoder.1"}
    assert all(value > 0 for _, value in tags["grad/task.decoder.1.cross.key_value"])
    assert all(value >= 0 for _, value in tags["attention/entropy"])
    assert (run / "figures/attention.png").stat().st_size > 5000
    again = call(capsys, "evaluate", f"checkpoint={run}")
    assert again.code == 0, again.err
    tested = json.loads((run / "metrics.json").read_text())["test"]
    assert json.loads(again.out)["test"] == pytest.approx(tested, abs=1e-4)
    if task == "translation":
        model = rnnlab.load(run)
        together = model.predict(LINES)
        assert together == [model.predict([line])[0] for line in LINES]
        assert together[2] == ""
