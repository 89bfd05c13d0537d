"""Tiny corpora and a command line to use them with, for tests of the whole program."""

import os
import random
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rnnlab.cli import main

SPLITS = {"train": 48, "val": 12, "test": 14}
SMALL = [
    "cell.hidden_size=8",
    "embedding.embedding_dim=6",
    "diagnostics=off",
    "logger=none",
    "trainer.enable_progress_bar=false",
    "trainer.max_epochs=1",
]
"""Overrides for a run of a second."""


@dataclass(frozen=True)
class Said:
    """What a command line left: exit code, standard output, standard error, CPU seconds."""

    code: int
    out: str
    err: str
    seconds: float = 0.0


def call(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    """The program in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    said = capsys.readouterr()
    assert isinstance(stopped.value.code, int)
    return Said(stopped.value.code, said.out, said.err)


def start(*words: object, cwd: Path, stdin: str = "", **environment: str) -> Said:
    """The program in a process of its own; see `python`."""
    return python("-m", "rnnlab", *words, cwd=cwd, stdin=stdin, **environment)


def python(*words: object, cwd: Path, stdin: str = "", **environment: str) -> Said:
    """This interpreter in a process of its own; `seconds` is its CPU time, not the wall's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        timeout=240,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Said(done.returncode, done.stdout, done.stderr, after.ru_utime - before.ru_utime)


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """As on a disk with room for `size` bytes: what is written beyond them is an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(said: Said) -> str:
    """The one line of a refusal, without the program's name; before it at most what was chosen."""
    assert said.code == 2, said.err
    assert re.fullmatch(r"(train    task=.*\n(         .*\n)*)?", said.out), said.out[:200]
    assert said.err.startswith("rnnlab: ")
    assert said.err.count("\n") == 1, said.err
    return said.err.removeprefix("rnnlab: ").removesuffix("\n")


def write(path: Path, text: str | bytes) -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def sentiment(folder: Path) -> list[str]:
    """Reviews with one telling word each; the overrides that train on them."""
    rng = random.Random(0)
    words = ["the", "a", "film", "plot", "actor", "scene", "was", "is", "story", "end"]
    tell = {"pos": ["good", "great"], "neg": ["bad", "awful"]}
    for split, size in SPLITS.items():
        rows = []
        for number in range(size):
            label = ("pos", "neg")[number % 2]
            text = [*rng.choices(words, k=rng.randint(1, 9)), rng.choice(tell[label])]
            rng.shuffle(text)
            rows.append(f"{' '.join(text)}\t{label}\n")
        write(folder / f"{split}.tsv", "".join(rows))
    return ["task=sentiment", "data=sentiment_files", *_files(folder, "{}.tsv")]


def conll(folder: Path) -> list[str]:
    """Sentences with people and places; the overrides that train on them."""
    rng = random.Random(0)
    names = {"PER": ["Ann", "Bob"], "LOC": ["Rome", "Oslo"]}
    for split, size in SPLITS.items():
        sentences = []
        for _ in range(size):
            rows = []
            for _ in range(rng.randint(1, 5)):
                kind = rng.choice(["O", "O", "PER", "LOC"])
                if kind == "O":
                    rows.append(f"{rng.choice(['saw', 'in', 'the', 'left'])} O\n")
                else:
                    rows.append(f"{rng.choice(names[kind])} B-{kind}\n")
                    rows += [f"Smith I-{kind}\n"] * (rng.random() < 0.3)
            sentences.append("".join(rows))
        write(folder / f"{split}.conll", "\n".join(sentences))
    return ["task=ner", "data=conll_files", *_files(folder, "{}.conll")]


def parallel(folder: Path) -> list[str]:
    """Numbers in two languages; the overrides that train on them."""
    rng = random.Random(0)
    numbers = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four", "fünf": "five"}
    for split, size in SPLITS.items():
        lines = [rng.choices(list(numbers), k=rng.randint(1, 6)) for _ in range(size)]
        write(folder / f"{split}.de", "".join(" ".join(line) + "\n" for line in lines))
        english = (" ".join(numbers[word] for word in line) for line in lines)
        write(folder / f"{split}.en", "".join(f"{line}\n" for line in english))
    return [
        "task=translation",
        "data=parallel_files",
        "data.vocab_size=60",
        "task.embedding_dim=6",
        *_files(folder, "[{0}.de,{0}.en]"),
    ]


def text(folder: Path) -> list[str]:
    """Lines of a nursery rhyme in changing order; the overrides that train on them."""
    rng = random.Random(0)
    rhyme = ["one, two,", "buckle my shoe;", "three, four,", "knock at the door;"]
    for split, size in SPLITS.items():
        write(folder / f"{split}.txt", "".join(f"{line}\n" for line in rng.choices(rhyme, k=size)))
    words = ["task=language_model", "data=text_files", "data.batch_size=4", "data.bptt=20"]
    return [*words, *_files(folder, "{}.txt")]


def labels(folder: Path) -> list[str]:
    """Words that each label has of its own; the overrides that train on them."""
    rng = random.Random(0)
    words = {"cats": ["meow", "purr"], "dogs": ["woof", "growl"]}
    for split, size in SPLITS.items():
        pairs = ((rng.choice(words[label]), label) for label in list(words) * (size // 2))
        write(folder / f"{split}.tsv", "".join(f"{text}\t{label}\n" for text, label in pairs))
    given = ["task=generate", "data=sentiment_files_of_label", "task.embedding_dim=6"]
    return [*given, *_files(folder, "{}.tsv")]


CORPORA = {
    "sentiment": sentiment,
    "ner": conll,
    "translation": parallel,
    "language_model": text,
    "generate": labels,
}
"""What writes the corpus of a task."""

ONE_WAY = {"language_model"}
"""Tasks that must not see what is to come."""


def _files(folder: Path, pattern: str) -> list[str]:
    return [
        f"data.{split}={pattern.replace('{', f'{folder}/{{').format(split)}" for split in SPLITS
    ]


@dataclass(frozen=True)
class Run:
    """A finished tiny run: its folder, its data's folder, and the overrides it was made with."""

    folder: Path
    data: Path
    words: list[str]

    @property
    def best(self) -> Path:
        """Its best checkpoint."""
        return self.folder / "checkpoints" / "best.ckpt"


def train(base: Path, task: str, *words: str) -> Run:
    """Train on the tiny corpus of a task, in this process."""
    from corpora import EVERY_TASK  # imports the classes of the tasks

    data = base / "data"
    given = [*EVERY_TASK[task](data), *SMALL, *words]
    with pytest.raises(SystemExit) as stopped:
        main(["train", *given, f"hydra.run.dir={base / 'run'}"])
    assert stopped.value.code == 0
    return Run(base / "run", data, given)
