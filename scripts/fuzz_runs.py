"""Does damage to a run pass unseen, end in a traceback, or write outside of the run's folder?

    python scripts/fuzz_runs.py outputs/names-gru/2026-01-31_12-00-00 --flips 5000 --hostile 1000

Flips single bits of the best checkpoint: each file is refused, or has the weights it had. Then
writes hostile values into checkpoints, sealed as if they had been trained that way, or damages
another file of the run, and uses the run by every command: each answers, or says in a line what is
wrong. The run itself is not changed.
The same seed does the same; what is found is printed with the number that repeats it alone.
"""

import argparse
import contextlib
import hashlib
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from rnnlab.cli import main as rnnlab
from rnnlab.errors import CheckpointError
from rnnlab.training.archive import write_archive
from rnnlab.training.checkpoint import read_checkpoint

SECONDS = 60
"""A command that takes longer hangs."""

LONGEST = 1500
"""Characters of a message."""

NAMES = ("best", "last")


def flips(file: Path, count: int, seed: int = 0) -> Counter[str]:
    """How files with one bit flipped are read: "refused", "same weights", "other weights"."""
    rng = random.Random(seed)
    data, whole = file.read_bytes(), read_checkpoint(file).state_dict
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder) / "damaged.ckpt"
        for _ in range(count):
            place = rng.randrange(len(data))
            flipped = bytes([data[place] ^ 1 << rng.randrange(8)])
            damaged.write_bytes(data[:place] + flipped + data[place + 1 :])
            try:
                read = read_checkpoint(damaged).state_dict
            except CheckpointError:
                found["refused"] += 1
                continue
            same = read.keys() == whole.keys() and all(
                torch.equal(read[name], whole[name]) for name in whole
            )
            found["same weights" if same else "other weights"] += 1
    return found


def hostile_values(outside: Path) -> list[Any]:
    """What does not belong anywhere."""
    return [
        *(None, True, -1, 0, 7, 10**9, 2**63, 0.5, 1e300, float("nan"), float("inf")),
        *("", "x", "\x1b[2J\n", "../../outside/x", str(outside / "x"), "~/x", "$HOME/x"),
        *("${oc.env:HOME}", [], {}, [[]], {"x": {"_target_": "os.system"}}, {"_target_": "x.Y"}),
        *(torch.tensor(float("nan")), torch.ones(2, dtype=torch.complex64)),
        *(torch.ones(3, 3, dtype=torch.int64), torch.empty(0), torch.full((8, 6), torch.inf)),
    ]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every `(container, key)` of a checkpoint."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items:
        yield node, key
        if isinstance(child, dict | list):
            yield from places(child)


def mutate(content: dict[str, Any], rng: random.Random, outside: Path) -> str:
    """Change one place; says which and how."""
    parts = [part for part in content.values() if isinstance(part, dict | list) and part]
    parts += [part for part in content["rnnlab"].values() if isinstance(part, dict | list) and part]
    node, key = rng.choice([*places(rng.choice([content, *parts]))])
    value = node[key]
    action = rng.choice(["replace", "replace", "replace", "remove", "wrap", "scale"])
    if action == "remove":
        del node[key]
    elif action == "wrap":
        node[key] = [value]
    elif action == "scale" and isinstance(value, int | float) and not isinstance(value, bool):
        node[key] = value * 1000 - 3
    else:
        node[key] = rng.choice(hostile_values(outside))
        action = f"replace by {str(node[key])[:60]!r}"
    return f"{key!r}: {action}"


def damage(run: Path, rng: random.Random) -> str:
    """Change a file of a run that is no checkpoint; says which and how."""
    files = sorted(p for p in run.rglob("*") if p.is_file() and p.suffix != ".ckpt")
    file = rng.choice(files)
    data = bytearray(file.read_bytes())
    action = rng.choice(["cut", "empty", "noise", "other", "link"])
    if action == "cut":
        data = data[: rng.randrange(len(data) + 1)]
    elif action == "empty":
        data = bytearray()
    elif action == "noise":
        for _ in range(rng.randint(1, 20)):
            data[rng.randint(0, len(data)) : rng.randint(0, len(data))] = rng.randbytes(3)
    elif action == "other":
        others = [b"[]", b"null", b'{"val": {"loss": "x"}}', b"\xff\x1b[2J", b"a: ["]
        data = bytearray(rng.choice(others))
    if action == "link":
        file.unlink()
        file.symlink_to(run.parent.parent / "outside" / "x")
    else:
        file.write_bytes(data)
    return f"{file.relative_to(run)}: {action}"


