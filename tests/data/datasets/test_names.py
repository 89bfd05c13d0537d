from collections import Counter

import numpy as np
import pytest

from rnnlab.data.datasets.names import Names, read_surnames
from rnnlab.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Twenty names of each language, padded, repeated; and one that all languages have."""
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "names").mkdir()
    for remote in Names.about.files:
        path = tmp_path / remote.path
        own = [f"{path.stem}{letter}" for letter in "abcdefghijklmnopqrst"]
        path.write_text("\n".join([*own, f"{own[0]} ", "", " Lee", own[1], "Lee"]) + "\n")
    return tmp_path


def split(surnames, name, **options):
    fractions = {"val_fraction": 0.1, "test_fraction": 0.2, "split_seed": 0}
    return Names(**fractions | options).choose(surnames, name)


def test_blanks_and_repeats_are_dropped_but_not_other_languages(root):
    found = list(read_surnames(Names(root=str(root)).files("train")))
    assert len(found) == 18 * 21
    assert Counter(name for name, *_ in found).most_common(2)[0] == ("Lee", 18)
    czech = [each for each in found if each.target[0] == "Czech"]
    assert (czech[0].source, czech[0].line, czech[-1].source, czech[-1].line) == (
        ("Czecha", 1, "Lee", 23)
    )


def test_a_split_takes_its_share_of_every_language_and_no_name_stands_in_two(root):
    surnames = list(read_surnames(Names(root=str(root)).files("train")))
    parts = {name: split(surnames, name) for name in SPLITS}
    assert sorted(each for part in parts.values() for each in part) == sorted(surnames)
    names = {name: {each.source for each in part} for name, part in parts.items()}
    assert not names["train"] & names["val"]
    assert not names["train"] & names["test"]
    assert not names["val"] & names["test"]
    for name, share in (("test", 4), ("val", 2), ("train", 14)):
        counts = Counter(each.target[0] for each in parts[name] if each.source != "Lee")
        assert len(counts) == 18
        # Arabic, the first, counts the name that all have as one of its own
        assert {n for language, n in counts.items() if language != "Arabic"} == {share}


def test_the_split_depends_on_its_seed_alone(root):
    surnames = list(read_surnames(Names(root=str(root)).files("train")))
    assert split(surnames, "test") == split(surnames, "test")
    assert split(surnames, "test") != split(surnames, "test", split_seed=1)
    assert split(surnames, "test", test_fraction=0.0) == []
    one, two = (Names(root=str(root), seed=seed).examples("test") for seed in (1, 2))
    assert np.array_equal(one.inputs.values, two.inputs.values)
    other = Names(root=str(root), split_seed=1).examples("test")
    assert not np.array_equal(one.inputs.values, other.inputs.values)


def test_letters_in_labels_out(root):
    data = Names(root=str(root), min_freq=1)
    spec, train = data.spec(), data.examples("train")
    assert spec.target.tokens[:3] == ("Arabic", "Chinese", "Czech")
    assert len(spec.target) == 18
    spelled = ["".join(spec.source.tokens[i] for i in train.inputs[row]) for row in range(4)]
    assert all(name.startswith("Arabic") for name in spelled)
    assert {len(name) for name in spelled} == {7}
    assert "A" not in Names(root=str(root), min_freq=1, lower=True).spec().source
    assert len(data.checksums()) == 18


def test_fractions_leave_something_to_train_on(root):
    with pytest.raises(ConfigError, match=r"data\.val_fraction=0\.5 leave nothing to train on"):
        Names(root=str(root), val_fraction=0.5, test_fraction=0.5)


def test_a_missing_language_and_an_empty_split_are_named(root):
    with pytest.raises(DataError, match="names: the val split is empty"):
        Names(root=str(root), val_fraction=0.0).examples("val")
    (root / "names/Irish.txt").unlink()
    with pytest.raises(DataError, match=r"no names/Irish\.txt below .* data fetch names"):
        Names(root=str(root)).spec()


# --- the real files


@pytest.mark.data
def test_counts_of_the_real_names(data_root):
    if not (data_root / "names").is_dir():
        pytest.skip(f"no names below {data_root}")
    surnames = list(read_surnames(Names(root=str(data_root)).files("train")))
    assert len(surnames) == 18_012
    languages = Counter(each.target[0] for each in surnames)
    assert languages["Arabic"] == 108  # of 2,000 lines
    owners = Counter(each.source for each in surnames)
    assert len(owners) == 17_450  # 17,455 with blanks at their ends
    assert sum(n > 1 for n in owners.values()) == 469
    data = Names(root=str(data_root))
    for name in SPLITS:
        examples = data.examples(name)
        assert len(examples) == data.about.counts[name]
        shares = np.bincount(examples.target, minlength=18) / len(examples)
        whole = np.array([languages[each] for each in data.spec().target.tokens]) / 18_012
        assert np.abs(shares - whole).max() < 0.02
    assert sum(data.about.counts.values()) == 18_012
