"""`rnnlab data describe`: what data holds and what is odd about it, before any training."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import numpy as np

from rnnlab.config.compose import compose_words
from rnnlab.config.roots import TrainConfig
from rnnlab.config.trust import locate, make
from rnnlab.config.validate import find_problems
from rnnlab.data.base import SequenceData
from rnnlab.data.content import Content
from rnnlab.data.spec import Split
from rnnlab.data.suspicions import suspicions
from rnnlab.errors import ConfigError, DataError, counted, printable, refuse
from rnnlab.runs.tables import as_text

QUANTILES = (0, 5, 25, 50, 75, 95, 100)
BINS, BAR = 8, 30
CLASSES = 20
"""So many classes are listed."""


def describe_words(words: list[str]) -> None:
    """Print what the data of a configuration holds.

    Args:
        words: Overrides, as those of `rnnlab train`.

    Raises:
        ConfigError, DataError: The options are wrong, or no split can be read.
    """
    composed = compose_words("train", words)
    found = find_problems(composed.cfg, composed.choices, TrainConfig)
    refuse(line for line in found if line.startswith("data"))
    data = build(composed.cfg)
    for line in described(data):
        print(printable(line, keep="\n"), flush=True)


def build(cfg: Mapping[str, Any]) -> SequenceData:
    """The data, with the targets of the task where it can give them."""
    data: SequenceData = make(cfg["data"], cfg["trust"])
    kind = locate(cfg["task"]["_target_"]).kind
    if kind in (data.kind, *data.other_kinds):
        data.use_kind(kind)
    return data


def described(data: SequenceData) -> Iterator[str]:
    """The description, line by line."""
    contents: dict[str, Content] = {}
    missing: list[str] = []
    for split in get_args(Split):
        try:
            contents[split] = data.content(split)
        except (ConfigError, DataError) as error:
            if split == "train":
                raise
            missing.append(f"{split}: {error}")
    yield f"data     {type(data).__name__}"
    for name, content in contents.items():
        yield from _lengths(name, content)
        if content.values.size:
            low, high = content.values.min(), content.values.max()
            mean, deviation = content.values.mean(), content.values.std()
            yield (
                f"         numbers from {low:g} to {high:g}, mean {mean:g}, deviation {deviation:g}"
            )
    if any(content.classes for content in contents.values()):
        yield ""
        yield from _class_table(contents)
    if contents["train"].tokens:
        yield ""
        yield from _vocabulary(data, contents)
    found = [*missing, *suspicions(contents)]
    yield ""
    yield from (f"look at  {sentence}" for sentence in found)
    if not found:
        yield "nothing suspicious"


def _lengths(name: str, content: Content) -> Iterator[str]:
    lengths = content.lengths
    if not len(lengths):
        return
    seconds = content.unit == "seconds"
    places = 1 if seconds else 0
    low, *inner, high = np.percentile(lengths, QUANTILES).tolist()
    quantiles = " ".join(
        f"{number}%:{value:,.{places}f}"
        for number, value in zip(QUANTILES[1:-1], inner, strict=True)
    )
    total = f"{lengths.sum():,.{places}f} {content.unit}"
    yield ""
    yield (
        f"{name:8} {counted(len(lengths), 'example')}, {total}; lengths {low:,.{places}f} to "
        f"{high:,.{places}f}, mean {lengths.mean():,.1f}"
    )
    if low == high:
        return
    yield f"         {quantiles}"
    edges = np.geomspace(max(low, 0.1 if seconds else 1), high, BINS + 1)
    if not seconds:
        edges = np.unique(np.round(edges))
    counts, _ = np.histogram(lengths, np.concatenate([[low], edges[1:]]))
    for at, count in enumerate(counts):
        bar = "#" * round(BAR * count / counts.max())
        start = low if at == 0 else edges[at]
        yield f"         {start:>9,.{places}f} - {edges[at + 1]:>9,.{places}f}  {count:>9,} {bar}"


def _class_table(contents: Mapping[str, Content]) -> Iterator[str]:
    train = contents["train"].classes
    names = sorted(
        {n for c in contents.values() for n in c.classes}, key=lambda n: (-train.get(n, 0), n)
    )
    totals = {split: sum(content.classes.values()) for split, content in contents.items()}
    rows = [
        {"class": name[:40]}
        | {
            split: f"{content.classes.get(name, 0):,} "
            f"({content.classes.get(name, 0) / max(1, totals[split]):.1%})"
            for split, content in contents.items()
        }
        for name in names[:CLASSES]
    ]
    yield as_text(rows)
    if len(names) > CLASSES:
        yield f"and {len(names) - CLASSES:,} more classes"


def _vocabulary(data: SequenceData, contents: Mapping[str, Content]) -> Iterator[str]:
    kept = data.spec().source_vocab
    different = len(contents["train"].tokens)
    yield f"vocab    {different:,} different tokens in train, {len(kept):,} in the vocabulary"
    for name, content in contents.items():
        total = sum(content.tokens.values())
        known = sum(count for token, count in content.tokens.items() if token in kept)
        new = sum(token not in kept for token in content.tokens)
        share = known / max(1, total)
        yield f"{name:8} {share:.2%} of the tokens are known; {new:,} different ones are not"
