from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning import Callback, LightningModule, Trainer
from torch import nn

from rnnlab.data.batch import IGNORE
from rnnlab.data.examples import (
    POOL,
    BatchLoader,
    Examples,
    balanced_rows,
    bucket_batches,
)
from rnnlab.data.ragged import Ragged
from rnnlab.errors import DataError


def numbered(lengths):
    """Examples whose inputs and label are their own number."""
    inputs = Ragged.from_lists([[number] * length for number, length in enumerate(lengths)])
    return Examples(inputs, np.arange(len(lengths)))


def flat(lists):
    return list(chain.from_iterable(lists))


def rows(loader):
    return [batch.target.tolist() for batch in loader]


lengths_ = st.lists(st.integers(1, 12), min_size=1, max_size=80)
sizes = st.integers(1, 9)


@given(lengths_, sizes, st.booleans(), st.integers(0, 3))
def test_every_example_once_an_epoch(lengths, size, shuffle, epoch):
    loader = BatchLoader(numbered(lengths), size, shuffle=shuffle, seed=1)
    loader.sampler.set_epoch(epoch)
    batches = rows(loader)
    assert sorted(flat(batches)) == list(range(len(lengths)))
    assert len(loader) == len(batches)
    assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)


@given(lengths_, sizes, st.booleans(), st.data())
def test_resuming_gives_exactly_the_remaining_batches(lengths, size, shuffle, data):
    examples = numbered(lengths)
    loader = BatchLoader(examples, size, shuffle=shuffle, seed=5)
    loader.sampler.set_epoch(2)
    done = data.draw(st.integers(0, len(loader) - 1))
    iterator = iter(loader)
    first = [next(iterator).target.tolist() for _ in range(done)]
    state = loader.state_dict()
    again = BatchLoader(examples, size, shuffle=shuffle, seed=5)
    again.load_state_dict(state)
    rest = rows(again)
    again.sampler.set_epoch(2)
    assert first + rest == rows(again) == rows(loader)


@given(lengths_, sizes, st.integers(1, 4))
def test_training_batches_of_several_processes(lengths, size, world):
    world = min(world, len(lengths))
    examples = numbered(lengths)
    loaders = [
        BatchLoader(examples, size, shuffle=True, seed=0, rank=rank, world_size=world)
        for rank in range(world)
    ]
    shares = [rows(loader) for loader in loaders]
    steps = {len(share) for share in shares} | {len(loader) for loader in loaders}
    assert len(steps) == 1
    used = flat(map(flat, shares))
    assert sorted(used) == list(range(len(lengths)))
    for step in zip(*shares, strict=True):  # about as many in each, and none without
        counts = [len(batch) for batch in step]
        assert min(counts) >= 1
        assert max(counts) - min(counts) <= 1
        assert max(counts) <= size + 1


@pytest.mark.parametrize("world", [2, 5, 8])
def test_processes_read_batches_of_one_length_in_a_step(world):
    rng = np.random.default_rng(1)
    lengths = np.minimum(rng.lognormal(3, 0.8, size=20_000).astype(int) + 1, 400)
    examples = Examples(Ragged.from_lengths(np.zeros(lengths.sum(), np.int32), lengths), lengths)
    shares = [
        BatchLoader(examples, 16, shuffle=True, seed=0, rank=rank, world_size=world).plan()
        for rank in range(world)
    ]
    longest = np.array([[lengths[batch].max() for batch in share] for share in shares])
    assert longest.mean() / longest.max(axis=0).mean() > 0.93


@given(lengths_, sizes, st.integers(1, 4))
def test_several_processes_evaluate_each_example_once(lengths, size, world):
    world = min(world, len(lengths))
    examples = numbered(lengths)
    shares = [
        BatchLoader(examples, size, shuffle=False, seed=0, rank=rank, world_size=world)
        for rank in range(world)
    ]
    used = flat(flat(rows(share)) for share in shares)
    assert sorted(used) == list(range(len(lengths)))
    assert [len(share) for share in shares] == [len(rows(share)) for share in shares]


def test_more_processes_than_examples_are_refused():
    with pytest.raises(DataError, match="2 sequences cannot be shared by 3 processes"):
        BatchLoader(numbered([1, 1]), 1, shuffle=False, seed=0, rank=0, world_size=3)


