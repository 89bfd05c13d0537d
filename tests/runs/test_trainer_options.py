"""Every option of Lightning's trainer: `check` and `train` give the same answer."""

import json
from collections.abc import Sequence
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


TOGETHER = 5
"""Options that one run is given; each value costs less so."""
NAMES = sorted(options(Trainer))


def accepted(name: str, capsys) -> list[str]:
    """The values of an option that `check` accepts; the others are told in one line."""
    hint, found = options(Trainer)[name].hint, []
    for value in VALUES:
        if f"{name}={value}" in LONG or not fits(yaml.safe_load(value), hint):
            continue
        said = call(capsys, "check", *without(name), f"trainer.{name}={value}")
        if said.code:
            assert refused(replace(said, out="")).lower().startswith("trainer"), (name, value)
        else:
            found.append(value)
    assert found, name
    return found


def without(*names: str) -> list[str]:
    """What a run is given, without these options."""
    return [word for word in RUN if not word.startswith(tuple(f"trainer.{n}=" for n in names))]


def trains(names: Sequence[str], values: Sequence[str], folder: str, capsys) -> bool:
    """Whether these trained to the end, or had no time for a step; if not, one line says why."""
    words = [f"trainer.{name}={value}" for name, value in zip(names, values, strict=True)]
    said = call(capsys, "train", *without(*names), *words, f"hydra.run.dir={folder}")
    assert "cannot write" not in said.err
    if said.code == 1:
        record = json.loads((Path(folder) / "metrics.json").read_text())
        return record["status"] == "untrained"
    if said.code:  # values that do not go together, or with so little data
        assert refused(replace(said, out="")).lower().startswith("trainer"), words
        return False
    assert said.err == "", words
    return True


@pytest.mark.parametrize("first", range(0, len(NAMES), TOGETHER))
def test_what_check_accepts_is_trained(first, capsys):
    """(What it does not accept is not trained: `train` asks the same check.)"""
    names = NAMES[first : first + TOGETHER]
    values = {name: accepted(name, capsys) for name in names}
    tried: set[str] = set()
    for number in range(max(map(len, values.values()))):
        chosen = [values[name][number % len(values[name])] for name in names]
        if trains(names, chosen, f"all{number}", capsys):
            tried.update(names)
            continue
        for name, value in zip(names, chosen, strict=True):
            if trains([name], [value], f"{name}{number}", capsys):
                tried.add(name)
    assert tried == set(names)
