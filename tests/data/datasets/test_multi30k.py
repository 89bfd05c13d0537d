import gzip
import io
import tarfile

import numpy as np
import pytest

from rnnlab.data.datasets.multi30k import Multi30k
from rnnlab.errors import ConfigError, DataError

RAW = "multi30k/task1/raw"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def write(root, name, content):
    path = root / RAW / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content.encode()))


def pack(root, name, content):
    (root / "multi30k").mkdir(exist_ok=True)
    with tarfile.open(root / "multi30k" / name, "w:gz") as archive:
        for member, text in content.items():
            for prefix, data in (("._", b"\x00\x05\xff"), ("", text.encode())):
                info = tarfile.TarInfo(prefix + member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


def small(root, **options):
    return Multi30k(root=str(root), **{"level": "word"} | options)


def test_tar_balls_with_blank_last_lines_and_apple_double(root):
    pack(root, "training.tar.gz", {"train.de": "ein Hund\n\n", "train.en": "a dog\n\n"})
    pack(root, "validation.tar.gz", {"val.de": "zwei\nHunde\n\n", "val.en": "two\ndogs\n\n"})
    pack(root, "mmt16_task1_test.tar.gz", {"test.de": "ein\n", "test.en": "a\n"})
    data = small(root)
    assert [len(data.examples(split)) for split in ("train", "val", "test")] == [1, 2, 1]
    assert data.examples("val").texts == ["two", "dogs"]
    back = small(root, source="en", target="de")
    assert back.examples("val").texts == ["zwei", "Hunde"]
    assert set(data.checksums()) == {
        "multi30k/training.tar.gz",
        "multi30k/validation.tar.gz",
        "multi30k/mmt16_task1_test.tar.gz",
    }


@pytest.mark.parametrize("options", [{"level": "word"}, {"level": "bpe", "vocab_size": 60}])
def test_both_directions_of_raw_files_have_caches_of_their_own(root, options):
    write(root, "train.de.gz", "ein Hund\n")
    write(root, "train.en.gz", "a dog\n")
    for source, text in (("de", "ein Hund"), ("en", "a dog")):
        target = "en" if source == "de" else "de"
        data = small(root, source=source, target=target, **options)
        ids = data.examples("train").inputs[0]
        tokens = [data.spec().source.tokens[at] for at in ids]
        assert data.spec().source_tokenizer.join(tokens) == text
        assert "<unk>" not in tokens


def test_raw_files_come_before_tar_balls(root):
    pack(root, "training.tar.gz", {"train.de": "alt\n", "train.en": "old\n"})
    write(root, "train.de.gz", "neu\n")
    write(root, "train.en.gz", "new\n")
    assert small(root).examples("train").texts == ["new"]


def test_languages_and_test_set_are_chosen(root):
    for name in ("train", "test_2018_flickr"):
        write(root, f"{name}.fr.gz", f"fr {name}\n")
        write(root, f"{name}.cs.gz", f"cs {name}\n")
    data = small(root, source="fr", target="cs", test="test_2018_flickr")
    assert data.examples("test").texts == ["cs test_2018_flickr"]


def test_what_there_is_not(root):
    with pytest.raises(ConfigError, match=r"^data\.target: 'de' is the source as well$"):
        small(root, target="de")
    with pytest.raises(ConfigError, match=r"^data\.test: test_2017_flickr has no cs"):
        small(root, source="cs", test="test_2017_flickr")
    with pytest.raises(DataError, match=r"train\.de\.gz.*below .*githubusercontent.*train\.de\.gz"):
        small(root).spec()


def test_unequal_line_counts_name_both_files(root):
    write(root, "train.de.gz", "a\nb\nc\n")
    write(root, "train.en.gz", "a\n")
    with pytest.raises(DataError, match=r"train\.de\.gz has 3 lines, .*train\.en\.gz has 1"):
        small(root).spec()


# --- the real corpus


@pytest.fixture(scope="module")
def real(data_root):
    if not (data_root / RAW / "train.de.gz").exists():
        pytest.skip(f"no {RAW}/train.de.gz below {data_root}")
    return Multi30k(root=str(data_root))


@pytest.mark.data
def test_counts(real):
    counts = {split: len(real.examples(split)) for split in ("train", "val", "test")}
    assert counts == dict(real.about.counts)


@pytest.mark.data
def test_texts_are_tidy_and_subwords_join_back_to_them(real):
    spec = real.spec()
    for split in ("train", "val", "test"):
        examples = real.examples(split)
        for row in range(0, len(examples), 97):
            ids = examples.target[row][1:-1]
            text = spec.target_tokenizer.join([spec.target.tokens[at] for at in ids])
            if split == "train":
                assert text == examples.texts[row] == " ".join(examples.texts[row].split())
        assert not [text for text in examples.texts if text != text.strip() or "\u200b" in text]
    # subwords: next to nothing is unknown in the test data
    assert np.mean(real.examples("test").inputs.values == 1) < 0.001


@pytest.mark.data
def test_vocabularies(real, data_root):
    spec = real.spec()
    assert 6_000 < len(spec.source) <= 8_002
    assert 6_000 < len(spec.target) <= 8_004
    again = Multi30k(root=str(data_root)).spec()
    assert again == spec


@pytest.mark.data
def test_words_of_the_training_text(data_root):
    """Counts by blanks, as recorded for these files."""
    data = Multi30k(root=str(data_root), level="word", source="fr", target="en")
    examples = list(data.read("train"))
    assert sum(len(example.source.split()) for example in examples) == 362_021
    assert sum(len(example.target.split()) for example in examples) == 345_020
