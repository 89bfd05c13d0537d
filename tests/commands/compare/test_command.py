"""`rnnlab compare` as a user types it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rnnlab.commands.compare import command
from rnnlab.commands.compare.events import read_log
from rnnlab.commands.compare.run import UNFINISHED
from runs import SMALL, merged
from tiny import call, refused


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Each test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_figures(monkeypatch):
    """For tests of what is printed: drawing is most of the time."""
    monkeypatch.setattr(command, "draw_all", lambda groups: {})


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
    return Page((folder / "compare.html").read_text(encoding="utf-8"))


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
    assert not {"script", "iframe", "object", "embed"} & set(page.tags)
    assert page.tags.count("img") == len(list(Path("out").glob("*.png"))) >= 2
    text = (Path("out") / "compare.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\(", text)
    assert "default-src 'none'" in text


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
    Path("run/metrics.json").write_text(json.dumps(record))
    said = call(capsys, "compare", "run", "output=out")
    assert "vanishing: <script>" in said.out
    page = read_page(Path("out"))
    assert "script" not in page.tags
    assert any("<script>alert(1)</script> & more" in words for words in page.words)


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
    shutil.copytree(trained.running, "damaged")
    Path("damaged/events.out.tfevents.1.x.0").write_bytes(b"no events" * 500)
    table = {
        "nowhere": "nowhere: no such folder; name run folders or folders of multiruns",
        "file": "file: not a folder; name run folders or folders of multiruns",
        "empty": "empty: no runs in it; a run's folder holds config.yaml and events",
        "by=cell": "compare: name at least one run folder or folder of a multirun",
        "run bye=cell": "bye: no such option; did you mean 'by'?",
        "run by=": "by: no value",
        "run --by": "--by: no such flag; ",
        "run by=optimizer.ls": "by: no run has an option 'optimizer.ls'; did you mean "
        "optimizer.lr or ",
        "run by=lag": "by: no run has an option 'lag'; did you mean data.lag?",
        "run output=file": "output: cannot write file: ",
        "run output=file/deeper": "output: cannot write file/deeper: Not a directory",
        "damaged": "damaged/events.out.tfevents.1.x.0: not an event file of TensorBoard's, or "
        "damaged from its start; ",
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
