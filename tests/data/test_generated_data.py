"""What the generators promise: the drawn sequences, distinct splits, one seed one data set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.config.files import choices, read_yaml
from rnnlab.config.trust import locate
from rnnlab.data.batch import IGNORE, valid_mask
from rnnlab.data.datasets.adding import Adding
from rnnlab.data.datasets.copying import Copying
from rnnlab.data.datasets.delayed_recall import DelayedRecall
from rnnlab.data.datasets.parity import Parity
from rnnlab.data.datasets.reverse import Reverse
from rnnlab.data.generated_data import GeneratedData, MemoryData
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError, DataError

ALL: list[type[GeneratedData]] = [
    data
    for data in (locate(read_yaml(file)["_target_"]) for file in choices("data").values())
    if issubclass(data, GeneratedData)
]
SPLITS = ("train", "val", "test")
SMALL = {"train_size": 400, "val_size": 60, "test_size": 50}


def make(data: type[GeneratedData], *, lag: int = 20, **options: int) -> GeneratedData:
    """The data set, with that lag where it has one."""
    return data(**options, **({"lag": lag} if issubclass(data, MemoryData) else {}))


MANY = [data for data in ALL if make(data).bits > 20]
"""Those with so many sequences that none is drawn twice."""


def rows(data: GeneratedData, split: str) -> list[bytes]:
    """Every input sequence of a split."""
    inputs = data.examples(split).inputs
    if isinstance(inputs, Ragged):
        return [inputs[i].tobytes() for i in range(len(inputs))]
    return [row.tobytes() for row in inputs]


def words(data: GeneratedData, split: str = "train") -> list[tuple[list[str], list[str]]]:
    """Inputs and targets as text, `.` where there is no target."""
    spec, examples = data.spec(), data.examples(split)
    assert isinstance(spec.source, Vocab)
    assert isinstance(spec.target, Vocab)
    found = []
    for i in range(len(examples)):
        target = examples.target[i]
        found.append(
            (
                [spec.source.tokens[t] for t in examples.inputs[i]],
                ["." if t == IGNORE else spec.target.tokens[t] for t in np.atleast_1d(target)],
            )
        )
    return found


@pytest.mark.parametrize("lag", [1, 2, 7, 50])
def test_delayed_recall_asks_for_the_first_token(lag: int) -> None:
    data = DelayedRecall(lag=lag, **SMALL)
    for inputs, label in words(data):
        assert len(inputs) == data.steps == lag + 1
        assert label == inputs[:1]
        assert set(inputs[:1]) <= set("abcdefgh")
        assert set(inputs[1:]) <= set("01234567")


@pytest.mark.parametrize(("lag", "length"), [(1, 1), (5, 3), (50, 10)])
def test_copying_asks_for_the_string_in_order(lag: int, length: int) -> None:
    data = Copying(lag=lag, length=length, **SMALL)
    for inputs, target in words(data):
        assert len(inputs) == len(target) == data.steps
        assert inputs[length:] == ["_"] * lag + [":"] + ["_"] * length
        assert target == ["."] * (length + lag + 1) + inputs[:length]
        assert set(inputs[:length]) <= set("abcdefgh")


@pytest.mark.parametrize("lag", [1, 2, 9])
def test_parity_is_the_sum_of_the_bits(lag: int) -> None:
    data = Parity(lag=lag, **SMALL)
    for inputs, label in words(data):
        assert len(inputs) == data.steps == lag + 1
        assert label == [["even", "odd"][sum(map(int, inputs)) % 2]]


@pytest.mark.parametrize(("shortest", "longest"), [(1, 1), (6, 6), (5, 9)])
def test_reverse_writes_the_string_backwards(shortest: int, longest: int) -> None:
    data = Reverse(shortest=shortest, longest=longest, **SMALL)
    texts = data.examples("train").texts
    assert texts is not None
    lengths = set()
    for (inputs, target), text in zip(words(data), texts, strict=True):
        assert target == ["<s>", *inputs[::-1], "</s>"]
        assert text.split() == inputs[::-1]
        assert set(inputs) <= set("abcdefghijklmnopqrstuvwxyz")
        lengths.add(len(inputs))
    assert lengths == set(range(shortest, longest + 1))


def test_reverse_needs_lengths_in_order() -> None:
    with pytest.raises(ConfigError, match=r"^data\.longest: 3 is less than data\.shortest, 4$"):
        Reverse(shortest=4, longest=3)


def test_reverse_keeps_its_splits_apart() -> None:
    data = Reverse(**SMALL)
    train, val, test = (set(rows(data, split)) for split in SPLITS)
    assert len(train) == 400
    assert not train & val
    assert not (train | val) & test


@pytest.mark.parametrize("lag", [1, 2, 50])
def test_adding_marks_one_number_in_either_half(lag: int) -> None:
    data = Adding(lag=lag, **SMALL)
    examples = data.examples("train")
    inputs, target = examples.inputs, examples.target
    assert isinstance(inputs, np.ndarray)
    assert isinstance(target, np.ndarray)
    assert inputs.shape == (400, 2 * lag, 2) == (400, data.steps, 2)
    assert inputs.dtype == target.dtype == np.float32
    for row, (total,) in zip(inputs, target, strict=True):
        first, second = np.flatnonzero(row[:, 1])
        assert first < lag <= second
        assert data.steps - 1 - first >= lag  # steps until the read-out
        assert total == row[first, 0] + row[second, 0]
    assert inputs[..., 0].min() >= 0
    assert inputs[..., 0].max() < 1
    assert (inputs[..., 1].sum(axis=1) == 2).all()


def test_marks_reach_both_ends_of_both_halves() -> None:
    marks = Adding(lag=5, **SMALL).examples("train").inputs[..., 1].sum(axis=0)
    assert (marks > 400 / 5 / 2).all()


def test_chance_is_what_ignoring_the_inputs_reaches() -> None:
    sizes = {"train_size": 8000, "val_size": 10, "test_size": 10}
    adding = Adding(lag=10, **sizes)
    mse = float(np.mean((adding.examples("train").target - 1) ** 2))
    assert mse == pytest.approx(adding.chance, abs=0.01)
    assert adding.goal[1] < adding.chance / 2
    for data in (DelayedRecall(lag=10, symbols=5, **sizes), Parity(lag=20, **sizes)):
        counts = np.bincount(data.examples("train").target)
        assert counts.max() / 8000 == pytest.approx(data.chance, abs=0.02)
        assert len(counts) == round(1 / data.chance)
        assert data.goal[1] > data.chance
    copying = Copying(symbols=4, **sizes)
    tags = copying.examples("train").target.values
    assert np.bincount(tags[tags != IGNORE]).max() / 80_000 == pytest.approx(0.25, abs=0.01)
    assert copying.chance == 0.25


@pytest.mark.parametrize("task", MANY)
def test_splits_have_their_sizes_and_share_nothing(task: type[GeneratedData]) -> None:
    data = make(task, **SMALL)
    train, val, test = (set(rows(data, split)) for split in SPLITS)
    assert [len(rows(data, split)) for split in SPLITS] == [400, 60, 50]
    assert not train & val
    assert not train & test
    assert not val & test


def test_collisions_are_drawn_anew() -> None:
    """2^12 sequences, 1000 asked for: independent streams would share some 80."""
    sizes = {"train_size": 700, "val_size": 150, "test_size": 150}
    data = Parity(lag=11, **sizes)
    streams = []
    for key, split in enumerate(SPLITS):
        rng = np.random.default_rng(np.random.SeedSequence(1, spawn_key=(key,)))
        inputs, _ = data.draw(rng, sizes[f"{split}_size"])
        streams.append({row.tobytes() for row in inputs})
    assert streams[0] & (streams[1] | streams[2])  # the case does arise
    assert streams[1] & streams[2]
    train, val, test = (set(rows(data, split)) for split in SPLITS)
    assert test == streams[2]
    assert not val & test
    assert not train & (val | test)
    for inputs, label in words(data):  # a new draw brings its own target
        assert label == [["even", "odd"][sum(map(int, inputs)) % 2]]


def test_a_space_too_small_to_share_out_is_shared() -> None:
    data = Parity(lag=1, **SMALL)
    assert {len(set(rows(data, split))) for split in SPLITS} == {4}


@pytest.mark.parametrize("task", MANY)
def test_a_seed_is_a_data_set(task: type[GeneratedData]) -> None:
    first, same, other = (make(task, seed=seed, **SMALL) for seed in (3, 3, 4))
    for split in SPLITS:
        assert rows(first, split) == rows(same, split)
        assert not set(rows(first, split)) & set(rows(other, split))
    target = first.examples("train").target
    again = same.examples("train").target
    if isinstance(target, Ragged):
        target, again = target.values, again.values
    assert np.array_equal(target, again)


@pytest.mark.parametrize("task", MANY)
def test_the_test_split_does_not_depend_on_the_others(task: type[GeneratedData]) -> None:
    small, large = make(task, **SMALL), make(task, **{**SMALL, "train_size": 800})
    assert rows(small, "test") == rows(large, "test")
    assert rows(small, "val") == rows(large, "val")


@settings(max_examples=30, deadline=None)
@given(
    task=st.sampled_from(ALL),
    lag=st.integers(1, 30),
    batch_size=st.integers(1, 40),
    split=st.sampled_from(SPLITS),
)
def test_batches_hold_every_example_once(
    task: type[GeneratedData], lag: int, batch_size: int, split: str
) -> None:
    data = make(task, lag=lag, train_size=45, val_size=7, test_size=5, batch_size=batch_size)
    spec = data.spec()
    total = 0
    for batch in getattr(data, f"{split}_dataloader")():
        assert batch.inputs.shape[1] == batch.lengths.max() <= data.steps
        if isinstance(data, MemoryData):
            assert (batch.lengths == data.steps).all()
        if isinstance(spec.source, Vocab):
            real = batch.inputs[valid_mask(batch.lengths, batch.inputs.shape[1])]
            assert 2 <= int(real.min()) <= int(real.max()) < len(spec.source)
        else:
            assert batch.inputs.shape[2] == spec.source
        if isinstance(spec.target, Vocab):
            assert int(batch.target.max()) < len(spec.target)
        total += len(batch)
    assert total == data.sizes[split]


@pytest.mark.parametrize("task", ALL)
def test_a_model_takes_another_lag_but_not_another_vocabulary(task: type[GeneratedData]) -> None:
    data = make(task, lag=9, **SMALL)
    data.reuse(Spec.from_dict(make(task, lag=4, seed=2).spec().to_dict()))
    others = [other for other in ALL if other().spec() != task().spec()]
    assert others
    for other in others:
        with pytest.raises(DataError, match="other inputs or targets"):
            data.reuse(other().spec())
    with pytest.raises(DataError, match="other inputs or targets"):
        DelayedRecall(symbols=8).reuse(DelayedRecall(symbols=9).spec())


def test_typed_text_becomes_ids() -> None:
    """`rnnlab predict` reads a sequence as a line of tokens."""
    spec = DelayedRecall().spec()
    assert spec.source_tokenizer is not None
    assert isinstance(spec.source, Vocab)
    assert spec.source.ids(spec.source_tokenizer.split("c 5 0 x")) == [4, 15, 10, 1]
