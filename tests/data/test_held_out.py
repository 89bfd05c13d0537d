"""A file that is split here: by content and seed, each class in its share, repeats together."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.datasets.conll_files import CoNLLFiles
from rnnlab.data.datasets.parallel_files import ParallelFiles
from rnnlab.data.datasets.sentiment_files import SentimentFiles
from rnnlab.data.datasets.table_files import TableFiles
from rnnlab.data.datasets.text_files import TextFiles
from rnnlab.data.held_out import contiguous, stratified
from rnnlab.errors import ConfigError, DataError

SHARES = st.tuples(st.floats(0, 0.45), st.floats(0, 0.45))
KEYS = st.lists(st.tuples(st.text("abc", max_size=3), st.sampled_from("xyz")), max_size=80)


@settings(max_examples=60, deadline=None)
@given(KEYS, SHARES, st.integers(0, 2**32 - 1), st.randoms())
def test_properties_of_any_split(keys, shares, seed, random):
    sides = stratified(keys, shares, seed)
    placed = {}
    for (content, _), side in zip(keys, sides.tolist(), strict=True):
        assert placed.setdefault(content, side) == side
    first = {}
    for content, label in keys:
        first[content] = min(label, first.get(content, label))
    for label in set(first.values()):  # each class stays in training
        assert any(placed[content] == 0 for content in placed if first[content] == label)
    shuffled = random.sample(keys, len(keys))  # the order of the file decides nothing
    again = stratified(shuffled, shares, seed)
    assert {c: s for (c, _), s in zip(shuffled, again.tolist(), strict=True)} == placed


def test_each_class_in_its_share_and_the_whole_exact():
    keys = [(f"text {n}", "abc"[min(n % 10, 2)]) for n in range(1000)]  # 100, 100, 800
    sides = stratified(keys, (0.1, 0.2), seed=3)
    counts = Counter(zip((label for _, label in keys), sides.tolist(), strict=True))
    assert [counts[label, 1] for label in "abc"] == [10, 10, 80]
    assert [counts[label, 2] for label in "abc"] == [20, 20, 160]
    assert (stratified(keys, (0.1, 0.2), seed=4) != sides).any()
    # of 40 classes with three texts each the rounding of one is owed to the next
    rare = [(f"{n}", f"{n % 40}") for n in range(120)]
    assert abs((stratified(rare, (0.1, 0.1), seed=0) == 1).sum() - 12) <= 1
    # validation stays what it is where the test has a file of its own
    assert np.array_equal(stratified(keys, (0.1, 0.0), 3) == 1, sides == 1)


def test_pieces_of_a_text_are_contiguous():
    sides = contiguous([10] * 10, (0.2, 0.1))
    assert sides.tolist() == [0] * 7 + [1] * 2 + [2]
    assert contiguous([], (0.1, 0.1)).tolist() == []


SPLIT = (0.6, 0.2, 0.2)


def test_a_table_is_split_once_for_all(tmp_path):
    path = tmp_path / "a.tsv"
    texts = [f"text number {n}" for n in range(100)] * 2
    path.write_text("".join(f"{text}\t{'ab'[n % 2]}\n" for n, text in enumerate(texts)))
    data = SentimentFiles(train=str(path), split=SPLIT)
    found = {s: [e.source for e in data.read(s)] for s in ("train", "val", "test")}
    assert {s: len(t) for s, t in found.items()} == {"train": 120, "val": 40, "test": 40}
    assert not set(found["train"]) & set(found["val"]) | set(found["val"]) & set(found["test"])
    assert [len(data.examples(s)) for s in found] == [120, 40, 40]
    assert any("is split here: train 120, val 40, test 40 (" in r for r in data.remarks())
    # a trained model that is evaluated sees the same test, and any other file whole
    again = SentimentFiles(train=str(path), split=SPLIT, level="char")
    again_of = [e.source for e in again.read("test")]
    assert again_of == found["test"]
    other = SentimentFiles(train=str(path), split=SPLIT, test=str(path))
    assert len([*other.read("test")]) == 200
    assert [e.source for e in other.read("val")] == found["val"]
    table = tmp_path / "a.csv"
    table.write_text("text,label\n" + "".join(f"{t},{'ab'[n % 2]}\n" for n, t in enumerate(texts)))
    same = TableFiles(train=str(table), split=SPLIT)
    assert [e.source for e in same.read("test")] == found["test"]


def test_subwords_are_learnt_from_the_training_part_alone(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"aaaa{'bcdefghij'[n % 9] * 4} {n}\t{n % 2}\n" for n in range(60)))
    data = SentimentFiles(train=str(path), split=SPLIT, level="bpe", vocab_size=300)
    seen = "".join(e.source for e in data.read("train"))
    assert all(set(token) <= set(seen + "▁Ġ") | set("</s>") or len(token) < 4
               for token in data.spec().source_tokenizer.subwords)  # fmt: skip
    assert data.examples("test").lengths.min() > 0


def test_sentences_pairs_and_texts_are_split(tmp_path):
    conll = tmp_path / "a.conll"
    conll.write_text("".join(f"w{n} B-X\nis O\n\n" for n in range(50)))
    found = CoNLLFiles(train=str(conll), split=SPLIT)
    assert [len(found.examples(s)) for s in ("train", "val", "test")] == [30, 10, 10]
    for side in ("de", "en"):
        (tmp_path / side).write_text("".join(f"{side} {n}\n" for n in range(50)))
    pairs = ParallelFiles(
        train=(str(tmp_path / "de"), str(tmp_path / "en")), split=SPLIT, level="word"
    )
    for split, size in (("train", 30), ("val", 10), ("test", 10)):
        read = [*pairs.read(split)]
        assert len(read) == size
        assert all(e.source[2:] == e.target[2:] for e in read)
    text = tmp_path / "a.txt"
    text.write_text("".join(f"line {n:3}\n" for n in range(100)))
    stream = TextFiles(train=str(text), split=SPLIT, level="word")
    assert [e.source for e in stream.read("val")] == [f"line {n:3}" for n in range(60, 80)]
    assert [len(stream.tokens(s)[0]) for s in ("train", "val", "test")] == [180, 60, 60]


def test_recordings_are_split_by_what_they_hold(tmp_path):
    pytest.importorskip("soundfile")
    import soundfile

    from rnnlab.data.datasets.audio_files import AudioFiles

    rng, lines = np.random.default_rng(0), []
    for n in range(20):
        soundfile.write(tmp_path / f"{n}.wav", rng.normal(size=800).astype("f4") / 9, 8000)
        lines += [f"{n}.wav\t{'ab'[n % 2]}", f"{n}.wav\t{'ab'[n % 2]}"]
    (tmp_path / "list.tsv").write_text("\n".join(lines))
    data = AudioFiles(train=str(tmp_path / "list.tsv"), split=SPLIT, sample_rate=8000)
    data.use_kind("label")
    found = {s: [r.place for r in data.read(s)] for s in ("train", "val", "test")}
    assert {s: len(p) for s, p in found.items()} == {"train": 24, "val": 8, "test": 8}
    counts = Counter(r.text for r in data.read("test"))
    assert counts == {"a": 4, "b": 4}


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.2), (0.0, 0.5, 0.5), (0.5, 0.1, 0.1)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ConfigError, match=r"^data\.split: .* a sum of 1"):
        TableFiles(split=shares)


def test_a_missing_file_can_be_held_out(tmp_path):
    with pytest.raises(ConfigError, match=r"^data\.val: not given; .*data\.split=\[0\.8,0"):
        TableFiles(train="a.csv").place("val")
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb,y\n")
    data = TableFiles(train=str(path), split=SPLIT)
    with pytest.raises(DataError, match="the val split is empty"):
        data.examples("val")