def commands(run: Path) -> Iterator[list[str]]:
    """Every way to use a run; training ends soon, and in one process."""
    yield ["evaluate", f"checkpoint={run}", "trainer.accelerator=cpu"]
    yield ["predict", f"checkpoint={run}", f"input={run.parent / 'in.txt'}"]
    yield [
        *("train", f"resume={run}", "trainer.max_epochs=5", "trainer.max_steps=40"),
        *("trainer.limit_train_batches=2", "trainer.accelerator=cpu", "trainer.devices=1"),
        *("trainer.num_nodes=1", "trainer.strategy=auto"),
    ]
    yield ["analyze", f"checkpoint={run}", "k=2", "steps=20", "transient=5", "streams=2"]


def readers(run: Path) -> Iterator[list[str]]:
    """What reads other files than checkpoints."""
    yield ["compare", str(run), f"output={run / 'compared'}"]
    yield list(commands(run))[2]


def fault(words: list[str]) -> str | None:
    """What is wrong with how a command ends; None where nothing is."""
    out, err = io.StringIO(), io.StringIO()
    former = signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(SECONDS)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            rnnlab(words)
    except SystemExit as ended:
        message = err.getvalue()
        if ended.code == 2 and not message.startswith("rnnlab: "):
            return f"refused without a reason: {message[:LONGEST]}"
        if len(message) > LONGEST or "\x1b" in message:
            return f"a message of {len(message)} characters: {message[:LONGEST]!r}"
        return None if ended.code in (0, 1, 2) else f"exit code {ended.code}: {message}"
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
    return "it did not end"


def _hangs(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def hostile(run: Path, numbers: range) -> Iterator[str]:
    """Faults found with hostile checkpoints, each with the number that repeats it."""
    for number in numbers:
        rng = random.Random(number)
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder).resolve()
            (base / "outside").mkdir()
            (base / "outside" / "x").write_text("precious")
            (base / "in.txt").write_text("a good film\n\nbad\n")
            copy = base / "runs" / "run"
            shutil.copytree(run, copy)
            (base / "runs" / "in.txt").write_text("a good film\n\nbad\n")
            if number % 4 == 3:
                what, used = damage(copy, rng), readers(copy)
            else:
                content = torch.load(copy / "checkpoints" / "last.ckpt", weights_only=True)
                what, used = mutate(content, rng, base / "outside"), commands(copy)
                for name in NAMES:
                    write_archive(content, copy / "checkpoints" / f"{name}.ckpt")
            before = _state(base, copy)
            for words in used:
                found, after = fault(words), _state(base, copy)
                if found is None and after != before:
                    found = "it wrote outside of the run's folder"
                before = after
                if found is not None:
                    yield f"{number}: {what}: {words[0]}: {found}"


def _state(base: Path, run: Path) -> dict[str, str]:
    """Checksums of all files outside of the run's folder."""
    files = (p for p in sorted(base.rglob("*")) if p.is_file() and not p.is_relative_to(run))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    """Print what is found; exit 1 where that is anything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run whose data is there")
    parser.add_argument("--flips", type=int, default=5000)
    parser.add_argument("--hostile", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first hostile one")
    options = parser.parse_args()
    os.environ.setdefault("RNNLAB_CACHE", tempfile.mkdtemp())
    read = flips(options.run / "checkpoints" / "best.ckpt", options.flips)
    print(f"{options.flips} bit flips: {dict(read)}", flush=True)
    faults = 0
    for found in hostile(options.run, range(options.first, options.first + options.hostile)):
        faults += 1
        print(found, flush=True)
    print(f"{options.hostile} hostile checkpoints: {faults} faults")
    sys.exit(1 if faults or read["other weights"] else 0)


if __name__ == "__main__":
    main()
