"""Loggers of other services: what a run shows arrives there, without a network."""

import json
import os
import sys

import pytest
from mlflow.tracking import MlflowClient

import tiny
from tiny import SMALL, call, refused, sentiment

RUN = [each for each in SMALL if not each.startswith(("logger", "diagnostics"))]
RUN += ["diagnostics=full", "diagnostics.time_flow.every_n_steps=2", "diagnostics.alarms=null"]


def trained(tmp_path, capsys, *words):
    folder = tmp_path / "run"
    said = call(capsys, "train", *sentiment(tmp_path), *RUN, *words, f"hydra.run.dir={folder}")
    assert said.code == 0, said.err
    return folder, json.loads((folder / "metrics.json").read_text())


def test_mlflow(tmp_path, capsys):
    folder, record = trained(tmp_path, capsys, "logger=mlflow", "logger.run_name=first")
    client = MlflowClient(f"file:{folder.resolve()}/mlruns")
    (experiment,) = [e for e in client.search_experiments() if e.name == "rnnlab"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "first"
    assert run.info.status == "FINISHED"
    accuracy = run.data.metrics["final/test/accuracy"]
    assert accuracy == pytest.approx(record["test"]["accuracy"])
    assert {"train/loss", "val/loss", "grad/total"} <= run.data.metrics.keys()
    assert run.data.params["cell.hidden_size"] == "8"
    files = [each.path for each in client.list_artifacts(run.info.run_id)]
    assert "samples" in files


def test_wandb(tmp_path, capsys, monkeypatch):
    warned = []
    monkeypatch.setattr("wandb.termwarn", lambda text, **_: warned.append(text))
    monkeypatch.setenv("WANDB_SILENT", "true")
    folder, record = trained(tmp_path, capsys, "logger=wandb", "logger.offline=true")
    assert warned == []
    (log,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    text = log.read_bytes()
    for name in (b"final/test/accuracy", b"train/loss", b"samples", b"hidden_size"):
        assert name in text, name
    assert record["status"]


def test_wandb_without_a_key(tmp_path, monkeypatch):
    """In a process of its own: wandb keeps the mode that it was first used in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in [each for each in os.environ if each.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_SILENT", "true")
    said = tiny.start("train", *sentiment(tmp_path), *SMALL, "logger=wandb", cwd=tmp_path)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "logger: wandb: " in said.err.splitlines()[-1]
    assert said.err.endswith("logger.offline=true\n")


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_missing_package(name, tmp_path, capsys, monkeypatch):
    module = sys.modules[
        "lightning.pytorch.loggers.wandb" if name == "wandb" else "lightning.pytorch.loggers.mlflow"
    ]
    flag = "_WANDB_AVAILABLE" if name == "wandb" else "_MLFLOW_AVAILABLE"
    monkeypatch.setattr(module, flag, False)
    if name == "mlflow":
        monkeypatch.setattr(module, "_MLFLOW_SKINNY_AVAILABLE", False, raising=False)
    said = call(capsys, "train", *sentiment(tmp_path), *SMALL, f"logger={name}")
    assert f"pip install 'rnnlab[{name}]'" in refused(said)
