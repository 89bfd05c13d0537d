"""A text as parallel streams: nothing is lost, nothing twice, rows go on."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.batch import IGNORE
from rnnlab.data.stream import Stream, drawn_bounds
from rnnlab.errors import DataError


def stream(tokens, bptt, **options):
    """Token number n has id n; as a target, 1000 + n."""
    ids = np.arange(tokens, dtype=np.int32)
    return Stream(ids, 1000 + ids, bptt, **options)


def loaders(text, size, *, world=1, shuffle=True, seed=0):
    return [
        text.loader(size, shuffle=shuffle, seed=seed, rank=rank, world_size=world)
        for rank in range(world)
    ]


def pairs(batches):
    """(input, target) of every real step."""
    return [
        (int(x), int(y))
        for batch in batches
        for row, wanted in zip(batch.inputs, batch.target, strict=True)
        for x, y in zip(row, wanted, strict=True)
        if y != IGNORE
    ]


texts = st.tuples(st.integers(2, 300), st.integers(1, 40), st.integers(1, 9), st.booleans())


@given(texts, st.integers(1, 3), st.integers(0, 3))
def test_every_token_but_the_first_is_predicted_once(text, world, epoch):
    tokens, bptt, size, vary = text
    world = min(world, tokens - 1)
    given = stream(tokens, bptt, vary=vary)
    try:
        shares = loaders(given, size, world=world)
    except DataError:
        assert world > 1
        return
    for loader in shares:
        loader.sampler.set_epoch(epoch)
    batches = [list(loader) for loader in shares]
    found = pairs(batch for share in batches for batch in share)
    assert sorted(found) == [(n, 1001 + n) for n in range(tokens - 1)]
    assert {len(share) for share in batches} == {len(loader) for loader in shares}
    for batch in (b for share in batches for b in share):
        assert batch.tokens == batch.target_tokens == (batch.target != IGNORE).sum()
        assert batch.lengths.tolist() == [batch.inputs.shape[1]] * len(batch)


@given(texts, st.integers(0, 3))
def test_rows_go_on_where_the_batch_before_ended(text, epoch):
    tokens, bptt, size, vary = text
    (loader,) = loaders(stream(tokens, bptt, vary=vary), size)
    loader.sampler.set_epoch(epoch)
    batches = list(loader)
    assert [batch.carry for batch in batches] == [False] + [True] * (len(batches) - 1)
    inputs = torch.cat([batch.inputs for batch in batches], dim=1)
    target = torch.cat([batch.target for batch in batches], dim=1)
    for row, wanted in zip(inputs.tolist(), target.tolist(), strict=True):
        real = sum(y != IGNORE for y in wanted)
        assert row[:real] == list(range(row[0], row[0] + real))
        assert wanted == [1001 + x for x in row[:real]] + [IGNORE] * (len(row) - real)
    if not vary:
        assert all(batch.inputs.shape[1] == bptt for batch in batches[:-1])


@given(texts, st.data())
def test_resuming_gives_exactly_the_remaining_batches(text, data):
    tokens, bptt, size, vary = text
    given = stream(tokens, bptt, vary=vary)
    (loader,), (again,) = loaders(given, size), loaders(given, size)
    loader.sampler.set_epoch(2)
    done = data.draw(st.integers(0, len(loader) - 1))
    iterator = iter(loader)
    first = [next(iterator) for _ in range(done)]
    again.load_state_dict(loader.state_dict())
    rest = list(again)
    again.sampler.set_epoch(2)
    assert pairs(first + rest) == pairs(again)
    assert [batch.carry for batch in first + rest][:2] == [False, True][: len(again)]


@given(st.integers(1, 3000), st.integers(1, 80), st.integers(0, 5))
def test_drawn_chunks_cover_the_steps(steps, bptt, epoch):
    bounds = drawn_bounds(steps, bptt, np.random.default_rng((3, epoch)))
    assert (bounds[0], bounds[-1]) == (0, steps)
    assert len(bounds) == len([*range(0, steps, bptt), steps])
    assert (np.diff(bounds) >= 1).all()


def test_drawn_chunks_differ_by_epoch_and_spread_around_bptt():
    given = stream(70_001, 70, vary=True)
    (loader,) = loaders(given, 1, seed=3)
    first = np.array([last - first for first, last in loader.plan()])
    loader.sampler.set_epoch(1)
    assert [last - first for first, last in loader.plan()] != first.tolist()
    assert first.mean() == 70
    usual = first[first > 50]
    assert 0.02 < 1 - len(usual) / len(first) < 0.09
    assert 4 < usual.std() < 7


def test_evaluation_has_its_own_number_of_streams_and_fixed_chunks():
    given = stream(101, 10, vary=True, eval_batch_size=2)
    (train,), (val,) = loaders(given, 5), loaders(given, 5, shuffle=False)
    assert {len(batch) for batch in train} == {5}
    assert [tuple(batch.inputs.shape) for batch in val] == [(2, 10)] * 5


def test_a_text_too_short_is_refused():
    with pytest.raises(DataError, match="a text of 3 tokens has 2 to predict; they cannot be"):
        loaders(stream(3, 5), 4, world=3)


@given(texts, st.integers(1, 40))
def test_rows_that_stand_alone_are_read_again_up_to_a_stride(text, stride):
    tokens, bptt, size, vary = text
    stride = min(stride, bptt)
    given = stream(tokens, bptt, vary=vary, carry=False, eval_stride=stride)
    (train,), (val,) = loaders(given, size), loaders(given, size, shuffle=False)
    batches = list(val)
    assert all(batch.carry is None for batch in [*train, *batches])
    assert (
        sorted(pairs(batches)) == sorted(pairs(train)) == [(n, 1001 + n) for n in range(tokens - 1)]
    )
    for number, batch in enumerate(batches):
        assert batch.target_tokens == (batch.target != IGNORE).sum()
        steps = batch.inputs.shape[1]
        assert steps <= bptt
        assert batch.lengths.tolist() == [steps] * len(batch)
        first = int((batch.target[0] == IGNORE).sum())
        if number * stride >= bptt:
            assert first >= bptt - stride
