"""Reviews as one text: the same words and validation texts as with labels, and nothing else."""

import io
import tarfile

import numpy as np
import pytest

from rnnlab.data.datasets.imdb import IMDb, IMDbText
from rnnlab.data.stream_data import EOS
from rnnlab.errors import DataError

LABELLED = {
    f"aclImdb/train/{('neg', 'pos')[n % 2]}/{n}_1.txt": f"Film number{n % 30}, <br />fine"
    for n in range(40)  # ten texts stand twice
} | {"aclImdb/test/neg/0_1.txt": "an awful end", "aclImdb/test/pos/1_9.txt": "fine"}
UNLABELLED = {
    f"aclImdb/train/unsup/{n}_0.txt": f"film number{n}, fine"
    for n in range(20, 50)  # ten of them have a label elsewhere
}


def pack(path, tree):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in tree.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))


def unpack(root, tree):
    for name, text in tree.items():
        path = root / "imdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    pack(tmp_path / "imdb/aclImdb_v1-labelled.tar.gz", LABELLED)
    pack(tmp_path / "imdb/aclImdb_v1-unsup.tar.gz", UNLABELLED)
    return tmp_path


def small(root, **options):
    return IMDbText(root=str(root), **{"min_freq": 1, "val_fraction": 0.3} | options)


def words(data, split):
    tokens, ids = data.spec().source.tokens, data.examples(split).inputs
    return " ".join(tokens[at] for at in ids)


def reviews(data, split):
    return [one.strip() for one in words(data, split).split(EOS)[:-1]]


def raw(data, split):
    """Texts of a split, the words that are in no training review among them."""
    part, rows = data.holds(split)
    coded = data.encoded(part).select(rows)
    return [
        " ".join(coded.source_types[at] for at in coded.source[row]) for row in range(len(coded))
    ]


def test_subwords_have_the_validation_reviews_of_words(root):
    """They are learnt from the training reviews, whose texts are in no other split."""
    words = small(root, unlabelled=True)
    made = small(root, unlabelled=True, level="bpe", vocab_size=300)
    assert (made.holds("val")[1] == words.holds("val")[1]).all()
    learnt = list(made.training_texts())
    assert len(learnt) == len(words.holds("train")[1])
    assert not any("<br" in text for text in learnt)
    tokens = made.spec().source_vocab.tokens
    text = made.tokenizers()[0].join([tokens[at] for at in made.examples("val").inputs])
    assert text.count("\n") == len(words.holds("val")[1])
    assert not set(text.split("\n")[:-1]) & {one.lower() for one in learnt}
    plain, started = (
        IMDb(root=str(root), min_freq=1, val_fraction=0.3, max_length=40) for _ in range(2)
    )
    started.start_from(made.spec())  # as encoder.init_from does
    assert (started.holds("val")[1] == plain.holds("val")[1]).all()
    assert started.spec().source == made.spec().source
    assert started.spec().source_tokenizer == made.spec().source_tokenizer
    assert started.examples("val").inputs.lengths.sum() > plain.examples("val").inputs.lengths.sum()


def test_every_review_ends_with_its_token(root):
    data = small(root, val_fraction=0.0)
    assert reviews(data, "train") == [f"film number{n % 30} , fine" for n in range(40)]
    assert words(data, "train").endswith(f"fine {EOS}")
    part = data.examples("train")
    assert (part.inputs == part.target).all()
    assert words(data, "test") == f"<unk> <unk> <unk> {EOS} fine {EOS}"
    spec = data.spec()
    assert spec.kind == "next"
    assert spec.source.tokens[2:6] == (",", EOS, "film", "fine")
    assert spec.max_length is None


def test_unlabelled_reviews_come_behind_and_share_no_text_with_validation(root):
    known = small(root, unlabelled=True)
    train, val = raw(known, "train"), raw(known, "val")
    assert sorted(set(train) | set(val)) == sorted(f"film number{n} , fine" for n in range(50))
    assert not set(train) & set(val)
    hidden = {f"film number{n} , fine" for n in range(20, 50)}
    assert train[-len(hidden - set(val)) :] == sorted(hidden - set(val))
    assert hidden & set(val)  # left out
    assert reviews(known, "train") == train
    # no unlabelled review is held out, and the choice does not depend on them
    assert val == raw(small(root), "val")


