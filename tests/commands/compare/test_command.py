"""`rnnlab compare` as a user types it."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

import rnnlab.commands.page.page
from made_runs import made_runs
from rnnlab.commands.compare import command
from rnnlab.commands.compare.events import read_log
from rnnlab.commands.compare.groups import group_runs
from rnnlab.commands.compare.page import render, verdicts
from rnnlab.commands.compare.run import UNFINISHED
from runs import SMALL, merged
from tiny import call, refused, write


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Each test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_figures(monkeypatch):
    """For tests of what is printed: drawing is most of the time."""
    monkeypatch.setattr(command, "save", lambda *given: None)


page_room = Path(rnnlab.commands.page.page.__file__).parent


class Page(HTMLParser):
    """What an HTML page consists of, and all that it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [v for k, v in attrs if k in ("src", "href", "srcset", "data")]

    def handle_data(self, data):
        self.words.append(data)


def read_page(folder: Path) -> Page:
    text = (folder / "compare.html").read_text(encoding="utf-8")
    return Page(text.replace("<wbr>", ""))  # headings may be broken


def test_finished_running_and_diverged_runs_on_one_page(trained, capsys):
    said = call(capsys, "compare", trained.sweep, trained.diverged, trained.running, "output=out")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].split()[:3] == ["group", "runs", "status"]
    assert lines[-1] == f"page     {Path('out') / 'compare.html'}"
    assert any("diverged at step" in line for line in lines)
    assert any(f"2 completed, 1 {UNFINISHED} at step" in line for line in lines)
    written = {path.name for path in Path("out").iterdir()}
    assert {"compare.html", "compare.md", "groups.csv", "runs.csv", "loss.png"} <= written
    for file in Path("out").glob("*.png"):
        assert file.read_bytes().startswith(b"\x89PNG")


def test_the_page_needs_nothing_but_itself(trained, capsys):
    assert call(capsys, "compare", trained.sweep, "output=out").code == 0
    page = read_page(Path("out"))
    assert page.references
    assert all(reference.startswith("data:") for reference in page.references)
    assert not {"iframe", "object", "embed", "img"} & set(page.tags)
    assert page.tags.count("script") == 3  # data, library, ours
    text = (Path("out") / "compare.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\(", (page_room / "page.css").read_text())
    (rules,) = re.findall(r'Content-Security-Policy" content="(.*?)"', text)
    assert "default-src &#39;none&#39;" in rules
    assert "unsafe-inline" not in rules.partition("script-src")[2].partition(";")[0]
    assert len(re.findall(r"sha256-[\w+/]{43}=", rules)) == 2
    assert (Path("out") / "compare.html").stat().st_size < 2e6


def test_pictures_are_in_the_formats_asked_for(trained, capsys):
    words = ("compare", trained.sweep, "output=out")
    assert call(capsys, *words, "figures=svg").code == 0
    drawn = {file.suffix for file in Path("out").iterdir() if file.stem == "loss"}
    assert drawn == {".svg"}
    assert b"<svg" in Path("out/loss.svg").read_bytes()
    assert "png, svg, both" in refused(call(capsys, *words, "figures=pdf"))


@pytest.mark.usefixtures("no_figures")
def test_only_differences_of_the_configuration_are_shown(trained, capsys):
    assert call(capsys, "compare", trained.sweep, "output=out").code == 0
    words = read_page(Path("out")).words
    assert "cell.update_bias" in words
    assert not {"cell.hidden_size", "optimizer.lr", "data.seed"} & set(words)


@pytest.mark.usefixtures("no_figures")
def test_what_a_run_says_is_text_and_not_markup(trained, capsys):
    shutil.copytree(trained.sweep / "2_gru-1", "run")
    record = json.loads(Path("run/metrics.json").read_text())
    record["alarms"] = ["vanishing: <script>alert(1)</script> & more"]
    record["verdict"] = ["never predicted: <b>spam</b>"]
    Path("run/metrics.json").write_text(json.dumps(record))
    said = call(capsys, "compare", "run", "output=out")
    assert "vanishing: <script>" in said.out
    page = read_page(Path("out"))
    assert page.tags.count("script") == 3  # data, library, ours
    assert any("<script>alert(1)</script> & more" in words for words in page.words)
    assert any("never predicted: <b>spam</b>" in words for words in page.words)


def test_what_many_runs_say_is_said_once():
    runs = list(made_runs(9, points=40))
    for number, run in enumerate(runs):
        run.record["verdict"] = ["train longer"] + (["never predicted: spam"] if number < 2 else [])
    groups = group_runs(runs)
    assert {said: len(where) for said, where in verdicts(groups).items()} == {
        "train longer": 9,
        "never predicted: spam": 2,
    }
    page = render(groups, [], [], subtitle="", notes=[])
    assert page.count("train longer") == 1
    assert "<summary>9 runs: train longer</summary>" in page
    assert all(page.count(f"<code>{run.folder}</code>") >= 1 for run in runs)


