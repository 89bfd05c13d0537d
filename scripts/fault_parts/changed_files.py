"""Files that are changed, cut or deleted after the training; eight runs that read at once."""

import logging
import shutil
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

from fault_parts.kills import Unit
from fault_parts.program import Fault, Program, rnnlab
from fault_parts.runs import compare, words_of, write_data
from rnnlab.cli import main

ACTIONS = ("changed", "cut", "deleted")

TOGETHER = 8
"""Runs that start at once."""


def units(count: int) -> Iterator[Unit]:
    """So many of the ways to use a run whose files are others, and runs at once."""
    ways = list(product(("train", "test", "val"), ACTIONS, ("resume", "evaluate")))
    for split, action, use in ways[:: max(1, len(ways) // count)]:
        yield f"files/{split}_{action}_{use}", partial(used, split, action, use)
    yield f"together/{TOGETHER}", together


def used(split: str, action: str, use: str, folder: Path) -> dict[str, float]:
    """Resume or evaluate a run after something has happened to a file of its data.

    Raises:
        Fault: It is not said; or what the run left is not as it was.
    """
    data, run = folder / "data", folder / "run"
    write_data(data)
    rnnlab(*words_of("tags", folder), f"hydra.run.dir={run}", "trainer.max_epochs=1", folder=folder)
    before = {file: file.read_bytes() for file in (run / "checkpoints").iterdir()}
    file = data / f"{split}.conll"
    text = file.read_text()
    if action == "deleted":
        file.unlink()
    else:
        file.write_text(text.replace("Rome", "Bern", 1) if action == "changed" else text[:-20])
    words = {
        "resume": ["train", f"resume={run}", "trainer.max_epochs=2"],
        "evaluate": ["evaluate", f"checkpoint={run}"],
    }[use]
    program = Program(words, folder)
    code, said = program.code(), program.said
    named = f"{file.name} changed since training (the sha256 differs)" in said
    if code == 2 and before != {each: each.read_bytes() for each in before}:
        raise Fault(f"{program}: it has written: {said[-1500:]}")
    if code == 2:  # what was cut in the middle of a row is named, and then refused
        lines = [line for line in said.splitlines() if line.startswith("rnnlab: ")]
        why = "no such file" if action == "deleted" else "sha256 differs"
        told = len(lines) == 1 and file.name in lines[0] and (named or why in lines[0])
    else:
        needed = split == "test" or (use == "resume" and split == "val")
        told = code == 0 and (named or not needed) and (split, use) != ("train", "resume")
    if not told:
        raise Fault(f"{program}: exit code {code}: {said[-1500:]}")
    return {"refused" if code else "told" if named else "not needed": 1}


def together(folder: Path) -> dict[str, float]:
    """Runs that start at once with an empty cache: each file is read once, and all are equal."""
    write_data(folder / "data")
    place = {"RNNLAB_CACHE": str(folder / "cache")}
    words = words_of("tags", folder)
    runs = [folder / f"run_{number}" for number in range(TOGETHER)]
    started = [Program([*words, f"hydra.run.dir={run}"], folder, place, loud) for run in runs]
    if any(program.code() for program in started):
        raise Fault("\n".join(program.said[-500:] for program in started if program.code()))
    for run in runs[1:]:
        compare(run, runs[0])
    read = sum(program.said.count("reading the original files") for program in started)
    files = [file for file in (folder / "cache").rglob("*") if file.is_file()]
    kept = [file for file in files if file.suffix not in (".lock", ".part")]
    if read != len(kept):
        raise Fault(f"{TOGETHER} runs read {read} times what makes {len(kept)} files")
    shutil.rmtree(folder / "cache")
    return {"runs": TOGETHER, "files": len(kept), "read": read}


def loud(words: list[str]) -> None:
    """The program, which tells when it reads the original files."""
    logging.basicConfig()
    logging.getLogger("rnnlab.data.cache").setLevel(logging.INFO)
    main(words)
