"""Spoken digits: who is in which split, and what strings are joined from."""

import tarfile
from io import BytesIO

import numpy as np
import pytest
import soundfile

from rnnlab.data.datasets.fsdd import FSDD, RATE, WORDS
from rnnlab.data.download import fetch
from rnnlab.errors import DataError

SPEAKERS = ("george", "theo")
SPLITS = ("train", "val", "test")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))


def level(digit, speaker, number):
    """Each fake recording is a constant, by which it is known again."""
    return 20 * (30 * digit + 15 * SPEAKERS.index(speaker) + number + 1)


@pytest.fixture
def root(tmp_path):
    """Ten digits, two speakers, fifteen recordings each, of unequal lengths."""
    (tmp_path / "fsdd").mkdir()
    with tarfile.open(tmp_path / "fsdd" / "v1.0.10.tar.gz", "w:gz") as archive:
        for digit in range(10):
            for speaker in SPEAKERS:
                for number in range(15):
                    wave = np.full(800 + 40 * digit, level(digit, speaker, number), np.int16)
                    content = BytesIO()
                    soundfile.write(content, wave, RATE, format="WAV")
                    name = f"recordings/{digit}_{speaker}_{number}.wav"
                    info = tarfile.TarInfo(f"free-spoken-digit-dataset-1.0.10/{name}")
                    info.size = content.tell()
                    content.seek(0)
                    archive.addfile(info, content)
    return tmp_path


def made(root, kind="tokens", **options):
    data = FSDD(root=str(root), **{"train_size": 30, "val_size": 20, "test_size": 20, **options})
    data.use_kind(kind)
    return data


@pytest.mark.parametrize("speaker", [None, "theo"])
def test_single_digits_by_split(root, speaker):
    data = made(root, "label", speaker=speaker)
    sizes = dict(zip(SPLITS, (100, 100, 100) if speaker is None else (100, 50, 150), strict=True))
    own = {}
    for split in SPLITS:
        found, examples = list(data.read(split)), data.examples(split)
        assert len(found) == len(examples) == sizes[split]
        labels = data.spec().target.tokens
        assert [recording.text for recording in found] == [labels[t] for t in examples.target]
        own[split] = {round(float(r.sound.wave[0]) * 2**15) for r in found}
        assert len(own[split]) == sizes[split]
    assert not own["train"] & own["val"] | own["val"] & own["test"] | own["train"] & own["test"]
    held = {level(d, "theo", n) for d in range(10) for n in range(15)}
    official = {level(d, s, n) for d in range(10) for s in SPEAKERS for n in range(5)}
    assert own["test"] == (official if speaker is None else held)


def test_strings_are_joined_from_recordings_of_one_speaker_of_the_split(root, monkeypatch):
    single, data = made(root, "label"), made(root, max_pause=0.1)
    joined = []
    join = FSDD._join

    def spy(self, waves, rng):
        joined.append((waves, join(self, waves, rng)))
        return joined[-1][1]

    monkeypatch.setattr(FSDD, "_join", spy)
    for split in SPLITS:
        own = {round(float(r.sound.wave[0]) * 2**15) for r in single.read(split)}
        joined.clear()
        strings = list(data.read(split))
        assert len(strings) == {"train": 30, "val": 20, "test": 20}[split]
        counts = {len(string.text.split()) for string in strings}
        assert counts <= set(range(1, 8))
        assert len(counts) > 5
        for string, (waves, wave) in zip(strings, joined, strict=True):
            constants = [round(float(each[0]) * 2**15) for each in waves]
            assert own.issuperset(constants)
            places = [divmod(constant // 20 - 1, 15) for constant in constants]
            assert len({pair % 2 for pair, _ in places}) == 1  # one speaker
            assert [WORDS[pair // 2] for pair, _ in places] == string.text.split()
            assert string.sound.wave is wave
            pauses = len(wave) - sum(map(len, waves))
            assert 0 <= pauses <= (len(waves) + 1) * 0.1 * RATE
            at, sums = 0, np.concatenate([[0], np.cumsum(wave, dtype=np.float64)])
            for each in waves:  # in order, apart from the noise
                means = (sums[len(each) :] - sums[: -len(each)]) / len(each)
                at += int(np.flatnonzero(np.abs(means[at:] - each[0]) < 2e-4)[0]) + len(each) - 1


def test_the_same_seed_joins_the_same_strings_for_every_kind_of_target(root):
    letters, digits = made(root), made(root, targets="digits", seed=5)
    said, figures = letters.examples("test").texts, digits.examples("test").texts
    assert said == made(root).examples("test").texts
    assert [[WORDS[int(d)] for d in t.split()] for t in figures] == [t.split() for t in said]
    heard = [data.examples("test").inputs.values for data in (letters, digits)]
    np.testing.assert_array_equal(*heard)
    assert set(digits.spec().target.tokens[4:]) == set("0123456789")
    assert set(letters.spec().target.tokens[4:]) == set("".join(WORDS) + " ")
    assert said != made(root, split_seed=1).examples("test").texts
    assert all(len(t.split()) == 1 for t in made(root, max_digits=1).examples("train").texts)


def test_a_missing_archive_says_where_to_get_it(tmp_path):
    with pytest.raises(
        DataError, match=r"^fsdd: no fsdd/free.* below .*; save https://github.com/.* as fsdd/"
    ):
        made(tmp_path).spec()
    with pytest.raises(DataError, match=r"^fsdd: cannot be downloaded as it is; save https://"):
        fetch("fsdd", FSDD.about, tmp_path)


@pytest.mark.data
def test_the_real_recordings():
    data = FSDD(train_size=10, val_size=10, test_size=50)
    data.use_kind("label")
    for split, size in (("train", 2400), ("val", 300), ("test", 300)):
        examples = data.examples(split)
        assert np.bincount(examples.target).tolist() == [size // 10] * 10
    strings = FSDD(train_size=10, val_size=10, test_size=50)
    assert 1.5 < strings.examples("test").lengths.mean() / 100 < 5
    assert set(" ".join(strings.examples("test").texts).split()) == set(WORDS)
