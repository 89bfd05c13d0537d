"""How much of a batch is padding, and how long processes wait for the longest of their batches.

    python scripts/bucket_padding.py      # IMDb, CoNLL-2003, Multi30k below RNNLAB_DATA

Every row is an epoch's order of the training split: batches of a fixed number of sequences as they
come, the same from pools that are sorted by length (what rnnlab does, see
`rnnlab.data.examples.bucket_batches`), and batches of a fixed number of padded tokens from such
pools.

The second table is of several processes: steps of a process' own batch, over those of the longest
batch of the same training step. The rest of the time it would wait, where time goes with steps.
"""

import statistics
import sys
from collections.abc import Iterator

import numpy as np

from rnnlab.config.compose import compose_words
from rnnlab.data.examples import POOL, bucket_batches
from rnnlab.errors import RnnlabError
from rnnlab.runs.build import build_data, build_vectors
from tabular import markdown

TASKS = {
    "IMDb": ["task=sentiment"],
    "CoNLL-2003": ["task=ner"],
    "Multi30k": ["task=translation"],
}
SEEDS = (1, 2, 3)
PROCESSES = (2, 4, 8)


def shuffled(lengths: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
    """Batches as a shuffling loader makes them."""
    rows = np.random.default_rng(seed).permutation(len(lengths))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def pools(lengths: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
    """Batches as rnnlab makes them."""
    yield from bucket_batches(lengths, size, shuffle=True, seed=seed)


def budget(lengths: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
    """From the same sorted pools batches of as many padded tokens as `size` mean sequences have."""
    most = size * float(lengths.mean())
    rows = np.random.default_rng(seed).permutation(len(lengths))
    for start in range(0, len(rows), POOL * size):
        pool = rows[start : start + POOL * size]
        batch: list[int] = []
        for row in pool[np.argsort(lengths[pool], kind="stable")]:
            if batch and (len(batch) + 1) * lengths[row] > most:
                yield np.array(batch)
                batch = []
            batch.append(int(row))
        if batch:
            yield np.array(batch)


def padding(batches: Iterator[np.ndarray], lengths: np.ndarray) -> tuple[float, int]:
    """Padded tokens per real one, and the number of batches."""
    sizes = [(len(rows), int(lengths[rows].max())) for rows in batches]
    return sum(count * longest for count, longest in sizes) / float(lengths.sum()), len(sizes)


def share_of_time(lengths: np.ndarray, size: int, processes: int, seed: int) -> float:
    """Steps of the processes' batches over those of each training step's longest one."""
    steps = bucket_batches(lengths, size, shuffle=True, seed=seed, world_size=processes)
    longest = [[lengths[rows[r::processes]].max() for r in range(processes)] for rows in steps]
    return float(np.mean(longest) / np.max(longest, axis=1).mean())


def main() -> int:
    """Print the tables; the exit code."""
    rows, shares = [], []
    for name, words in TASKS.items():
        cfg = compose_words("train", words).cfg
        try:
            data = build_data(cfg, build_vectors(cfg))
            lengths = data.examples("train").lengths  # type: ignore[attr-defined]
        except RnnlabError as error:
            print(f"bucket_padding: {name}: {error}", file=sys.stderr)
            return 2
        size = cfg["data"]["batch_size"]
        cells, counts = [], []
        for order in (shuffled, pools, budget):
            found = [padding(order(lengths, size, seed), lengths) for seed in SEEDS]
            cells.append(f"{statistics.mean(ratio for ratio, _ in found):.3f}")
            counts.append(f"{statistics.mean(count for _, count in found):.0f}")
        found_shares = (
            statistics.mean(share_of_time(lengths, size, count, seed) for seed in SEEDS)
            for count in PROCESSES
        )
        shares.append([name, str(size), *(f"{share:.3f}" for share in found_shares)])
        rows.append([name, str(size), *cells, f"{counts[1]}, {counts[2]}"])
    heads = ["data", "batch", "shuffled", "sorted pools", "token budget", "batches: pools, budget"]
    print(markdown(heads, rows))
    print()
    print(markdown(["data", "batch", *(f"{count} processes" for count in PROCESSES)], shares))
    return 0


if __name__ == "__main__":
    sys.exit(main())
