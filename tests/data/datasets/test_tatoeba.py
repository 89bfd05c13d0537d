from zipfile import ZipFile

import pytest

from rnnlab.data.datasets.tatoeba import Tatoeba
from rnnlab.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tatoeba").mkdir()
    return tmp_path


def pack(root, text, language="fra"):
    with ZipFile(root / f"tatoeba/{language}-eng.zip", "w") as archive:
        archive.writestr("_about.txt", "terms")
        archive.writestr(f"{language}.txt", text)


def small(root, **options):
    given = {"level": "word", "val_fraction": 0.2, "test_fraction": 0.2}
    return Tatoeba(root=str(root), **given | options)


def test_two_columns_tidied_in_either_direction(root):
    pack(root, "Go.\tVa\u202f!\tCC-BY 2.0\nRun  now!\tCours\u00a0!\n\nGo.\tVa !\n")
    pairs = [pair for split in SPLITS for pair in small(root).read(split)]
    assert sorted((pair.source, pair.target, pair.line) for pair in pairs) == [
        ("Cours !", "Run now!", 2),
        ("Va !", "Go.", 1),  # once: both blanks are the same
    ]
    back = [pair for split in SPLITS for pair in small(root, into_english=False).read(split)]
    assert {(pair.source, pair.target) for pair in back} == {
        ("Go.", "Va !"),
        ("Run now!", "Cours !"),
    }


def test_all_translations_of_a_sentence_stand_in_one_split(root):
    text = "".join(f"Sentence {n}\tPhrase {n} {k}\n" for n in range(400) for k in range(3))
    pack(root, text)
    data = small(root)
    parts = {split: {pair.target for pair in data.read(split)} for split in SPLITS}
    assert sum(len(list(data.read(split))) for split in SPLITS) == 1200
    assert len(set.union(*parts.values())) == sum(map(len, parts.values())) == 400
    assert 50 < len(parts["val"]) < 110
    assert 50 < len(parts["test"]) < 110
    # more sentences leave the others where they are; another seed does not
    pack(root, "New\tNeuf\n" + text)
    assert {pair.target for pair in data.read("test")} - {"New"} == parts["test"]
    assert {pair.target for pair in small(root, split_seed=1).read("test")} != parts["test"]


@pytest.mark.parametrize("level", ["word", "bpe"])
def test_directions_have_caches_of_their_own(root, level):
    pack(root, "".join(f"one {n}\tun {n}\n" for n in range(50)), "deu")
    for into_english in (True, False):
        data = small(root, language="deu", into_english=into_english, level=level, vocab_size=60)
        ids = data.examples("train").inputs[0]
        text = data.spec().source_tokenizer.join([data.spec().source.tokens[at] for at in ids])
        assert text.startswith("un" if into_english else "one")


@pytest.mark.parametrize("line", ["Go.", "Go.\t", "\tVa !", "Go.\t \u00a0"])
def test_a_line_without_a_pair_is_named(root, line):
    pack(root, f"Go.\tVa !\n{line}\n")
    with pytest.raises(DataError, match=r"fra-eng\.zip:fra\.txt:2: not ENGLISH<TAB>TRANSLATION"):
        list(small(root).read("train"))


def test_wrong_fractions_languages_and_files(root):
    with pytest.raises(ConfigError, match=r"^data\.test_fraction: .* leave nothing to train on"):
        small(root, val_fraction=0.5, test_fraction=0.5)
    with pytest.raises(DataError, match=r"no tatoeba/deu-eng\.zip .* data fetch tatoeba"):
        small(root, language="deu").spec()
    with ZipFile(root / "tatoeba/fra-eng.zip", "w") as archive:
        archive.writestr("deu.txt", "Go.\tGeh.\n")
    with pytest.raises(DataError, match=r"fra-eng\.zip: no member fra\.txt"):
        small(root).spec()


@pytest.mark.data
@pytest.mark.parametrize(("language", "sentences"), [("fra", 98_659), ("deu", 135_534)])
def test_counts_of_the_real_pairs(data_root, language, sentences):
    if not (data_root / "tatoeba").is_dir():
        pytest.skip(f"no tatoeba below {data_root}")
    data = Tatoeba(root=str(data_root), language=language)
    found = {split: [pair.target for pair in data.read(split)] for split in SPLITS}
    english = {split: set(targets) for split, targets in found.items()}
    assert sum(map(len, english.values())) == sentences
    assert len(set.union(*english.values())) == sentences
    if language == "fra":
        assert {split: len(targets) for split, targets in found.items()} == data.about.counts
    else:  # no pair is repeated there
        assert sum(map(len, found.values())) == 169_813
