"""How long answers take: an exported model in onnxruntime against the same model in torch.

    OMP_NUM_THREADS=1 python scripts/export_speed.py RUN [RUN ...] [--texts 64] [--rounds 5]

Of each run the best checkpoint is exported into a temporary folder, and both answer test texts of
its data, one by one and 32 at once, from text to text: `Predictor.predict` and `runner.py`'s
`ExportedModel.predict`. One thread; milliseconds of processor time a text, the shortest of the
rounds, in which both take turns. The first round warms up and is not counted. Both must give the
same answers.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

import rnnlab
from rnnlab.commands.export.folder import write_folder
from rnnlab.commands.export.runtime.model import ExportedModel
from rnnlab.data.examples import Examples
from rnnlab.data.vocab import Vocab
from rnnlab.runs.build import build_data, build_vectors
from rnnlab.runs.predictor import Predictor
from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint
from tabular import markdown

BATCHES = (1, 32)


def test_texts(run: Path, count: int) -> list[str]:
    """The first test texts of a run's data, their tokens joined again."""
    cfg = read_checkpoint(find_checkpoint(run)).cfg
    data = build_data(cfg, build_vectors(cfg))
    spec, examples = data.spec(), data.examples("test")
    assert isinstance(examples, Examples)
    assert isinstance(spec.source, Vocab)
    assert spec.source_tokenizer is not None
    rows = np.split(examples.inputs.values, examples.inputs.offsets[1:-1])[:count]
    return [spec.source_tokenizer.join([spec.source.tokens[i] for i in row]) for row in rows]


def rendered(model: Predictor, texts: list[str], batch: int) -> list[str]:
    """What `rnnlab predict` prints."""
    task = model.model.task
    return [task.render(*pair) for pair in model.stream(texts, batch)]


def best(works: list[Callable[[], list[str]]], rounds: int) -> tuple[list[float], list[list[str]]]:
    """The shortest processor time of each, and what they give; they take turns."""
    shortest = [float("inf")] * len(works)
    found = [work() for work in works]
    for _ in range(rounds):
        for n, work in enumerate(works):
            start = time.process_time()
            work()
            shortest[n] = min(shortest[n], time.process_time() - start)
    return shortest, found


def rows(run: Path, count: int, rounds: int) -> Iterator[list[str]]:
    """The rows of a run."""
    texts, model = test_texts(run, count), rnnlab.load(run, device="cpu")
    with TemporaryDirectory() as folder:
        list(write_folder(Path(folder), str(run), "onnx"))
        exported = ExportedModel(folder, threads=1)
        for batch in BATCHES:
            (ours, theirs), (wanted, got) = best(
                [
                    lambda b=batch: rendered(model, texts, b),
                    lambda b=batch: list(exported.predict(texts, b)),
                ],
                rounds,
            )
            same = sum(one == other for one, other in zip(wanted, got, strict=True))
            per_text = [1000 * seconds / len(texts) for seconds in (ours, theirs)]
            yield [
                f"{run.name}, {same} of {len(texts)} answers the same",
                str(batch),
                *(f"{each:.2f}" for each in per_text),
                f"{ours / theirs:.2f}",
            ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = [row for run in given.runs for row in rows(run, given.texts, given.rounds)]
    print(markdown(["run", "batch", "torch, ms", "onnxruntime, ms", "times faster"], table))


if __name__ == "__main__":
    main()
