"""Small training data: some examples of the real data sets, as files of a user's own."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from rnnlab.config.compose import compose_words
from rnnlab.config.trust import make
from rnnlab.data.encoded import Example
from rnnlab.data.text import TextData

SIZES = {"sentiment": 1_000, "ner": 300, "translation": 2_000}
"""Training examples of each task."""


def write(task: str, folder: Path) -> list[str]:
    """The files of a task, validation and test of the real test split; overrides to use them."""
    data: TextData = make(compose_words("train", [f"task={task}"]).cfg["data"], [])
    train, test = [*data.read("train")], [*data.read("test")]
    for examples in (train, test):
        random.Random(0).shuffle(examples)
    half = min(len(test) // 2, 1000)
    splits = {"train": train[: SIZES[task]], "val": test[:half], "test": test[half : 2 * half]}
    corpus, writer = WRITERS[task]
    words = [f"task={task}", f"data={corpus}"]
    for split, examples in splits.items():
        words.append(f"data.{split}={writer(folder / split, examples)}")
    return words


def _labelled(path: Path, examples: Sequence[Example]) -> str:
    rows = (f"{' '.join(str(text).split())}\t{label}\n" for text, (label,), *_ in examples)
    path.write_text("".join(rows), encoding="utf-8")
    return str(path)


def _tagged(path: Path, examples: Sequence[Example]) -> str:
    sentences = (zip(tokens, tags, strict=True) for tokens, tags, *_ in examples)
    rows = ("".join(f"{token} {tag}\n" for token, tag in sentence) for sentence in sentences)
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def _pairs(path: Path, examples: Sequence[Example]) -> str:
    paths = []
    for number in (0, 1):
        paths.append(path.with_suffix(f".{number}"))
        paths[-1].write_text("".join(f"{pair[number]}\n" for pair in examples), encoding="utf-8")
    return f"[{paths[0]},{paths[1]}]"


WRITERS: dict[str, tuple[str, Callable[[Path, Sequence[Example]], str]]] = {
    "sentiment": ("sentiment_files", _labelled),
    "ner": ("conll_files", _tagged),
    "translation": ("parallel_files", _pairs),
}
"""The data set that reads the files of a task, and what writes one."""
