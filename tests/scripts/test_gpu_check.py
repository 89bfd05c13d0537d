"""The check of a GPU machine runs on a CPU as well, and notices what is wrong."""

import json
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from gpu import exactness, precision, probe, training
from gpu.device import Setting
from gpu.report import Part
from gpu.runner import run_parts

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "gpu_check.py"


def check(out, *words, before="pass"):
    """The command, where some packages may be missing."""
    place = f"sys.path.insert(0, {str(SCRIPT.parent)!r})"
    program = f"import runpy, sys; {place}; {before}; "
    program += f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    command = [sys.executable, "-c", program, "--device", "cpu", "--small", "--out", out, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    if not (out / "gpu_check.json").exists():
        return done, None
    return done, json.loads((out / "gpu_check.json").read_text())


@pytest.mark.programs
def test_all_parts_run_on_a_cpu(tmp_path):
    done, report = check(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no GPU" in done.stdout
    assert report["right"]
    parts = {part["title"]: part for part in report["parts"]}
    assert len(parts) == 12
    assert {part["verdict"] for part in parts.values()} == {"right"}
    exact = parts["Exactness of the layers"]["rows"]
    assert {(row[0], row[1]) for row in exact} == {
        (cell, kernel)
        for cell in ("rnn", "rnn relu", "lstm", "gru")
        for kernel in ("fused", "bptt", "scan")
    }
    assert all(row[5] < 1e-12 for row in exact if row[4] == "float64")
    assert all(0 < row[5] < 1e-5 for row in exact if row[4] == "float32")
    assert all(row[5] > 1e-5 for row in exact if row[4] in ("bfloat16", "float16"))
    kernels = {(row[1], row[2]) for row in parts["Precision of the layers"]["rows"]}
    assert kernels == {
        ("auto", "float32"),
        ("auto, bfloat16 autocast", "float32"),
        ("auto, float16 autocast", "float32"),
        ("bf16", "bfloat16"),
        ("fp16", "float16"),
        ("fp16, bfloat16 autocast", "float16"),
    }
    runs = parts["rnnlab train, resumed"]["rows"]
    assert all(row[4] > 0 for row in runs)
    assert [row[:3] for row in runs] == [["whole", "completed", 8], ["resumed", "completed", 8]]
    choices = {row[1] for row in parts["Options that are not the default"]["rows"]}
    assert choices >= {"weight dropout", "crf", "adaptive", "5 beams", "bptt"}
    tasks = {row[0]: row for row in parts["Training steps"]["rows"]}
    assert len(tasks) == 5
    assert all(row[3] > 0 for row in tasks.values())
    text = (tmp_path / "gpu_check.md").read_text()
    assert all(f"## {title}" in text for title in parts)
    assert "there is no GPU" in text


@pytest.mark.programs
def test_without_hydra_nothing_is_left_out(tmp_path):
    missing = "sys.modules |= dict.fromkeys(['hydra', 'omegaconf', 'jaxtyping'])"
    parts = ["precision", "training", "program", "rivals", "directions", "host", "choices"]
    done, report = check(tmp_path, "--only", *parts, before=missing)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [part["verdict"] for part in report["parts"]] == ["right"] * len(report["parts"])


@pytest.mark.programs
def test_without_lightning_some_parts_are_left_out(tmp_path):
    missing = "sys.modules |= dict.fromkeys(['lightning', 'torchmetrics'])"
    done, report = check(tmp_path, "--only", "cost", "training", before=missing)
    assert done.returncode == 0, done.stdout + done.stderr
    cost, training = report["parts"]
    assert cost["verdict"] == "right"
    assert training["verdict"] == "skipped"
    (line,) = training["skipped"]
    assert line.startswith("needs ")
    assert line.endswith(", which is not installed here")


def test_a_part_that_fails_or_takes_too_long_does_not_end_the_others(capsys):
    setting, written = Setting(torch.device("cpu"), True, 0.0), []

    def fails(setting):
        setting.part("one", ("a",)).rows.append([1])
        raise ValueError("not\nso")

    def slow(setting):
        part = setting.part("two", ("a",))
        part.rows.append([2])
        while True:
            part.note = "still at it"

    def fine(setting):
        setting.part("four", ("a",)).rows.append([4])

    parts = {"one": fails, "two": slow, "three": "needs a thing", "four": fine}
    run_parts(parts, setting, 0.8, lambda: written.append(len(setting.parts)))
    one, two, three, four = setting.parts
    assert (one.verdict, one.rows, two.rows, four.verdict) == ("wrong", [[1]], [[2]], "right")
    assert one.failures[0].startswith("ValueError at test_gpu_check.py:")
    assert one.failures[0].endswith(": not")
    assert two.verdict == "right"
    assert two.skipped == ["the rest: 0.4 seconds were over"]
    assert three.skipped == ["needs a thing"]
    assert written == [1, 2, 3, 4]
    late = Setting(torch.device("cpu"), True, 0.0)
    run_parts({"late": fine}, late, 0.0, lambda: None)
    assert late.parts[0].skipped == ["no time was left"]


def test_lost_gradients_are_found(monkeypatch):
    monkeypatch.setattr(precision, "CELLS", {"lstm": precision.LSTM})
    monkeypatch.setattr(
        "rnnlab.layers.precision.GradientScale.multiplied", lambda self, g: g * 1e-9
    )
    part = precision.check_precision(Setting(torch.device("cpu"), True, 0.0))
    assert part.verdict == "wrong"
    assert all(line.startswith("lstm, fp16") for line in part.failures)
    assert any("of dL/dh_t are lost" in line for line in part.failures)


def test_what_is_needed_is_said_at_once(tmp_path):
    missing = "sys.modules |= dict.fromkeys(['annotated_types', 'tabulate'])"
    done, report = check(tmp_path, before=missing)
    assert (done.returncode, report) == (2, None)
    assert done.stderr.endswith("not installed: annotated_types, tabulate; see docs/gpu.md\n")


def test_a_device_that_is_not_there(tmp_path):
    command = [sys.executable, SCRIPT, "--device", "xpu", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("there is no device xpu here")


def test_a_wrong_kernel_is_found(monkeypatch):
    class Off(exactness.GRU):
        def run_kernel(self, x, state, weights):
            outputs, final = super().run_kernel(x, state, weights)
            return outputs + 1e-4, final

    monkeypatch.setattr(exactness, "CELLS", {"off": Off})
    part = exactness.check_exactness(Setting(torch.device("cpu"), True, 0.0))
    assert part.verdict == "wrong"
    assert part.failures
    assert all(line.startswith("off, fused, ") for line in part.failures)
    assert any("float64: outputs are wrong by" in line for line in part.failures)


def test_a_wrong_probe_is_found(monkeypatch):
    seen = probe._seen

    def direct_alone(*given):
        """What a hook on the outputs would show: nothing before the last step."""
        return {
            way: [torch.zeros_like(part) for part in parts] for way, parts in seen(*given).items()
        }

    monkeypatch.setattr(probe, "_seen", direct_alone)
    part = probe.check_probe(Setting(torch.device("cpu"), True, 0.0))
    assert part.rows
    assert len(part.failures) == len(part.rows)


def test_waits_become_failures(monkeypatch):
    """On a GPU torch warns at each wait; here somebody else does, in the same words."""

    @dataclass
    class Device:
        cuda = True

        def wait(self):
            pass

    def run(count):
        for _ in range(count):
            warnings.warn("called a synchronizing CUDA operation", UserWarning, stacklevel=1)
            warnings.warn("something else", UserWarning, stacklevel=1)

    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    monkeypatch.setattr(training, "profiled", lambda setting, work: {"Memcpy DtoH": 10})
    part = Part("", ())
    assert training.count_waits(part, "a task", Device(), run) == (1.0, "1")
    assert part.failures == [
        f"a task: waits at {Path(__file__).name}:{run.__code__.co_firstlineno + 2}, "
        "10 times in 10 steps",
        "a task: a profiler sees 10 Memcpy DtoH in 10 steps",
    ]
