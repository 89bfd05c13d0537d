"""The commands of the guides run as they stand, on tiny models in the places that they name."""

import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jaxtyping
import pytest

from rnnlab.cli import main
from rnnlab.commands.export.runtime import program
from sounds import corpus
from test_documentation import LIMITS, ROOT, blocks, shell_lines
from tiny import SMALL, train, write

pytestmark = [pytest.mark.docs, pytest.mark.slow]

AT = "2026-01-31_12-00-00"
NAMED = {  # what the pages call it, for something that a tiny model knows
    "prompt=Italian": "prompt=cats",
    "ROMEO:": "knock",
    "max_new_tokens=300": "max_new_tokens=9",
    "data.lag=200": "data.lag=20",
    "k=32": "k=4",
    "max_epochs=30": "max_epochs=3",
    "checkpoint=... data=delayed": f"checkpoint=outputs/sweeps/{AT}/0 data=delayed",
    "checkpoint=...": f"checkpoint=outputs/ner-lstm/{AT}",
    "checkpoint=RUN": f"checkpoint=outputs/transcription-lstm/{AT}",
}
OWN = ("table_files", "conll_files", "text_files", "parallel_files", "audio_files")


def reason_not_to_run(words):
    """Why a command is only composed here (`tests/test_documentation.py`); None where it runs."""
    command, given = words[0], dict(word.split("=", 1) for word in words[1:] if "=" in word)
    if command == "embed" or "embedding.path" in given:
        return "word vectors of a corpus: tests/commands/embed"
    if "-m" in words:
        return "a sweep: tests/runs/test_multirun.py"
    if command == "train" and "resume" in given:
        return None if "trainer.max_epochs" in given else "a stopped run: tests/runs/test_resume.py"
    if command in ("train", "evaluate") and given.get("data", "none" * (command == "train")):
        return None if given.get("data") in OWN else "a corpus"
    return None


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the runs that the pages name, and the files."""
    base = tmp_path_factory.mktemp("guides")
    runs = base / "here" / "outputs"
    for task, cell in (
        ("sentiment", "lstm"),
        ("ner", "lstm"),
        ("ner", "gru"),
        ("translation", "gru"),
        ("language_model", "gru"),
        ("generate", "gru"),
    ):
        run = train(base / f"{task}-{cell}", task, f"cell={cell}")
        shutil.copytree(run.folder, runs / f"{task}-{cell}" / AT)
    sound = corpus(base / "sound", ("a", "b", "a b"), size=24)
    recall = ["task=delayed_recall", "data.lag=3", "data.train_size=64", "data.val_size=16"]
    for folder, words in {
        f"transcription-lstm/{AT}": [*sound, "task=transcription"],
        f"sweeps/{AT}/0": [*recall, "cell=lstm"],
        f"sweeps/{AT}/1": [*recall, "cell=gru"],
    }.items():
        words = [*(word for word in SMALL if "embedding" not in word or recall[0] in words), *words]
        ran(["train", *words, f"hydra.run.dir={runs / folder}"])
    here = base / "here"
    shutil.copytree(base / "sound" / "wavs", here / "wavs")
    paths = [line.split("\t")[0] for line in (base / "sound" / "test.tsv").read_text().splitlines()]
    for name in ("a.wav", "b.wav"):
        shutil.copy(here / paths[0], here / name)
    for name in ("recordings.txt", "list.txt"):
        write(here / name, "".join(f"{path}\n" for path in paths))
    for name, split in {"a": "train", "b": "val", "c": "test"}.items():
        shutil.copy(base / "sound" / f"{split}.tsv", here / f"{name}.tsv")
    shutil.copy(base / "ner-lstm/data/test.conll", here / "mine.conll")
    for name in ("lines.txt", "input.txt"):
        write(here / name, "knock at the door;\none, two,\n")
    write(here / "a.txt", "".join(f"line {n} of a text\n" for n in range(60)))
    for name in ("a.de", "a.en"):
        write(here / name, "".join(f"{number} {number + 1}\n" for number in range(40)))
    return here


def ran(words):
    """A command of rnnlab, which must succeed, in this process."""
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0, words


def statements(page):
    """The lines of a page's shells: text that a shell reads, or a line of rnnlab or a runner."""
    for language, block in blocks(ROOT / "docs" / page):
        if language not in ("", "bash", "sh") or block.startswith("$ "):
            continue
        lines = block.replace("\\\n", " ").splitlines()
        mine = [
            line for line in lines if re.match(r"(.* \| )?(rnnlab|python \w+/runner.py) ", line)
        ]
        if language == "bash":
            yield "\n".join(line for line in lines if line not in mine)
        yield from (line.split("  #")[0].strip() for line in mine)


