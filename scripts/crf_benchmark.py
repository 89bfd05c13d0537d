"""Time of the CRF: against pytorch-crf, and as a share of a training step of its encoder.

python scripts/crf_benchmark.py [SECONDS a table row, default 4]

`times faster` is against pytorch-crf; `share` is of the BiLSTM's step.
"""

import sys

import numpy as np
import torch
import torchcrf
from torch import nn

from bench.corpora import draw_lengths
from bench.timing import interleave
from rnnlab.data.batch import valid_mask
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.layers.lstm import LSTM
from rnnlab.nn.crf import CRF
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.recurrent import RecurrentEncoder
from tabular import markdown

BATCH, STEPS, WORDS = 32, 30, 10_000


def lengths() -> torch.Tensor:
    """Lengths of a batch as CoNLL-2003 has them, cut to STEPS, one of them STEPS."""
    drawn = draw_lengths("conll2003", BATCH, np.random.default_rng(0)).clip(max=STEPS)
    drawn[0] = STEPS
    return torch.from_numpy(drawn)


def compare(tags: int, seconds: float) -> list[str]:
    """One row of the table."""
    size = lengths()
    mask = valid_mask(size, STEPS)
    gold = torch.randint(tags, (BATCH, STEPS))
    mine, other = CRF(tags), torchcrf.CRF(tags, batch_first=True)
    emissions = torch.randn(BATCH, STEPS, tags, requires_grad=True)
    words = Vocab([PAD, UNK, *map(str, range(WORDS))])
    embedding = RandomVectors(embedding_dim=100).module(words)
    encoder = RecurrentEncoder(
        embedding, lambda d: LSTM(d, hidden_size=128), num_layers=2, bidirectional=True
    )
    head = nn.Linear(encoder.output_size, tags)
    inputs = torch.randint(2, WORDS, (BATCH, STEPS)) * mask
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], fused=True)

    def step() -> None:
        optimizer.zero_grad()
        scores = head(encoder(inputs, size).outputs)
        nn.functional.cross_entropy(scores[mask], gold[mask]).backward()
        optimizer.step()

    timings = interleave(
        {
            "train": lambda: mine.nll(emissions, gold, size).sum().backward(),
            "train, pytorch-crf": lambda: (-other(emissions, gold, mask)).backward(),
            "decode": lambda: mine.decode(emissions, size),
            "decode, pytorch-crf": lambda: other.decode(emissions, mask),
            "step": step,
        },
        budget=seconds,
        most=1000,
    )
    ms = {name: 1e3 * timing.median for name, timing in timings.items()}
    train, decode = ms["train"], ms["decode"]
    return [
        str(tags),
        f"{train:.2f}",
        f"{ms['train, pytorch-crf'] / train:.1f}",
        f"{decode:.2f}",
        f"{ms['decode, pytorch-crf'] / decode:.1f}",
        f"{ms['step']:.2f}",
        f"{train / ms['step']:.0%}",
    ]


def main() -> None:
    """The table: milliseconds, medians of interleaved rounds."""
    torch.manual_seed(0)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    print(f"batch {BATCH}, {STEPS} steps, {torch.get_num_threads()} thread(s), float32, ms\n")
    heads = ["tags", "train", "times faster", "decode", "times faster", "BiLSTM step", "share"]
    print(markdown(heads, [compare(tags, seconds) for tags in (9, 17)], left=0))


if __name__ == "__main__":
    main()