def test_the_order_follows_from_seed_and_epoch_alone():
    lengths = np.arange(1, 301)

    def order(seed, epoch):
        batches = bucket_batches(lengths, 8, shuffle=True, seed=seed, epoch=epoch)
        return [batch.tolist() for batch in batches]

    assert order(1, 0) == order(1, 0)
    assert len({str(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1, 2)}) == 6


def test_evaluation_is_the_same_always_and_its_first_batches_are_a_fair_sample():
    # sorted by label, most as long as the cut allows: a file order that a sample must not show
    lengths = np.full(4000, 400)
    orders = []
    for seed in (1, 2):
        for epoch in (0, 1):
            batches = bucket_batches(lengths, 64, shuffle=False, seed=seed, epoch=epoch)
            orders.append([batch.tolist() for batch in batches])
    assert orders[0] == orders[1] == orders[2] == orders[3]
    for batch in orders[0]:
        assert 0.2 < np.mean(np.array(batch) < 2000) < 0.8 or len(batch) < 64


def test_evaluation_pads_hardly_at_all():
    lengths = np.random.default_rng(0).integers(1, 100, size=5000)
    batches = bucket_batches(lengths, 32, shuffle=False)
    assert sum(lengths[batch].max() * len(batch) for batch in batches) < 1.02 * lengths.sum()
    means = [lengths[batch].mean() for batch in batches]
    assert 30 < np.mean(means[:20]) < 70


def test_buckets_waste_little_and_still_mix():
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(2.5, 0.8, size=5000).astype(int) + 1
    batches = bucket_batches(lengths, 32, shuffle=True)
    padded = sum(lengths[batch].max() * len(batch) for batch in batches)
    at_random = rng.permutation(5000)[: 156 * 32].reshape(156, 32)
    padded_at_random = lengths[at_random].max(axis=1).sum() * 32
    assert padded < 1.15 * lengths.sum() < 0.5 * padded_at_random
    # batches of a pool are not in the order of length
    means = [lengths[batch].mean() for batch in batches[:POOL]]
    assert means != sorted(means)


def test_a_batch_holds_padded_inputs_targets_and_lengths():
    inputs = Ragged.from_lists([[5, 6, 7], [8]])
    tags = Ragged.from_lists([[1, 0, 2], [1]])
    batch = Examples(inputs, tags).batch(np.array([1, 0]))
    assert batch.inputs.tolist() == [[8, 0, 0], [5, 6, 7]]
    assert batch.lengths.tolist() == [1, 3]
    assert batch.target.tolist() == [[1, IGNORE, IGNORE], [1, 0, 2]]
    assert batch.tokens == 4

    features = np.ones((3, 4, 2), dtype=np.float32)
    values = np.array([[1.0], [2.0], [3.0]], dtype=np.float32)
    batch = Examples(features, values).batch(np.array([2]))
    assert batch.inputs.shape == (1, 4, 2)
    assert batch.lengths.tolist() == [4]
    assert batch.target.tolist() == [[3.0]]
    assert batch.target_lengths is None


def test_parts_of_unequal_number_are_refused():
    with pytest.raises(ValueError, match="2 inputs, 1 targets"):
        Examples(Ragged.from_lists([[1], [2]]), np.array([0]))
    with pytest.raises(ValueError, match="1 inputs"):
        Examples(Ragged.from_lists([[1]]), np.array([0]), texts=["a", "b"])


@given(lengths_, sizes, st.integers(1, 3), st.booleans())
def test_reference_texts_follow_the_batches(lengths, size, world, shuffle):
    world = min(world, len(lengths))
    examples = numbered(lengths)
    texts = [str(number) for number in range(len(lengths))]
    for rank in range(world):
        loader = BatchLoader(
            Examples(examples.inputs, examples.target, texts),
            size,
            shuffle=shuffle,
            seed=3,
            rank=rank,
            world_size=world,
        )
        assert loader.reference_texts() == [str(row) for batch in rows(loader) for row in batch]
    assert BatchLoader(examples, size, shuffle=shuffle, seed=3).reference_texts() is None


