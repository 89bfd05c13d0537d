"""What is learnt in the first batches: rnnlab's defaults, those before, and other programs'.

    OMP_NUM_THREADS=1 python scripts/learning_curves.py [CASE ...] [--seeds 11 12 13] [--json FILE]
    python scripts/learning_curves.py --draw FILE --docs docs/benchmarks.md

Each case trains on real data below `RNNLAB_DATA` with the same sizes: with the defaults, with
those of version 0.2 (by overrides), and, where another program is a measure, in a plain PyTorch
loop whose weights start as that program's. Loss and score are of the same batches, and the time
of evaluating them is not counted. `--add NAME WORDS` measures further options.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curves.measure import Curve, Point, of_plain, of_rnnlab
from curves.plain import Flair, Keras, OpenNMT, Plain
from curves.report import draw, insert, table
from rnnlab.data.spec import Split
from rnnlab.runs.environment import limit_memory, quiet

NOW, BEFORE = "defaults", "defaults of 0.2"


@dataclass(frozen=True)
class Case:
    """What is trained.

    Attributes:
        words: Overrides: the task, and the sizes that all have.
        before: Overrides that give the defaults of version 0.2.
        score: The metric to compare by.
        batches: After how many of them it is measured.
        evaluated: Batches that it is measured on, at most.
        plain: Another program's name, and its model.
    """

    words: Sequence[str]
    before: Sequence[str]
    score: str
    batches: Sequence[int]
    evaluated: int = 30
    plain: tuple[str, Plain] | None = None


OFF = "task.frequency_bias=false"
BIDIRECTIONAL = "encoder.bidirectional=true"
TRANSLATION = ("task=translation", "cell=gru", BIDIRECTIONAL, "embedding.embedding_dim=256")
SIZES = ("cell.hidden_size=256", "data.level=word", "data.lower=true", "data.min_freq=2")
CASES = {
    "imdb": Case(
        ("task=sentiment", "cell=lstm", "cell.hidden_size=128", "task.pooling=last"),
        ("optimizer.lr=0.001", "trainer.gradient_clip_val=null"),
        "accuracy",
        (20, 40, 60, 80),
        plain=("Keras", Keras),
    ),
    "multi30k": Case(
        (*TRANSLATION, *SIZES),
        (OFF, "optimizer.lr=0.001"),
        "bleu",
        (25, 50, 75, 100),
        plain=("OpenNMT-py", OpenNMT),
    ),
    "conll": Case(
        ("task=ner", BIDIRECTIONAL, "task.output=crf", "cell.hidden_size=128"),
        (OFF,),
        "f1",
        (110, 220, 330, 439),
        evaluated=1000,
        plain=("flair", Flair),
    ),
    "names": Case(("task=classification",), (), "accuracy", (60, 120, 180, 240)),
    "pos": Case(("task=pos", BIDIRECTIONAL), (OFF,), "accuracy", (100, 200, 300, 392)),
    "shakespeare": Case(
        ("task=language_model",), (OFF,), "bits_per_character", (50, 100, 150, 200), evaluated=20
    ),
    "ptb": Case(("task=language_model", "data=ptb"), (OFF,), "perplexity", (50, 100, 150), 20),
    "surnames": Case(("task=generate",), (OFF,), "bits_per_character", (60, 120, 180, 240)),
}

MAIN = ("imdb", "multi30k", "conll")
"""What is drawn."""


def measure(
    case: Case, variants: dict[str, Any], seed: int, split: Split
) -> dict[str, list[Point]]:
    """The points of each variant: overrides, or a plain model."""
    found = {}
    for name, variant in variants.items():
        words = [*case.words, f"seed={seed}"]
        if callable(variant):
            points = of_plain(words, variant, case.batches, split, case.evaluated)
        else:
            curve = Curve(case.batches, split, case.evaluated)
            points = of_rnnlab([*words, *variant], curve)
        last = points[-1]
        numbers = " ".join(f"{key} {value:.4f}" for key, value in last.scores.items())
        print(
            f"{name}, seed {seed}: {last.batches} batches, {last.seconds:.1f} s, {numbers}",
            flush=True,
        )
        found[name] = points
    return found


def main() -> None:
    """Measure, draw, or both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", default=[*CASES], metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--add", nargs=2, action="append", default=[], metavar=("NAME", "WORDS"))
    parser.add_argument("--only-added", action="store_true", help="measure nothing else")
    parser.add_argument("--json", type=Path, help="where to add the figures, a line each")
    parser.add_argument("--draw", type=Path, metavar="JSON", help="measure nothing, show figures")
    parser.add_argument("--docs", type=Path, help="the document that the table is put into")
    given = parser.parse_args()
    if given.draw:
        rows = [json.loads(line) for line in given.draw.read_text().splitlines()]
        found_cases = [name for name in CASES if any(row["case"] == name for row in rows)]
        text = table(rows, {name: CASES[name].score for name in found_cases})
        print(text)
        if given.docs:
            insert(text, given.docs)
            draw(rows, MAIN, given.docs.with_name("learning_curves.png"))
        return
    quiet()
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)  # words are joined by blanks on purpose
    limit_memory()
    for name in given.cases:
        case = CASES[name]
        variants: dict[str, Any] = {added: words.split() for added, words in given.add}
        if not given.only_added:
            variants |= {NOW: (), BEFORE: case.before}
            variants |= dict([case.plain] if case.plain else [])
        for seed in given.seeds:
            found = measure(case, variants, seed, given.split)
            if given.json:
                rows = [
                    {"case": name, "variant": variant, "seed": seed, **asdict(point)}
                    for variant, points in found.items()
                    for point in points
                ]
                with given.json.open("a") as stream:
                    stream.writelines(f"{json.dumps(row)}\n" for row in rows)


if __name__ == "__main__":
    main()