def test_names_may_be_broken_between_their_parts_and_nowhere_else():
    runs = list(made_runs(5, points=40))
    page = render(group_runs(runs), [], [], subtitle="", notes=[])
    assert "Minimal<wbr>Gated<wbr>Recurrent<wbr>Unit" in page
    assert "<td>outputs/<wbr>sweep/0_<wbr>gru-10-1</td>" in page
    assert not re.search(r"<wbr>\d", page)


@pytest.mark.usefixtures("no_figures")
def test_without_output_a_folder_of_its_own_below_outputs(trained, capsys):
    for count in (1, 2):
        assert call(capsys, "compare", trained.running).code == 0
        assert len(list(Path("outputs/compare").glob("*/compare.html"))) == count
    said = call(capsys, "compare", trained.sweep, "outputs")
    assert refused(said) == "outputs: no runs in it; a run's folder holds config.yaml and events"


@pytest.mark.usefixtures("no_figures")
def test_a_run_named_twice_counts_once(trained, capsys):
    run = trained.sweep / "2_gru-1"
    said = call(capsys, "compare", run, trained.sweep, run, "output=out")
    assert [line.split()[1] for line in said.out.splitlines()[1:3]] == ["2", "2"]


@pytest.mark.usefixtures("no_figures")
def test_by_is_named_first_and_parts_seeds(trained, capsys):
    said = call(capsys, "compare", trained.sweep, "by=seed", "output=out")
    assert [line.split("  ")[0] for line in said.out.splitlines()[1:5]] == [
        *("seed=1 RNN", "seed=1 GRU", "seed=2 RNN", "seed=2 GRU")
    ]


@pytest.mark.usefixtures("no_figures")
def test_half_written_runs_are_left_out_with_a_line_each(trained, capsys):
    for name in ("whole", "started", "cut", "broken"):
        shutil.copytree(trained.sweep / "2_gru-1", f"all/{name}")
    Path("all/started/config.yaml").unlink()
    Path("all/started/.hydra").mkdir()
    config = Path("all/cut/config.yaml")
    config.write_text(config.read_text().partition("trainer:")[0])
    record = Path("all/broken/metrics.json")
    record.write_text(record.read_text()[:100])
    said = call(capsys, "compare", "all", "output=out")
    assert said.code == 0
    assert said.err.splitlines() == [
        "rnnlab: all/broken: half-written, left out (metrics.json cannot be read)",
        "rnnlab: all/cut: half-written, left out (config.yaml has no trainer)",
        "rnnlab: all/started: half-written, left out (no config.yaml)",
    ]
    assert said.out.splitlines()[1].startswith("delayed_recall GRU  1 ")
    assert any("all/cut: half-written" in words for words in read_page(Path("out")).words)
    assert call(capsys, "compare", "all/cut", "output=none").code == 2
    assert not Path("none").exists()


STEER = "\x1b[2J\x07\u202e"
"""Clears a terminal, rings its bell, and turns the text round."""


def spoil(run, file, change):
    """Change a run's JSON or YAML."""
    path = run / file
    content = json.loads(path.read_text()) if file.endswith("json") else OmegaConf.load(path)
    change(content)
    if file.endswith("json"):
        path.write_text(json.dumps(content))
    else:
        OmegaConf.save(content, path)


SPOILT = {
    "no-events": lambda run: [f.write_bytes(b"no event" * 500) for f in run.glob("events.*")],
    "bits": lambda run: [f.write_bytes(f.read_bytes()[::-1]) for f in run.glob("events.*")],
    "npz": lambda run: (run / "diagnostics/time_flow.npz").write_bytes(b"PK\x03\x04 half"),
    "no-array": lambda run: np.savez(run / "diagnostics/memory.npz", layers=["a"]),
    "csv": lambda run: (run / "metrics.csv").write_text("step,loss\n1,two\n"),
    "yaml": lambda run: (run / "config.yaml").write_text("seed: [1\n  cell: {"),
    "utf8": lambda run: (run / "config.yaml").write_bytes(b"\xff\xfe seed: 1"),
    "list": lambda run: (run / "config.yaml").write_text("- 1\n- 2\n"),
    "hydra": lambda run: write(run / ".hydra/hydra.yaml", "- 1\n"),
    "json": lambda run: (run / "metrics.json").write_text('{"status": "comp'),
    "text": lambda run: (run / "metrics.json").write_text('"status steps monitor val test"'),
    "steps": lambda run: spoil(run, "metrics.json", lambda r: r.update(steps="many")),
    "val": lambda run: spoil(run, "metrics.json", lambda r: r.update(val=[1, 2])),
    "value": lambda run: spoil(run, "metrics.json", lambda r: r["val"].update(loss="low")),
    "huge": lambda run: spoil(run, "metrics.json", lambda r: r["val"].update(loss=10**400)),
    "alarms": lambda run: spoil(run, "metrics.json", lambda r: r.update(alarms=3)),
    "steers": lambda run: spoil(run, "metrics.json", lambda r: r.update(alarms=[STEER])),
    "status": lambda run: spoil(run, "metrics.json", lambda r: r.update(status=STEER)),
    "lag": lambda run: spoil(run, "config.yaml", lambda c: c.data.update(lag=-3)),
    "math": lambda run: spoil(run, "config.yaml", lambda c: c.data.update(lag=f"$\\x_{STEER}$")),
    "seed": lambda run: spoil(run, "config.yaml", lambda c: c.update(seed={"a": 1})),
}
LEFT_OUT = {"yaml", "utf8", "list", "json", "text", "steps", "val", "value", "huge", "alarms"}
WITHOUT_A_FILE = {"no-events", "bits", "npz", "no-array", "csv"}