class Recorder(LightningModule):
    """Notes which examples it was trained on."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch, _index):
        self.seen.append((self.current_epoch, batch.target.tolist()))
        return self.weight * 0.0

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Keeper(Callback):
    """Saves checkpoints in the middle of epochs."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step in (13, 26):
            trainer.save_checkpoint(f"{trainer.default_root_dir}/{trainer.global_step}.ckpt")


def trainer(tmp_path, **options):
    return Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
        **options,
    )


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Lightning's own
def test_lightning_shuffles_each_epoch_anew_and_resumes_in_the_middle(tmp_path):
    examples = numbered([1, 2, 3, 4, 5] * 8)

    def loader():
        return BatchLoader(examples, 4, shuffle=True, seed=7)

    whole = Recorder()
    trainer(tmp_path, callbacks=[Keeper()]).fit(whole, loader())
    epochs = [[batch for at, batch in whole.seen if at == epoch] for epoch in range(3)]
    assert [len(epoch) for epoch in epochs] == [10, 10, 10]
    assert len({str(epoch) for epoch in epochs}) == 3

    for step in (13, 26):
        again = Recorder()
        trainer(tmp_path).fit(again, loader(), ckpt_path=tmp_path / f"{step}.ckpt")
        assert again.seen == whole.seen[step:]


def rare(count=(90, 9, 1)):
    """Examples of several classes, ordered by class; each input is its own number."""
    labels = np.repeat(np.arange(len(count)), count)
    lengths = np.random.default_rng(0).integers(1, 9, len(labels))
    inputs = Ragged.from_lists([[row] * length for row, length in enumerate(lengths)])
    return Examples(inputs, labels)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 9))
def test_balanced_rows_are_shared_evenly(classes, seed):
    classes = np.array(classes)
    rows = balanced_rows(classes, np.random.default_rng(seed))
    assert len(rows) == len(classes)
    drawn = [int((classes[rows] == label).sum()) for label in np.unique(classes)]
    assert max(drawn) - min(drawn) <= 1
    times = np.bincount(rows, minlength=len(classes))
    for label in np.unique(classes):
        assert np.ptp(times[classes == label]) <= 1


def test_balanced_batches():
    """100 examples of 3 classes: 33 or 34 of each, as many batches, others in the next epoch."""
    loader = BatchLoader(rare(), 8, shuffle=True, seed=3, balanced=True)
    seen = []
    for epoch in (0, 1, 0):
        loader.sampler.set_epoch(epoch)
        batches = list(loader)
        assert [len(batch) for batch in batches].count(8) == 12
        assert len(batches) == len(loader) == 13
        labels = flat(batch.target.tolist() for batch in batches)
        assert sorted(labels.count(label) for label in range(3)) == [33, 33, 34]
        seen.append([batch.inputs[:, 0].tolist() for batch in batches])
    assert seen[0] == seen[2] != seen[1]
    often = np.bincount(flat(seen[0]), minlength=100)
    assert often[:90].max() == 1
    assert set(flat(seen[0])) - set(flat(seen[1]))
    assert often[99] in (33, 34)
    other = BatchLoader(rare(), 8, shuffle=True, seed=4, balanced=True)
    assert [batch.inputs[:, 0].tolist() for batch in other] != seen[0]


@pytest.mark.parametrize("done", [0, 5, 12])
def test_balanced_batches_go_on_in_the_middle_of_an_epoch(done):
    def started(epoch):
        loader = BatchLoader(rare(), 8, shuffle=True, seed=3, balanced=True)
        loader.sampler.set_epoch(epoch)
        return loader

    whole = rows(started(2))
    loader = started(2)
    iterator = iter(loader)
    first = [next(iterator).target.tolist() for _ in range(done)]
    again = started(0)
    again.load_state_dict(loader.state_dict())
    assert first + rows(again) == whole


def test_processes_share_balanced_batches():
    parts = [
        BatchLoader(rare(), 4, shuffle=True, seed=3, balanced=True, rank=rank, world_size=2)
        for rank in range(2)
    ]
    one = BatchLoader(rare(), 8, shuffle=True, seed=3, balanced=True)
    assert len(parts[0]) == len(parts[1]) == len(one)
    for a, b, both in zip(*(part.plan() for part in parts), one.plan(), strict=True):
        assert sorted([*a, *b]) == sorted(both)