PAGES = {
    "guides/own_data.md": 9,
    "guides/using_models.md": 9,
    "guides/export.md": 5,
    "guides/compare.md": 4,
    "guides/reading_pictures.md": 3,
    "speech.md": 4,
}
"""The pages, and how many of their commands run at least."""


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_one_after_the_other(page, made, tmp_path, monkeypatch, capsys):
    here = shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(here)
    if page == "guides/export.md":
        jaxtyping.config.update("jaxtyping_disable", True)
        for task, folder in (("translation-gru", "mt"), ("language_model-gru", "lm")):
            ran(["export", f"checkpoint=outputs/{task}/{AT}", f"output={folder}"])
    try:
        count = sum(done(line, monkeypatch, capsys) for line in statements(page))
        run_python(page, monkeypatch)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    assert count >= PAGES[page]


def run_python(page, monkeypatch):
    """The page's code, one block after the other; in the folder of the exported model its own."""
    names = {}
    for language, text in blocks(ROOT / "docs" / page):
        if language != "python" or "torch.export" in text:  # tests/commands/test_export.py
            continue
        if "from runtime" in text:
            monkeypatch.chdir("film")
            monkeypatch.syspath_prepend(".")
        for name, tiny in NAMED.items():
            text = text.replace(name, tiny)
        exec(text, names)


def done(line, monkeypatch, capsys):
    """Run a line; whether it was one of rnnlab that is run here, and printed something."""
    for name, tiny in NAMED.items():
        line = line.replace(name, tiny)
    if not re.search(r"(^|\| )(rnnlab|python) ", line):
        subprocess.run(["bash", "-e", "-c", line], check=True)
        return False
    *before, command = line.split(" | ")
    name, *words = shlex.split(command)
    if name == "rnnlab" and reason_not_to_run(words) is not None:
        return False
    if before:
        asked = subprocess.run(["bash", "-c", " | ".join(before)], capture_output=True, check=True)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(asked.stdout)))
    capsys.readouterr()
    if name == "python":
        program.main(words[1:], Path(words[0]).parent)
    else:
        keys = {word.split("=")[0] for word in words}
        small = [word for word in SMALL if word.split("=")[0] not in keys]
        fewer = [*small, "trainer.limit_train_batches=3"]
        if "task=transcription" in words or "audio_files" in line:
            fewer = [word for word in fewer if not word.startswith("embedding")]
        ran([*words, *(fewer if words[0] == "train" and "resume" not in keys else [])])
    assert capsys.readouterr().out
    return True


EXPERIMENTS = [
    line for line in shell_lines(ROOT / "README.md") if line.startswith("rnnlab train experiment=")
]


@pytest.mark.data
@pytest.mark.parametrize("line", EXPERIMENTS)
def test_the_experiments_of_the_first_page_train_on_real_data(line, data_root, tmp_path):
    small = LIMITS | {"trainer.limit_train_batches": 2, "diagnostics": "off", "logger": "none"}
    ran(
        [
            *line.split()[1:],
            *(f"{key}={value}" for key, value in small.items()),
            f"hydra.run.dir={tmp_path}/run",
        ]
    )
    assert (tmp_path / "run/metrics.json").is_file()
