"""What is held out of a file: decided by content and seed alone, not by the order of the file."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

TRAIN, VAL, TEST = range(3)


def stratified(
    keys: Iterable[tuple[str, str]], shares: tuple[float, float], seed: int
) -> np.ndarray:
    """Of each item its side: 0 training, 1 validation, 2 test, int8 (N,).

    Items of one content go to one side. Shares are of distinct contents: those of each class are
    in the order of a hash with the seed, the first are held out; what rounding leaves is owed to
    the next class, in alphabetical order, so that the whole is exact to one. One content at least
    of each class stays in training. A content with several classes counts as its first in
    alphabetical order.

    Args:
        keys: Content and class of each item.
        shares: For validation and test, 0 to 1.
        seed: Another one holds out others.
    """
    contents: list[bytes] = []
    classes: dict[bytes, str] = {}
    key = seed.to_bytes(8, "little")
    for content, label in keys:
        hashed = blake2b(content.encode(errors="surrogatepass"), key=key, digest_size=16).digest()
        contents.append(hashed)
        classes[hashed] = min(label, classes.get(hashed, label))
    groups: defaultdict[str, list[bytes]] = defaultdict(list)
    for hashed in sorted(classes):
        groups[classes[hashed]].append(hashed)
    side: dict[bytes, int] = {}
    owed = [0.0, 0.0]
    for _, group in sorted(groups.items()):
        start = 0
        for number, share in enumerate(shares):
            owed[number] += share * len(group)
            take = min(max(0, round(owed[number])), len(group) - 1 - start)
            owed[number] -= take
            side |= dict.fromkeys(group[start : start + take], (VAL, TEST)[number])
            start += take
    return np.array([side.get(hashed, TRAIN) for hashed in contents], dtype=np.int8)


def contiguous(sizes: Sequence[int], shares: tuple[float, float]) -> np.ndarray:
    """The same of pieces in the order of the file: training, then validation, then test.

    Args:
        sizes: Of each item; shares are of their sum.
        shares: For validation and test, 0 to 1.
    """
    ends = np.cumsum(sizes)
    total = ends[-1] if len(ends) else 0
    before_test = (1 - shares[1]) * total
    before_val = before_test - shares[0] * total
    # an item belongs where its middle is
    middles = ends - np.asarray(sizes) / 2
    return ((middles > before_val).astype(np.int8) + (middles > before_test)).astype(np.int8)
