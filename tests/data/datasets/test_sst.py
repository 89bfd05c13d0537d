from zipfile import ZipFile

import numpy as np
import pytest

from rnnlab.data.datasets.sst import SST
from rnnlab.data.formats.trees import nodes
from rnnlab.data.reading import lines
from rnnlab.errors import DataError

TRAIN = """\
(3 (2 It) (4 (3 works) (2 .)))
(0 (1 (2 -LRB-) (1 (2 No) (2 -RRB-))) (0 Bad\\/awful))
(2 (2 It) (2 is))
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def pack(root, **texts):
    (root / "sst").mkdir(exist_ok=True)
    with ZipFile(root / "sst/trainDevTestTrees_PTB.zip", "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"trees/{name}.txt", text)


def read(data, split="train"):
    return [(" ".join(each.source), each.target[0]) for each in data.read(split)]


def test_nodes_by_hand():
    found = [(label, " ".join(words)) for label, words in nodes("(3 (2 It) (4 (3 a) (2 b)))", "x")]
    assert found == [("2", "It"), ("3", "a"), ("2", "b"), ("4", "a b"), ("3", "It a b")]


def test_broken_trees():
    for tree in (
        *("", "(", ")", "(3)", "(3 (2 a)", "(3 a))", "((2 a))", "(3 a) (3 b)", "a (3 b)"),
        *("(3 ())", "3"),
    ):
        with pytest.raises(DataError, match=r"^f:7: "):
            list(nodes(tree, "f:7"))


def test_sentences_with_five_labels_or_two(root):
    pack(root, train=TRAIN, dev="(4 Good)\n(2 (2 So) (2 so))\n")
    assert read(SST(root=str(root), lower=False)) == [
        ("It works .", "positive"),
        ("( No ) Bad/awful", "very negative"),
        ("It is", "neutral"),
    ]
    binary = SST(root=str(root), fine=False)
    assert read(binary) == [("it works .", "positive"), ("( no ) bad/awful", "negative")]
    assert read(binary, "val") == [("good", "positive")]
    assert binary.spec().target.tokens == ("negative", "positive")


def test_phrases_are_for_training_alone_and_come_once(root):
    pack(root, train=TRAIN, dev="(4 (3 Good) (2 film))\n")
    data = SST(root=str(root), phrases=True)
    phrases = read(data)
    assert len(phrases) == len(set(phrases)) == 14  # "It" stands twice
    assert ("works .", "very positive") in phrases
    assert ("( no )", "negative") in phrases
    assert read(data, "val") == [("good film", "very positive")]
    labels = {label for _, label in read(SST(root=str(root), phrases=True, fine=False))}
    assert labels == {"negative", "positive"}


def test_each_choice_has_a_cache_of_its_own(root):
    pack(root, train=TRAIN)
    sizes = [
        len(SST(root=str(root), fine=fine, phrases=phrases).examples("train"))
        for fine in (True, False)
        for phrases in (True, False)
    ]
    assert sizes == [14, 3, 7, 2]


def test_wrong_labels_and_missing_files_are_named(root):
    with pytest.raises(DataError, match=r"no sst/trainDev.* data fetch sst"):
        SST(root=str(root)).spec()
    pack(root, train="(3 a)\n(7 b)\n")
    with pytest.raises(DataError, match=r"trees/train\.txt:2: label '7' is not one of 0 to 4"):
        SST(root=str(root)).spec()
    with pytest.raises(DataError, match=r"PTB\.zip: no member trees/dev\.txt"):
        list(SST(root=str(root)).read("val"))
    path = root / "sst/trainDevTestTrees_PTB.zip"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="truncated or damaged"):
        list(SST(root=str(root)).read("train"))


def test_the_unpacked_trees_are_read_too(root):
    (root / "sst/trees").mkdir(parents=True)
    (root / "sst/trees/train.txt").write_text(TRAIN)
    assert len(SST(root=str(root)).examples("train")) == 3


# --- the real treebank


@pytest.fixture(scope="module")
def real(data_root):
    if not (data_root / "sst").is_dir():
        pytest.skip(f"no sst below {data_root}")
    return data_root


@pytest.mark.data
@pytest.mark.parametrize(
    ("split", "labels", "tokens", "phrases"),
    [
        ("train", (1_092, 2_218, 1_624, 2_322, 1_288), 163_563, 318_582),
        ("val", (139, 289, 229, 279, 165), 21_274, 41_447),
        ("test", (279, 633, 389, 510, 399), 42_405, 82_600),
    ],
)
def test_counts_of_the_real_treebank(real, split, labels, tokens, phrases):
    data = SST(root=str(real))
    examples = data.examples(split)
    assert len(examples) == sum(labels) == data.about.counts[split]
    order = ["very negative", "negative", "neutral", "positive", "very positive"]
    counts = np.bincount(examples.target)
    assert tuple(counts[data.spec().target.id(label)] for label in order) == labels
    assert examples.inputs.values.size == tokens
    (path,) = data.files(split)
    member = {"train": "train", "val": "dev", "test": "test"}[split]
    trees = lines(path, f"trees/{member}.txt")
    assert sum(len(list(nodes(tree, str(number)))) for number, tree in trees) == phrases


@pytest.mark.data
def test_two_labels_of_the_real_treebank(real):
    data = SST(root=str(real), fine=False)
    sizes = [len(data.examples(split)) for split in ("train", "val", "test")]
    assert sizes == [6_920, 872, 1_821]
