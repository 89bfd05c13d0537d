"""Options that are not the default: what each costs, and how often the host waits for it."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from bench.timing import interleave
from gpu.device import Setting, tf32
from gpu.waiting import watched
from rnnlab.data.examples import BatchLoader, Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.layers.lstm import LSTM
from rnnlab.nn.chain import LogSums, ScaledSums
from rnnlab.nn.crf import CRF
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.nn.vocabulary_outputs import OUTPUTS
from rnnlab.tasks.translate import Translate

WAITS = {"adaptive": 1}
"""How often a step may wait; never, where it says nothing."""


def measure_choices(setting: Setting) -> None:
    """Forward and backward passes with and without; a beam search."""
    part = setting.part(
        "Options that are not the default",
        ("what", "choice", "ms", "times the first", "waits"),
        "Forward and backward pass, float32 with TF32, interleaved medians; a search is of one "
        "batch. Right: nobody waits for the device, but an adaptive softmax once, and a search.",
    )
    if not setting.cuda:
        part.skipped.append("waits: there is no GPU")
    with tf32(True):
        for what, choices in _all(setting):
            times = interleave(choices, budget=2 * setting.budget)
            first = times[next(iter(choices))].median
            for name, work in choices.items():
                took = times[name].median
                waits = _waits(setting, work)
                part.rows.append([what, name, 1e3 * took, took / first, waits])
                if waits is not None and waits > WAITS.get(name, 0) and what != "search":
                    part.failures.append(f"{what}, {name}: waits {waits} times")


def _waits(setting: Setting, work: Callable[[], object]) -> int | None:
    if not setting.cuda:
        return None
    with watched() as places:
        work()
    return len(places)


def _all(setting: Setting) -> Iterator[tuple[str, dict[str, Callable[[], object]]]]:
    torch.manual_seed(6)
    batch, steps, size = (3, 5, 4) if setting.small else (32, 100, 128)
    lengths = torch.randint(1, steps + 1, (batch,), device=setting.device)
    words = 40 if setting.small else 30_000
    vocab = Vocab([PAD, UNK, START, END, *map(str, range(words - 4))])
    yield "encoder", _encoders(setting, vocab, batch, steps, size, lengths)
    yield "kernel", _kernels(setting, batch, steps, size, lengths)
    yield "tags", _tags(setting, batch, steps, lengths)
    yield "vocabulary", _outputs(setting, words, batch * steps, size)
    yield "search", _searches(setting, batch, size)


def _encoders(
    setting: Setting, vocab: Vocab, batch: int, steps: int, size: int, lengths: Tensor
) -> dict[str, Callable[[], object]]:
    ids = torch.randint(4, len(vocab), (batch, steps), device=setting.device)

    def step(**options: float) -> Callable[[], object]:
        embedding = RandomVectors(embedding_dim=size).module(vocab)
        encoder = RecurrentEncoder(embedding, partial(LSTM, hidden_size=size), **options)
        encoder.to(setting.device)
        return _step(encoder, lambda: encoder(ids, lengths).outputs.square().sum())

    return {"plain": step(), "weight dropout": step(weight_dropout=0.3)}


def _kernels(
    setting: Setting, batch: int, steps: int, size: int, lengths: Tensor
) -> dict[str, Callable[[], object]]:
    x = torch.randn(batch, steps, size, device=setting.device)

    def step(kernel: str) -> Callable[[], object]:
        layer = LSTM(size, hidden_size=size, kernel=kernel).to(setting.device)  # type: ignore[arg-type]
        return _step(layer, lambda: layer.outputs(x, lengths).square().sum())

    return {kernel: step(kernel) for kernel in ("fused", "bptt", "scan")}


def _tags(
    setting: Setting, batch: int, steps: int, lengths: Tensor
) -> dict[str, Callable[[], object]]:
    tags = 9
    scores = torch.randn(batch, steps, tags, device=setting.device, requires_grad=True)
    target = torch.randint(tags, (batch, steps), device=setting.device)
    crf = CRF(tags).to(setting.device)
    time_first = scores.detach().transpose(0, 1).contiguous()
    weight = torch.ones(steps, batch, device=setting.device)
    pairs = crf.transitions.detach()
    plain = nn.functional.cross_entropy
    return {
        "softmax": _step(crf, lambda: plain(scores.flatten(0, 1), target.flatten())),
        "crf": _step(crf, lambda: crf.nll(scores, target, lengths).sum()),
        "sums on logarithms": lambda: LogSums(time_first, pairs, lengths).expected(weight),
        "scaled sums": lambda: ScaledSums(time_first, pairs, lengths, 4).expected(weight),
    }


def _outputs(setting: Setting, words: int, rows: int, size: int) -> dict[str, Callable[[], object]]:
    features = torch.randn(rows, size, device=setting.device, requires_grad=True)
    # frequent words have small ids, as in a vocabulary
    target = (torch.rand(rows, device=setting.device).pow(6) * words).long().clamp(max=words - 1)
    cutoffs = [words // 15, words // 3]

    def step(kind: str) -> Callable[[], object]:
        output = OUTPUTS[kind](size, words, cutoffs, 2.0).to(setting.device)  # type: ignore[index]
        return _step(output, lambda: output.loss(features, target))

    return {kind: step(kind) for kind in ("softmax", "adaptive")}


def _searches(setting: Setting, batch: int, size: int) -> dict[str, Callable[[], object]]:
    vocab = Vocab([PAD, UNK, START, END, *map(str, range(36 if setting.small else 6_000))])
    spec = Spec(vocab, vocab, "tokens", target_tokenizer=Tokenizer("space"))
    rng = np.random.default_rng(1)
    source = Ragged.from_lists(rng.integers(4, len(vocab), size=n) for n in [12] * batch)
    example = next(iter(BatchLoader(Examples(source, source), batch, shuffle=False, seed=1)))
    embedding = RandomVectors(embedding_dim=size).module(vocab)
    encoder = RecurrentEncoder(embedding, partial(LSTM, hidden_size=size))
    task = Translate(encoder, spec, embedding_dim=size)
    nn.ModuleList([encoder, task]).to(setting.device).eval()
    inputs, lengths = example.inputs.to(setting.device), example.lengths.to(setting.device)

    def search(num_beams: int) -> Callable[[], object]:
        @torch.inference_mode()
        def run() -> None:
            task.num_beams = num_beams
            task.predict(encoder(inputs, lengths))

        return run

    return {f"{beams} beams": search(beams) for beams in (1, 5)}


def _step(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    def step() -> None:
        module.zero_grad(set_to_none=True)
        loss().backward()

    return step
