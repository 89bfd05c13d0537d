"""What is odd about data: repeats, empty texts, labels that are not learnt, damaged characters."""

import re
from collections.abc import Mapping

import numpy as np

from rnnlab.data.content import Content, Item
from rnnlab.errors import shortened

DAMAGED = re.compile("\ufffd|Ã[\x80-\xbf\u2018-\u203a\u20ac]|â€.|Â[\xa0-\xbf]")
"""The sign for what could not be read, and UTF-8 that was read as Latin-1 or Windows-1252."""

MOSTLY = 0.5
"""A text is mostly unknown with more than this share of unknown words."""
MAJORITY = 0.9
FEW = 5
LONG = 20
"""Times the median from which on a text is very long."""


def suspicions(splits: Mapping[str, Content]) -> list[str]:
    """A sentence each, with the first place where there is one.

    Args:
        splits: By name, training first; the items of each are read once.
    """
    found = [sentence for name, each in splits.items() for sentence in _sizes(name, each)]
    found += _classes(splits)
    seen: dict[str, tuple[str, Item]] = {}
    for name, content in splits.items():
        found += _items(name, content, seen)
    return found


def _sizes(name: str, content: Content) -> list[str]:
    found, lengths = [], content.lengths
    if not len(lengths):
        return [f"{name}: empty"]
    if content.limit is not None and (cut := int((lengths > content.limit).sum())):
        found.append(
            f"{name}: {cut:,} of {len(lengths):,} are longer than data.max_length={content.limit} "
            f"and are cut there; the longest has {int(lengths.max()):,}"
        )
    elif lengths.max() > LONG * max(1.0, float(np.median(lengths))):
        found.append(
            f"{name}: the longest has {lengths.max():,.0f} {content.unit}, the median "
            f"{np.median(lengths):,.0f}"
        )
    odd = int((content.unknown > MOSTLY).sum())
    if odd:
        found.append(f"{name}: {odd:,} of {len(lengths):,} have mostly unknown words")
    return found


def _classes(splits: Mapping[str, Content]) -> list[str]:
    train = splits.get("train")
    if train is None or not train.classes:
        return []
    found, total = [], sum(train.classes.values())
    most = max(train.classes, key=lambda label: train.classes[label])
    if len(train.classes) == 1:
        found.append(f"train: only one class, {most!r}: there is nothing to learn")
    elif train.classes[most] > MAJORITY * total:
        share = train.classes[most] / total
        found.append(f"train: {share:.1%} are {most!r}; compare f1, not accuracy")
    rare = [repr(label) for label, count in train.classes.items() if count < FEW]
    if rare:
        found.append(f"train: fewer than {FEW} examples of {shortened(rare, 5)}")
    for name, other in splits.items():
        new = [repr(label) for label in other.classes if label not in train.classes]
        if new:
            found.append(f"{name}: labels that train has not: {shortened(sorted(new), 5)}")
    return found


def _items(name: str, content: Content, seen: dict[str, tuple[str, Item]]) -> list[str]:
    """Of one split; adds its items to what was seen."""
    firsts: dict[str, tuple[int, str]] = {}

    def count(what: str, example: str) -> None:
        number, first = firsts.get(what, (0, example))
        firsts[what] = number + 1, first

    for item in content.items:
        if not item.text.strip() and not item.content:
            count("empty texts", item.place)
            continue
        if DAMAGED.search(item.text):
            count("texts with damaged characters (a wrong encoding?)", _shown(item))
        where, other = seen.setdefault(item.content, (name, item))
        if other is item:
            continue
        both = f"{item.place} as {other.place}"
        count("repeats within it" if where == name else f"texts that {where} has as well", both)
        if item.label != other.label:
            both = f"{item.place} {item.label!r}, {other.place} {other.label!r}"
            count("repeats with another target", both)
    return [f"{name}: {n:,} {what}; first {first}" for what, (n, first) in firsts.items()]


def _shown(item: Item) -> str:
    found = DAMAGED.search(item.text)
    start = max(0, found.start() - 12) if found else 0
    return f"{item.place} {item.text[start : start + 30]!r}"
