"""Closed and full streams, full disks, pipes and home folders: one line, and nothing is lost."""

import json
import re
import sys
from itertools import islice
from pathlib import Path

import pytest

import rnnlab
from rnnlab.cli import main
from rnnlab.runs import finish
from tiny import SMALL, call, file_limit, refused, sentiment, write


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_closed_input_is_said(tiny_run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    message = refused(call(capsys, "predict", f"checkpoint={tiny_run('sentiment').folder}"))
    assert message == "input: standard input is closed; name a file, input=FILE"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["predict", "evaluate", "train", "help"])
def test_an_output_that_is_full_is_said(command, tiny_run, capsys, monkeypatch, here):
    run = f"checkpoint={tiny_run('sentiment').folder}"
    words = {
        "predict": [run, f"input={write(here / 'in.txt', 'good film')}"],
        "evaluate": [run],
        "train": [*sentiment(here / "data"), *SMALL],
        "help": ["--help"],
    }
    capsys.readouterr()
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as stopped:
            main([command, *words[command]] if command != "help" else words[command])
    said = capsys.readouterr()
    assert (stopped.value.code, said.err.splitlines(keepends=True)[-1]) == (
        2,
        "rnnlab: cannot write standard output: No space left on device\n",
    )


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt", "metrics.json"])
def test_a_full_disk_names_the_file_and_keeps_what_was_there(name, capsys, monkeypatch, here):
    words = [*sentiment(here / "data"), *SMALL]
    assert call(capsys, "train", *words, "hydra.run.dir=run").code == 0
    before = {file: file.read_bytes() for file in Path("run").rglob("*") if file.is_file()}
    room = len(before[Path("run/checkpoints/last.ckpt")]) // 2
    runs = {
        "last.ckpt": [
            *("resume=run", "trainer.max_epochs=3"),
            *("checkpoint.every_n_steps=1", "checkpoint.max_overhead=1"),
        ],
        "best.ckpt": [*words, "hydra.run.dir=run2", "checkpoint.every_n_steps=1000"],
        "metrics.json": ["resume=run", "trainer.max_epochs=3"],
    }
    real = finish.write_json

    def write(path, record):
        with file_limit(200):
            real(path, record)

    if name == "metrics.json":
        monkeypatch.setattr(finish, "write_json", write)
        room = 10**9
    with file_limit(room):
        said = call(capsys, "train", *runs[name])
    assert said.code == 2
    assert re.fullmatch(f"rnnlab: cannot write .*{name}: File too large\n", said.err)
    kept = {file: file.read_bytes() for file in before}
    changed = {file.name for file in before if kept[file] != before[file]}
    assert changed <= {"best.ckpt", "last.ckpt", "config.yaml"} - {name}
    assert not list(here.rglob("*.part"))


@pytest.mark.parametrize("name", ["checkpoint", "input"])
def test_a_file_that_cannot_be_read_is_not_said_to_be_unwritable(name, tiny_run, capsys, here):
    run = tiny_run("sentiment").folder
    words = {"checkpoint": f"checkpoint={run}", "input": "input=in.txt"}
    (here / "in.txt").write_text("good\n")
    loop = here / "loop"
    loop.symlink_to(loop)
    said = call(capsys, "predict", *(words | {name: f"{name}={loop}"}).values())
    assert said.code == 2
    assert str(loop) in said.err
    assert "cannot write" not in said.err


def test_one_line_is_answered_before_the_next_is_read(tiny_run):
    model = rnnlab.load(tiny_run("sentiment").folder)
    read = []

    def texts():
        for number in range(9):
            read.append(number)
            yield f"film {number}"

    answers = model.stream(texts(), batch_size=1)
    for number in range(4):
        next(answers)
        assert read == list(range(number + 1))
    assert len(list(answers)) == 5
    several = list(islice(model.stream(texts(), batch_size=2), 9))
    assert [tokens for tokens, _ in several] == [["film", str(n)] for n in range(9)]


def test_a_line_that_is_refused_comes_after_the_answers_before_it(tiny_run, capsys, here):
    run = f"checkpoint={tiny_run('sentiment').folder}"
    good = write(here / "good.txt", "good film\nbad plot\n")
    answers = call(capsys, "predict", run, f"input={good}").out
    assert answers.count("\n") == 2
    text = write(here / "in.txt", b"good film\nbad plot\nna\xefve\ngood\n")
    for size in (1, 2, 64):
        said = call(capsys, "predict", run, f"input={text}", f"batch_size={size}")
        assert said.err == f"rnnlab: {text}:3: not UTF-8 (byte 0xef at column 3)\n"
        assert (said.code, said.out) == (2, answers)


def test_a_prompt_that_is_unknown_comes_after_the_answers_before_it(tiny_run, capsys, here):
    run = f"checkpoint={tiny_run('generate').folder}"
    text = write(here / "in.txt", "cats\ndogs\nunicorns\n")
    said = call(capsys, "predict", run, f"input={text}")
    assert (said.code, said.out.count("\n")) == (2, 2)
    assert "unicorns" in said.err


def test_a_tilde_is_the_home_folder(capsys, monkeypatch, here):
    home = here / "home"
    monkeypatch.setenv("HOME", str(home))
    words = [w.replace(str(home), "~") for w in sentiment(home / "data")]
    assert any(word.startswith("data.train=~/") for word in words)
    write(home / "mine" / "cell" / "own.yaml", "_target_: rnnlab.layers.gru.GRU\n")
    more = ["--config-dir=~/mine", "cell=own", "hydra.run.dir=~/run"]
    assert call(capsys, "train", *words, *SMALL, *more).code == 0
    assert call(capsys, "train", "resume=~/run", "trainer.max_epochs=2").code == 0
    assert json.loads((home / "run/metrics.json").read_text())["epochs"] == 2
    assert call(capsys, "train", "-m", *words, *SMALL, "hydra.sweep.dir=~/sweep").code == 0
    assert (home / "sweep/jobs.csv").is_file()
    write(home / "in.txt", "good\n")
    said = call(capsys, "predict", "checkpoint=~/run", "input=~/in.txt")
    assert (said.code, said.out.count("\n")) == (0, 1)
    assert call(capsys, "evaluate", "checkpoint=~/run", "data.test=~/data/val.tsv").code == 0
    assert call(capsys, "compare", "~/run", "output=~/page").code == 0
    assert {path.name for path in here.iterdir()} == {"home"}
