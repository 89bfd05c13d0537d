"""Every option of Lightning's trainer: `check` and `train` give the same answer."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from lightning import Trainer

from rnnlab.config.hints import fits
from rnnlab.config.schema import options
from tiny import SMALL, call, refused

RUN = [
    *("task=delayed_recall", "data.lag=2", "data.train_size=64", "data.val_size=8"),
    *("data.test_size=8", "data.batch_size=8", "trainer.accelerator=cpu", *SMALL),
]
VALUES = (
    *("null", "true", "false", "0", "1", "3", "0.5", "1.0", "-1", "auto", "cpu", "x", "simple"),
    *("32", "norm", "warn", "00:00:00:50", "00:00:10", "{minutes: 1}", "[0]", "[]", "{}"),
)
"""What each option is given where its type fits."""
LONG = {
    "max_epochs=null",
    "max_epochs=-1",
    "devices=3",
    "devices=auto",
    "num_nodes=3",
    "num_nodes=32",
    "devices=32",
}
"""Runs without an end, or of several processes."""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", options(Trainer))
def test_what_check_accepts_is_trained(name, capsys):
    """(What it does not accept is not trained: `train` asks the same check.)"""
    kept = [word for word in RUN if not word.startswith(f"trainer.{name}=")]
    hint, tried = options(Trainer)[name].hint, 0
    for number, value in enumerate(VALUES):
        if f"{name}={value}" in LONG or not fits(yaml.safe_load(value), hint):
            continue
        said = call(capsys, "train", *kept, f"trainer.{name}={value}", f"hydra.run.dir=run{number}")
        assert "cannot write" not in said.err
        if said.code == 1:  # no time for a step
            record = json.loads(Path(f"run{number}/metrics.json").read_text())
            assert record["status"] == "untrained"
        elif said.code:  # before the first batch
            assert refused(replace(said, out="")).lower().startswith("trainer"), value
        else:
            tried += 1
            assert said.err == "", (name, value)
    assert tried, name
