import itertools
import math
from collections import defaultdict

import pytest
import torch
from torch.nn import functional

from rnnlab.nn.ctc import (
    BLANK,
    align,
    greedy,
    log_likelihoods,
    needed_steps,
    prefix_beam_search,
)

V, T = 4, 6
LENGTHS = torch.tensor([6, 1, 4, 5])


def collapse(path):
    merged = [token for token, _ in itertools.groupby(path)]
    return tuple(token for token in merged if token != BLANK)


def random_log_probs(seed=0, peaked=1.0):
    generator = torch.Generator().manual_seed(seed)
    logits = peaked * torch.randn(len(LENGTHS), T, V, generator=generator).double()
    return logits.log_softmax(2)


def all_texts(log_probs):
    """From each text to its probability and its best alignment, over all alignments."""
    steps = len(log_probs)
    totals, best = defaultdict(float), defaultdict(lambda: (-math.inf, ()))
    for path in itertools.product(range(V), repeat=steps):
        score = sum(float(log_probs[t, token]) for t, token in enumerate(path))
        totals[collapse(path)] += math.exp(score)
        best[collapse(path)] = max(best[collapse(path)], (score, path))
    return totals, best


@pytest.fixture(scope="module")
def everything():
    log_probs = random_log_probs(peaked=1.5)
    rows = zip(log_probs, LENGTHS.tolist(), strict=True)
    return log_probs, [all_texts(row[:length]) for row, length in rows]


def padded(texts):
    width = max(map(len, texts))
    rows = [[*text, *[-100] * (width - len(text))] for text in texts]
    return torch.tensor(rows).view(len(texts), width), torch.tensor([len(text) for text in texts])


def test_likelihood_is_the_sum_over_all_alignments(everything):
    log_probs, exact = everything
    for texts in ([(1, 2, 1), (3,), (2, 2), ()], [(1, 1, 1), (), (1, 2, 3, 1), (2, 2, 2)]):
        found = log_likelihoods(log_probs, LENGTHS, *padded(texts))
        expected = [math.log(one[text]) for (one, _), text in zip(exact, texts, strict=True)]
        torch.testing.assert_close(found, torch.tensor(expected).double())


def test_what_cannot_be_aligned_is_minus_infinity_and_has_no_gradient():
    log_probs = random_log_probs().requires_grad_()
    texts = [(1, 1, 1, 1), (1, 2), (1, 1, 2), (3, 2)]  # 7, 2, 4, 2 steps
    target, counts = padded(texts)
    assert needed_steps(target, counts).tolist() == [7, 2, 4, 2]
    found = log_likelihoods(log_probs, LENGTHS, target, counts)
    assert found.isinf().tolist() == [True, True, False, False]
    found[found.isfinite()].sum().backward()
    assert log_probs.grad.isfinite().all()
    assert log_probs.grad.abs().sum((1, 2)).gt(0).tolist() == [False, False, True, True]


@pytest.mark.parametrize("text", [(1,), (2, 2, 3), (1, 2, 1, 1), (), (3, 3, 3, 3)])
def test_needed_steps_is_the_shortest_alignment(text):
    paths = (p for n in range(8) for p in itertools.product(range(V), repeat=n))
    shortest = next(len(path) for path in paths if collapse(path) == text)
    target, counts = padded([text, (1, 2, 3, 1, 2)])
    assert needed_steps(target, counts)[0] == shortest


def test_half_precision_is_summed_in_float32():
    log_probs = random_log_probs().bfloat16()
    target, counts = padded([(1, 2), (3,), (), (2,)])
    found = log_likelihoods(log_probs, LENGTHS, target, counts)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, log_likelihoods(log_probs.float(), LENGTHS, target, counts))


def test_greedy_is_the_text_of_the_best_alignment(everything):
    log_probs, exact = everything
    for text, (_, best) in zip(greedy(log_probs, LENGTHS), exact, strict=True):
        assert tuple(text) == collapse(max(best.values())[1])


