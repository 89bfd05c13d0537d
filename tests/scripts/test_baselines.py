from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from baselines import careful, tutorial
from baselines.loop import IGNORE, Loop, bucketed, collate, in_order, shuffled
from baselines.rivals import rivals
from bench.contest import copy_weights
from bench.corpora import Corpus
from bench.duel import pairs
from bench.problems import PROBLEMS, Problem
from rnnlab.config.compose import compose_words
from rnnlab.data.base import SequenceData
from rnnlab.runs.build import Model, build_data, build_model, build_vectors

CORPUS = Corpus(train=96, words=20, longest=9)


def built(problem: Problem, folder: Path) -> tuple[SequenceData, Model, dict[str, Loop]]:
    """rnnlab's model of a problem, and its rivals."""
    problem = replace(problem, hidden=10, embedding=10, batch_size=16)
    words = problem.generated(folder, CORPUS)
    cfg = compose_words("train", words).cfg
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    spec = data.spec()
    model = build_model(cfg, spec, vectors)
    return data, model, rivals(problem, len(spec.source), len(spec.target), lr=0.02, clip=1.0)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_the_same_weights_give_the_same_loss_and_gradients(
    problem: Problem, tmp_path: Path
) -> None:
    data, model, loops = built(problem, tmp_path)
    both = nn.ModuleList([model.encoder, model.task]).double()
    same = ["careful, batched"] if problem.task == "translation" else ["tutorial", "careful"]
    rows = range(20)
    examples = data.examples("train")
    batch = examples.batch(torch.arange(20).numpy())
    loss = model.task.loss(model.encoder(batch.inputs, batch.lengths), batch)
    loss.backward()
    for name in same:
        rival = loops[name].model.double()
        copy_weights(both, rival)
        found = rival(*collate(pairs(examples, rows)))
        found.backward()
        torch.testing.assert_close(found, loss)
        for mine, theirs in zip(both.parameters(), rival.parameters(), strict=True):
            torch.testing.assert_close(theirs.grad, mine.grad)


@pytest.mark.programs
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_all_learn(problem: Problem, tmp_path: Path) -> None:
    torch.manual_seed(0)
    data, _, loops = built(problem, tmp_path)
    examples = pairs(data.examples("train"), range(96))
    for name, loop in loops.items():
        losses = [loop.train(examples) for _ in range(12)]
        assert losses[-1] < 0.9 * losses[0], (name, losses)


def test_both_decoders_with_input_feeding_are_one_function() -> None:
    torch.manual_seed(0)
    quick = careful.Translator((9, 8), embedding=6, hidden=5).double()
    slow = tutorial.Translator((9, 8), embedding=6, hidden=5).double()
    with torch.no_grad():
        for name, value in quick.cell.named_parameters():
            getattr(slow.decoder, f"{name}_l0").copy_(value)
        slow.attention.attn.weight.copy_(torch.cat([quick.query.weight, quick.key.weight], dim=1))
        slow.attention.attn.bias.copy_(quick.query.bias)
        slow.attention.v.load_state_dict(quick.energy.state_dict())
    source = torch.randint(1, 9, (3, 6))
    lengths = torch.tensor([6, 2, 4])
    source[torch.arange(6) >= lengths.unsqueeze(1)] = 0
    embedded = quick.embedding(torch.randint(1, 8, (3, 5)))
    values = quick.encoder(source, lengths)
    padding = source.eq(0).unsqueeze(2)
    start = torch.randn(3, 5, dtype=torch.float64)
    states, contexts = quick.decode(embedded, start, values, quick.key(values), padding)
    hidden = start
    for t in range(5):
        weights = slow.attention(hidden, values, source)
        context = (weights.unsqueeze(1) @ values).squeeze(1)
        x = torch.cat([embedded[:, t], context], dim=1).unsqueeze(1)
        hidden = slow.decoder(x, hidden.unsqueeze(0))[1].squeeze(0)
        torch.testing.assert_close(states[:, t], hidden)
        torch.testing.assert_close(contexts[:, t], context)


@pytest.mark.parametrize("batches", [shuffled, bucketed, in_order])
def test_batches_hold_every_example_once(batches: Callable[..., object]) -> None:
    examples = [
        (torch.full((n % 7 + 1,), n + 1), torch.tensor([n] * (n % 3 + 1))) for n in range(23)
    ]
    seen = []
    for inputs, lengths, target in batches(examples, 5):  # type: ignore[attr-defined]
        assert inputs.shape == (len(lengths), int(lengths.max()))
        for row, length, goal in zip(inputs, lengths, target, strict=True):
            number = int(row[0]) - 1
            assert torch.equal(row[:length], examples[number][0])
            assert not row[length:].any()
            assert torch.equal(goal[goal != IGNORE], examples[number][1])
            seen.append(number)
    assert sorted(seen) == list(range(23))


def test_buckets_hold_similar_lengths() -> None:
    examples = [(torch.ones(n, dtype=torch.long), torch.tensor(0)) for n in range(1, 33)]
    for _, lengths, _ in bucketed(examples, 8):
        assert int(lengths.max() - lengths.min()) == 7


def test_rehearsing_changes_no_weight(tmp_path: Path) -> None:
    data, _, loops = built(PROBLEMS[0], tmp_path)
    loop = loops["careful"]
    before = [p.clone() for p in loop.model.parameters()]
    loop.rehearse(pairs(data.examples("train"), range(32)))
    for old, new in zip(before, loop.model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None
