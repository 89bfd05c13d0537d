"""Recordings of the user's own: what is read, and what is said of those that cannot be."""

import gzip
import sys

import numpy as np
import pytest
import soundfile
import torch

from rnnlab.data.datasets.audio_files import AudioFiles
from rnnlab.errors import ConfigError, DataError
from sounds import RATE, corpus, save, tones


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))


def data(folder, **options):
    files = {split: str(folder / f"{split}.tsv") for split in ("train", "val", "test")}
    return AudioFiles(**{"sample_rate": RATE, **files, **options})


def test_features_and_letters(tmp_path):
    corpus(tmp_path)
    made = data(tmp_path)
    spec, examples = made.spec(), made.examples("train")
    assert spec.source == 40
    assert spec.target.tokens == ("<pad>", "<unk>", "<s>", "</s>", "b", " ", "a")
    assert spec.target_tokenizer.join(["b", " ", "a"]) == "b a"
    assert examples.texts == ["a", "b", "a b", "b a b"] * 2
    log_mels = spec.audio.log_mels(soundfile.read(tmp_path / "wavs/train3.wav")[0], RATE)
    batch = examples.batch(np.array([3, 0]))
    assert batch.lengths.tolist() == [len(log_mels), 8]
    np.testing.assert_allclose(batch.inputs[0], spec.audio.normalize(log_mels), atol=1e-4)
    assert not batch.inputs[1, 8:].any()
    assert batch.target[0].tolist() == [2, *spec.target.ids("b a b"), 3]
    assert batch.target_lengths.tolist() == [7, 3]
    values = examples.inputs.values
    np.testing.assert_allclose(spec.audio.mean, values.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(spec.audio.std, values.std(axis=0), rtol=1e-3)


def test_words_or_labels(tmp_path):
    corpus(tmp_path)
    words = data(tmp_path, level="word")
    assert words.spec().target.tokens[4:] == ("b", "a")
    assert words.examples("val").target[3].tolist() == [2, 4, 5, 4, 3]
    labels = data(tmp_path)
    labels.use_kind("label")
    assert labels.spec().target.tokens == ("a", "a b", "b", "b a b")
    assert labels.spec().kind == "label"
    assert labels.examples("test").target.tolist() == [0, 2, 1, 3] * 2


def test_a_trained_model_keeps_its_features_and_letters(tmp_path):
    corpus(tmp_path)
    spec = data(tmp_path, num_mels=20, normalization="utterance").spec()
    other = data(tmp_path, train=None)
    other.reuse(spec)
    assert other.spec() is spec
    assert other.examples("test").batch(np.arange(2)).inputs.shape[2] == 20


def test_rates_channels_and_formats_are_taken_as_they_come(tmp_path):
    corpus(tmp_path)
    expected = data(tmp_path).examples("train").batch(np.array([3]))
    wave = tones("b a b", 16_000, seed=3)
    both = np.stack([wave, 0 * wave], axis=1)
    soundfile.write(tmp_path / "wavs/train3.wav", both * 0.9, 16_000, subtype="PCM_24")
    soundfile.write(tmp_path / "wavs/train0.flac", tones("a"), RATE)
    table = (tmp_path / "train.tsv").read_text().replace("train0.wav", "train0.flac")
    with gzip.open(tmp_path / "train.tsv.gz", "wt") as stream:
        stream.write(f"\n  \n{table}".replace("\tb a b", "\t B  a B "))
    made = data(tmp_path, train=str(tmp_path / "train.tsv.gz"))
    assert made.examples("train").texts == ["a", "b", "a b", "b a b"] * 2
    found = made.examples("train").batch(np.array([3]))
    assert found.inputs.shape == expected.inputs.shape
    assert made.remarks()[:2] == [
        "1 of 8 train recordings have several channels: their mean is taken",
        "1 of 8 train recordings are resampled from 16,000 to 8,000 Hz",
    ]
    cased = data(tmp_path, train=str(tmp_path / "train.tsv.gz"), lower=False)
    assert cased.examples("train").texts[3] == "B a B"


def test_training_recordings_at_three_speeds(tmp_path):
    corpus(tmp_path)
    plain, three = data(tmp_path), data(tmp_path, speed_perturbation=True)
    frames = plain.examples("train").lengths
    assert three.examples("train").texts[::3] == plain.examples("train").texts
    length = 4000, 4445, 3637  # samples of the fourth at 1, 0.9 and 1.1 times the speed
    expected = [1 + (samples - 200) // 80 for samples in length]
    assert three.examples("train").lengths[9:12].tolist() == expected
    assert three.examples("train").lengths[::3].tolist() == frames.tolist()
    assert len(three.examples("val")) == len(plain.examples("val"))


def test_the_first_epoch_is_read_by_length_and_masks_come_with_the_epoch(tmp_path):
    corpus(tmp_path, ("a", "a b a", "a b", "a b a b a"), size=40)
    made = data(tmp_path, batch_size=4, time_masks=1, mel_masks=1, mask_from_epoch=1)
    loader, plain = made.train_dataloader(), made.examples("train")
    epochs = []
    for epoch in (0, 1, 1):
        loader.set_epoch(epoch)
        epochs.append(list(loader))
        rows = zip(loader.plan(), epochs[-1], strict=True)
        same = [torch.equal(batch.inputs, plain.batch(row).inputs) for row, batch in rows]
        assert all(same) == (epoch == 0)
    longest = [[int(batch.lengths.max()) for batch in epoch] for epoch in epochs]
    assert longest[0] == sorted(longest[0])
    assert longest[1] != sorted(longest[1])
    for one, other in zip(*epochs[1:], strict=True):
        assert torch.equal(one.inputs, other.inputs)
    evaluated = made.val_dataloader()
    for row, batch in zip(evaluated.plan(), evaluated, strict=True):
        assert torch.equal(batch.inputs, made.examples("val").batch(row).inputs)


def test_changed_recordings_are_read_again(tmp_path):
    corpus(tmp_path)
    before = data(tmp_path)
    first, sums = before.examples("val").inputs.values, before.checksums_of("val")
    assert [name.startswith("recordings of") for name in sums] == [False, True]
    save(tmp_path / "wavs/val0.wav", "b")
    after = data(tmp_path)
    assert after.checksums_of("val") != sums
    assert not np.array_equal(after.examples("val").inputs.values, first)


def broken(folder, name):
    path = folder / name
    if name == "empty.wav":
        path.write_bytes(b"")
    elif name == "text.wav":
        path.write_text("no sound")
    elif name == "cut.flac":
        soundfile.write(path, tones("a b a"), RATE)
        path.write_bytes(path.read_bytes()[:40])
    elif name == "nothing.wav":
        soundfile.write(path, np.zeros(0, np.float32), RATE)
    elif name == "nan.wav":
        soundfile.write(path, np.full(2000, np.nan, np.float32), RATE, subtype="FLOAT")
    elif name == "click.wav":
        soundfile.write(path, np.zeros(150, np.float32), RATE)
    elif name == "folder.wav":
        path.mkdir()
    elif name == "long.wav":
        soundfile.write(path, np.zeros(3 * RATE, np.float32), RATE)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("gone.wav\ta", "{0}/gone.wav: no such file"),
        ("folder.wav\ta", "{0}/folder.wav: no file"),
        ("empty.wav\ta", "{0}/empty.wav: an empty file"),
        ("nothing.wav\ta", "{0}/nothing.wav: a sound file without samples"),
        ("nan.wav\ta", "{0}/nan.wav: a sample is not a finite number"),
        ("click.wav\ta", "0.019 s, shorter than a frame of 25 ms"),
        ("long.wav\ta", "{0}/long.wav: 3.0 s, longer than data.max_seconds=2"),
        ("wavs/train0.wav", "not PATH<TAB>TRANSCRIPT, one of each"),
        ("wavs/train0.wav\t ", "not PATH<TAB>TRANSCRIPT, one of each"),
        ("wavs/train0.wav\ta\tb", "not PATH<TAB>TRANSCRIPT, one of each"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, row, message):
    corpus(tmp_path)
    broken(tmp_path, row.split("\t")[0])
    table = tmp_path / "train.tsv"
    table.write_text(f"{table.read_text()}{row}\n")
    with pytest.raises(DataError) as error:
        data(tmp_path, max_seconds=2.0).spec()
    assert str(error.value) == f"{table}:9: {message.format(tmp_path)}"


@pytest.mark.parametrize("name", ["text.wav", "cut.flac"])
def test_what_is_no_sound_is_named(tmp_path, name):
    corpus(tmp_path)
    broken(tmp_path, name)
    (tmp_path / "train.tsv").write_text(f"{name}\ta\n")
    with pytest.raises(DataError) as error:
        data(tmp_path).spec()
    place = f"{tmp_path}/train.tsv:1: {tmp_path}/{name}: no sound file that can be read ("
    assert str(error.value).startswith(place)
    assert "\n" not in str(error.value)


def test_an_unseen_label_and_an_empty_split_are_named(tmp_path):
    corpus(tmp_path)
    table = tmp_path / "val.tsv"
    table.write_text("wavs/val0.wav\tzzz\n")
    labels = data(tmp_path)
    labels.use_kind("label")
    with pytest.raises(DataError, match=r"val\.tsv:1: unseen label 'zzz'; .* a, a b, b, b a b$"):
        labels.examples("val")
    table.write_text("\n")
    with pytest.raises(DataError, match=r"^audio_files: the val split is empty$"):
        data(tmp_path).examples("val")


def test_examples_know_where_they_stand(tmp_path):
    corpus(tmp_path)
    table = tmp_path / "train.tsv"
    table.write_text("wavs/train0.wav\tab\n\nwavs/train1.wav\taa\n")
    assert data(tmp_path).examples("train").places == [f"{table}:1", f"{table}:3"]


@pytest.mark.parametrize("package", ["soundfile", "scipy"])
def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch, package):
    corpus(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    if package == "scipy":
        monkeypatch.setitem(sys.modules, "scipy.signal", None)
    message = rf"^sound files: {package} is missing; pip install 'rnnlab\[speech\]'$"
    for use in (data(tmp_path).dry_spec, data(tmp_path).spec):  # `rnnlab check` and a run
        with pytest.raises(ConfigError, match=message):
            use()