def test_a_wide_beam_finds_all_texts_with_their_probabilities(everything):
    log_probs, exact = everything
    found = prefix_beam_search(log_probs, LENGTHS, num_beams=1500, num_return_sequences=1500)
    for texts, scores, (totals, _) in zip(found.tokens, found.scores, exact, strict=True):
        assert len(texts) == len(totals)
        expected = [math.log(totals[tuple(text)]) for text in texts]
        assert expected == sorted(expected, reverse=True)
        torch.testing.assert_close(scores[: len(texts)], torch.tensor(expected).double())


def reference(log_probs, beams, banned=()):
    """The textbook's loop, with a dictionary from prefixes to pairs of probabilities."""
    kept = {(): (1.0, 0.0)}
    for row in log_probs.exp().tolist():
        after = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, token) in kept.items():
            after[prefix][0] += (blank + token) * row[BLANK]
            for new in set(range(1, V)) - set(banned):
                if prefix and new == prefix[-1]:
                    after[prefix][1] += token * row[new]
                    after[(*prefix, new)][1] += blank * row[new]
                else:
                    after[(*prefix, new)][1] += (blank + token) * row[new]
        best = sorted(after.items(), key=lambda item: -sum(item[1]))
        kept = {prefix: pair for prefix, pair in best[:beams] if sum(pair) > 0}
    return [(list(prefix), math.log(sum(pair))) for prefix, pair in kept.items()]


@pytest.mark.parametrize(("beams", "banned"), [(1, ()), (2, ()), (3, (2,)), (7, ()), (20, (1, 3))])
def test_narrow_beams_are_those_of_the_plain_loop(beams, banned):
    for seed in range(5):
        log_probs = random_log_probs(seed)
        found = prefix_beam_search(
            log_probs, LENGTHS, num_beams=beams, num_return_sequences=beams, banned=banned
        )
        for row, length in enumerate(LENGTHS.tolist()):
            expected = reference(log_probs[row, :length], beams, banned)
            assert found.tokens[row] == [text for text, _ in expected]
            scores = found.scores[row, : len(expected)].tolist()
            assert scores == pytest.approx([score for _, score in expected])
            assert found.scores[row, len(expected) :].isinf().all()


def test_padding_and_the_rest_of_the_batch_change_nothing():
    log_probs = random_log_probs(3)
    dirty = log_probs.clone()
    for row, length in zip(dirty, LENGTHS.tolist(), strict=True):
        row[length:] = functional.one_hot(torch.tensor(2), V).double().log()
    target, counts = padded([(1, 2), (3,), (), (2,)])
    one, two = (
        (
            greedy(x, LENGTHS),
            prefix_beam_search(x, LENGTHS, num_beams=3).best,
            log_likelihoods(x, LENGTHS, target, counts).tolist(),
            align(x, LENGTHS, target, counts).tolist(),
        )
        for x in (log_probs, dirty)
    )
    assert one == two


def test_forced_alignment_is_the_best_of_all(everything):
    log_probs, exact = everything
    for texts in (
        [(1, 2, 1), (3,), (2, 2), ()],
        [(1, 1, 1), (), (1, 2, 3, 1), (2, 2, 2)],
        [(1, 1, 1, 1), (1, 2), (2, 2, 2, 2), (3,)],
    ):
        found = align(log_probs, LENGTHS, *padded(texts)).tolist()
        for row, length, text, (_, best) in zip(found, LENGTHS.tolist(), texts, exact, strict=True):
            assert row[length:] == [-1] * (T - length)
            path = tuple(text[i] if i >= 0 else BLANK for i in row[:length])
            score, expected = best[text]
            assert path == expected if score > -math.inf else set(row) == {-1}
            positions = [i for i, _ in itertools.groupby(row) if i >= 0]
            assert positions == (list(range(len(text))) if score > -math.inf else [])