def test_validation_texts_are_those_of_the_labelled_data(root):
    labelled = IMDb(root=str(root), min_freq=1, val_fraction=0.3)
    text = small(root, unlabelled=True)
    assert raw(labelled, "val") == raw(text, "val")
    assert len(raw(text, "val")) >= 9
    other = small(root, split_seed=1)
    assert raw(other, "val") != raw(text, "val")


def test_training_reviews_are_cut_before_their_end(root):
    data = small(root, max_length=2, val_fraction=0.0)
    assert reviews(data, "train") == [f"film number{n % 30}" for n in range(40)]
    assert words(data, "test") == f"<unk> <unk> <unk> {EOS} <unk> {EOS}"
    assert data.spec().source.tokens[2:4] == (EOS, "film")


def test_every_packaging_gives_the_same_text(root, tmp_path):
    wanted = small(root, unlabelled=True)
    pack(tmp_path / "whole/imdb/aclImdb_v1.tar.gz", LABELLED | UNLABELLED)
    unpack(tmp_path / "folder", LABELLED | UNLABELLED)
    pack(tmp_path / "mixed/imdb/aclImdb_v1-labelled.tar.gz", LABELLED)
    unpack(tmp_path / "mixed", UNLABELLED)
    for name in ("whole", "folder", "mixed"):
        data = small(tmp_path / name, unlabelled=True)
        assert sorted(reviews(data, "train")) == sorted(reviews(wanted, "train"))
        assert sorted(reviews(data, "val")) == sorted(reviews(wanted, "val"))
        without = small(tmp_path / name)  # the same files, another cache
        assert len(without.examples("train")) < len(data.examples("train"))
    folders = small(tmp_path / "folder", unlabelled=True)
    folders.spec()
    assert set(folders.checksums()) == {f"imdb/aclImdb/train/{n}" for n in ("neg", "pos", "unsup")}
    wanted.spec()
    assert set(wanted.checksums()) == {
        "imdb/aclImdb_v1-labelled.tar.gz",
        "imdb/aclImdb_v1-unsup.tar.gz",
    }


def test_the_test_reviews_are_not_read_for_training(root):
    """They could not be: here they are damaged."""
    tree = {k: v for k, v in (LABELLED | UNLABELLED).items() if "/train/" in k}
    unpack(root / "damaged", tree)
    bad = root / "damaged/imdb/aclImdb/test/neg"
    bad.mkdir(parents=True)
    (bad / "0_1.txt").write_bytes(b"\xff")
    data = small(root / "damaged", unlabelled=True)
    assert len(data.examples("train")) + len(data.examples("val")) > 0
    with pytest.raises(DataError):
        data.examples("test")


def test_missing_unlabelled_reviews_are_one_line(root):
    (root / "imdb/aclImdb_v1-unsup.tar.gz").unlink()
    assert len(small(root).examples("train")) > 0
    with pytest.raises(DataError) as error:
        small(root, unlabelled=True).spec()
    for part in ("imdb_text: no", "aclImdb_v1-unsup.tar.gz", "aclImdb/train/unsup", "data fetch"):
        assert part in str(error.value)


def test_an_archive_without_unlabelled_reviews_is_one_line(root):
    pack(root / "imdb/aclImdb_v1-unsup.tar.gz", {"aclImdb/README": ""})
    with pytest.raises(DataError, match=r"unsup\.tar\.gz: no reviews in train/unsup"):
        small(root, unlabelled=True).spec()


@pytest.mark.data
def test_the_real_text(data_root):
    if not (data_root / "imdb/aclImdb_v1-unsup.tar.gz").exists():
        pytest.skip("no unlabelled reviews")
    data = IMDbText(root=str(data_root), unlabelled=True)
    assert len(data.encoded("train")) == 75_000
    assert len(data.spec().source) == 30_002
    train, val = (data.examples(split).inputs for split in ("train", "val"))
    assert 19_600_000 < len(train) < 19_700_000
    end = data.spec().source.id(EOS)
    assert (val == end).sum() == 2_496
    labelled = IMDb(root=str(data_root))
    assert np.array_equal(
        np.sort(data.encoded("train").digest[data.holds("val")[1]]),
        np.sort(labelled.encoded("train").digest[labelled.holds("val")[1]]),
    )


def test_its_sentences_are_the_reviews(root):
    data = small(root)
    sentences, types = data.sentences("train")
    texts = [" ".join(types[at] for at in sentences[row]) for row in range(len(sentences))]
    assert " ".join(texts) == words(data, "train")
    assert all(text.count(EOS) == 1 and text.endswith(EOS) for text in texts)
