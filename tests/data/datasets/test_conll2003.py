import gzip
import shutil
import time

import numpy as np
import pytest

from rnnlab.data.datasets.conll2003 import CoNLL2003
from rnnlab.data.tag_schemes import bioes_to_iob2
from rnnlab.errors import DataError

IOB1 = "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nUN NNP I-NP B-ORG\n\nParis NNP I-NP I-LOC\n"
IOB2 = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nUN NNP I-NP B-ORG\n\nParis NNP B-NP B-LOC"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "conll2003/iob1").mkdir(parents=True)
    return tmp_path


def tags(data, split="train"):
    names, target = data.spec().target.tokens, data.examples(split).target
    return [[names[at] for at in target[row]] for row in range(len(target))]


@pytest.mark.parametrize(
    "name", ["train.txt", "train.txt.gz", "iob1/eng.train", "iob1/eng.train.gz"]
)
def test_all_packagings_give_iob2(root, name):
    content = (IOB1 if "iob1" in name else IOB2).encode()
    path = root / "conll2003" / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    data = CoNLL2003(root=str(root))
    assert tags(data) == [["B-ORG", "B-ORG"], ["B-LOC"]]
    assert "EU" in data.spec().source
    assert "-DOCSTART-" not in data.spec().source
    assert list(data.checksums()) == [f"conll2003/{name}"]


def test_a_wrong_tag_is_named_and_other_columns_may_be_learnt(root):
    path = root / "conll2003/train.txt"
    path.write_text("EU NNP B-NP B-ORG\nsays VBZ B-VP ORG\n")
    with pytest.raises(DataError, match=r"train\.txt:2: tag 'ORG' is not O"):
        CoNLL2003(root=str(root)).spec()
    assert CoNLL2003(root=str(root), tag_column=1).spec().target.tokens == ("NNP", "VBZ")
    assert tags(CoNLL2003(root=str(root), tag_column=2)) == [["B-NP", "B-VP"]]


def test_a_missing_split_is_named(root):
    (root / "conll2003/train.txt").write_text(IOB2)
    data = CoNLL2003(root=str(root))
    with pytest.raises(DataError, match=r"conll2003/valid\.txt or .*eng\.testa.*synalp"):
        data.examples("val")


# --- the real corpus


@pytest.fixture(scope="module")
def real(data_root):
    if not (data_root / "conll2003/train.txt.gz").exists():
        pytest.skip(f"no conll2003/train.txt.gz below {data_root}")
    return CoNLL2003(root=str(data_root))


@pytest.mark.data
@pytest.mark.parametrize(
    ("split", "sentences", "tokens", "entities"),
    [
        ("train", 14_041, 203_621, (7_140, 3_438, 6_321, 6_600)),
        ("val", 3_250, 51_362, (1_837, 922, 1_341, 1_842)),
        ("test", 3_453, 46_435, (1_668, 702, 1_661, 1_617)),
    ],
)
def test_counts_of_the_shared_task(real, split, sentences, tokens, entities):
    examples = real.examples(split)
    assert len(examples) == sentences == real.about.counts[split]
    assert examples.inputs.values.size == examples.target.values.size == tokens
    names = real.spec().target.tokens
    # in IOB2 every entity has exactly one B-
    counts = np.bincount(examples.target.values, minlength=len(names))
    starts = [counts[names.index(f"B-{kind}")] for kind in ("LOC", "MISC", "ORG", "PER")]
    assert tuple(starts) == entities


@pytest.mark.data
def test_the_original_iob1_files_give_the_same(real, data_root, tmp_path):
    (tmp_path / "conll2003").mkdir()
    shutil.copytree(data_root / "conll2003/iob1", tmp_path / "conll2003/iob1")
    original = CoNLL2003(root=str(tmp_path))
    assert original.spec() == real.spec()
    for split in ("train", "val", "test"):
        one, two = original.examples(split), real.examples(split)
        assert np.array_equal(one.inputs.values, two.inputs.values)
        assert np.array_equal(one.target.values, two.target.values)


@pytest.mark.data
def test_chunks_are_a_task_too(data_root):
    data = CoNLL2003(root=str(data_root), tag_column=2)
    # valid.txt has an I-PRT, train.txt has B-PRT alone
    assert len(data.examples("val")) == 3_250
    assert "B-NP" in data.spec().target


@pytest.mark.data
def test_an_epoch_of_batches_is_quick(real):
    loader = real.train_dataloader()
    seconds = []
    for epoch in range(5):
        loader.sampler.set_epoch(epoch)
        start = time.perf_counter()
        assert sum(batch.tokens for batch in loader) == 203_621
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.15  # 0.04 on an idle machine


@pytest.mark.data
def test_bioes_has_the_same_entities(real, data_root):
    closed = CoNLL2003(root=str(data_root), scheme="bioes")
    names = closed.spec().target.tokens
    for split in ("train", "val", "test"):
        assert np.array_equal(
            closed.examples(split).inputs.values, real.examples(split).inputs.values
        )
        projected = [bioes_to_iob2([names[at]])[0] for at in closed.examples(split).target.values]
        expected = real.spec().target.tokens
        assert projected == [expected[at] for at in real.examples(split).target.values]
