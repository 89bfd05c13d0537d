"""One `rnnlab train` as a user types it, stopped and resumed, in deterministic mode."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from gpu.device import Setting

SRC = Path(__file__).resolve().parents[2] / "src"


def check_command(setting: Setting) -> None:
    """A run, and another that is stopped and resumed: the same weights and scores, bit for bit."""
    part = setting.part(
        "rnnlab train, resumed",
        ("run", "status", "steps", "device", "test loss", "weights"),
        "`rnnlab train task=delayed_recall cell=lstm trainer.deterministic=true`, dropout on, on a "
        "GPU with trainer=gpu; once as it is, once stopped in the middle of an epoch and resumed. "
        "Right: all complete, and the weights and the test loss are equal, bit for bit.",
    )
    size = ["16", "64"] if setting.small else ["128", "2000"]
    words = [
        *("task=delayed_recall", "cell=lstm", f"cell.hidden_size={size[0]}", "data.lag=5"),
        *(f"data.train_size={size[1]}", "data.val_size=32", "data.test_size=32"),
        *("data.batch_size=16", "trainer.max_epochs=2", "trainer.deterministic=true"),
        *("encoder.num_layers=2", "encoder.dropout=0.2", "encoder.weight_dropout=0.2"),
        *("logger=none", "diagnostics=off", "trainer.enable_progress_bar=false"),
        *(["trainer=gpu"] if setting.cuda else ["trainer.accelerator=cpu"]),
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stop = 2 if setting.small else 60
        try:
            whole = _run(folder, *words, "hydra.run.dir=whole")
            _run(folder, *words, "hydra.run.dir=parts", f"trainer.max_steps={stop}")
            resumed = _run(folder, "resume=parts", "trainer.max_steps=-1")
        except ModuleNotFoundError as missing:
            part.skipped.append(str(missing))
            return
        weights = [_weights(folder / run) for run in ("whole", "parts")]
        records = [_record(folder / run) for run in ("whole", "parts")]
    same = all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    for run, record, said in zip(("whole", "resumed"), records, (whole, resumed), strict=True):
        device = next((line for line in said.splitlines() if line.startswith("dtype")), "")
        loss = record["test"].get("loss")
        row = [run, record["status"], record["steps"], device, loss]
        part.rows.append([*row, "equal" if same else "different"])
        if record["status"] != "completed":
            part.failures.append(f"{run}: {record['status']}")
    if not same:
        part.failures.append("the resumed run has other weights than the uninterrupted one")
    if records[0]["test"] != records[1]["test"]:
        part.failures.append("the resumed run has another score than the uninterrupted one")


def _run(folder: Path, *words: str) -> str:
    """What a command prints.

    Raises:
        ModuleNotFoundError: It needs a package that is not there.
        RuntimeError: It did not succeed.
    """
    path = os.pathsep.join([str(SRC), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = os.environ | {"PYTHONPATH": path, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    command = [sys.executable, "-m", "rnnlab", "train", *words]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        kind, _, said = (done.stderr.splitlines() or ["no word"])[-1].partition(": ")
        if kind == "ModuleNotFoundError":
            raise ModuleNotFoundError(said)
        raise RuntimeError(f"{' '.join(words)}: {kind}: {said}")
    return done.stdout


def _weights(run: Path) -> dict[str, torch.Tensor]:
    kept = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True, map_location="cpu")
    found: dict[str, torch.Tensor] = kept["state_dict"]
    return found


def _record(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())