def test_one_bad_folder_does_not_take_down_the_page(trained, capsys):
    """Each kind of damage is named, all other runs are on the page, and no text steers."""
    shutil.copytree(trained.sweep, "all/sound")
    for name, change in SPOILT.items():
        run = Path("all") / name
        shutil.copytree(trained.sweep / "2_gru-1", run)
        change(run)
    said = call(capsys, "compare", "all", "output=out")
    assert said.code == 0
    lines = said.err.splitlines()
    for name in LEFT_OUT | {"seed"}:
        assert sum(f"all/{name}: half-written, left out (" in line for line in lines) == 1, name
    files = [line for line in lines if line.endswith("; left out")]
    assert {Path(line.removeprefix("rnnlab: ")).parts[1] for line in files} == WITHOUT_A_FILE
    assert len(lines) == len(LEFT_OUT) + 1 + len(files)
    with Path("out/runs.csv").open(newline="") as stream:
        there = {Path(row["folder"]).name for row in csv.DictReader(stream)}
    assert SPOILT.keys() - there == LEFT_OUT | {"seed"}
    for text in (said.out, said.err):
        assert not set(text) & set(STEER) - set("[2J")
    assert r"\x1b[2J\x07\u202e" in said.out


def test_runs_of_different_tasks(trained, capsys):
    shutil.copytree(trained.sweep / "2_gru-1", "other")
    config = Path("other/config.yaml")
    config.write_text(config.read_text().replace("delayed_recall.DelayedRecall", "adding.Adding"))
    record = json.loads(Path("other/metrics.json").read_text())
    Path("other/metrics.json").write_text(json.dumps(record | {"monitor": "val/mse"}))
    message = refused(call(capsys, "compare", trained.sweep, "other"))
    assert message == (
        "runs of different tasks have no metric in common: delayed_recall (val/accuracy); "
        "adding (val/mse)"
    )
    assert not Path("outputs").exists()


def test_mistakes_are_one_line(trained, capsys):
    Path("file").touch()
    Path("empty").mkdir()
    shutil.copytree(trained.running, "run")
    table = {
        "nowhere": "nowhere: no such folder; name run folders or folders of multiruns",
        "file": "file: not a folder; name run folders or folders of multiruns",
        "empty": "empty: no runs in it; a run's folder holds config.yaml and events",
        "by=cell": "compare: name at least one run folder or folder of a multirun",
        "run bye=cell": "bye: no such option; did you mean 'by'?",
        "run by=": "by: no value",
        "run --by": "--by: no such flag; ",
        "run by=optimizer.ls": "by: no run has an option 'optimizer.ls'; did you mean "
        "'optimizer.lr'",
        "run by=lag": "by: no run has an option 'lag'; did you mean 'data.lag'?",
        "run output=file": "output: cannot write file: ",
        "run output=file/deeper": "output: cannot write file/deeper: Not a directory",
    }
    for words, message in table.items():
        said = call(capsys, "compare", *words.split())
        assert (said.code, said.err.count("\n")) == (2, 1), said.err
        assert said.err.startswith(f"rnnlab: {message}")
        assert not Path("outputs").exists()


def test_help_without_words(capsys):
    assert call(capsys, "compare").code == 2
    said = call(capsys, "compare", "--help")
    assert said.code == 0
    assert "rnnlab compare RUN_DIR|SWEEP_DIR" in said.out


@pytest.mark.slow
@pytest.mark.faults
def test_while_a_run_is_being_trained(capsys):
    words = merged([*SMALL, "logger=tensorboard", "trainer.max_epochs=-1", "hydra.run.dir=run"])
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnlab", "train", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while "val/loss" not in read_log(Path("run")).scalars:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        said = call(capsys, "compare", "run", "output=out")
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(timeout=60)
    assert (said.code, said.err) == (0, "")
    assert re.search(rf"{UNFINISHED} at step [\d,]+ .*\(so far\)", said.out)
    assert Path("out/loss.png").exists()
