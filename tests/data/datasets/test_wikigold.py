import json

import pytest

from rnnlab.data.datasets.wikigold import WikiGold
from rnnlab.errors import DataError
from tiny import call, refused

TEXT = "-DOCSTART- O\n\nAnn I-PER\nSmith I-PER\nsaw O\nRome I-LOC\n\nBob I-PER\nleft O\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RNNLAB_DATA", str(tmp_path))
    (tmp_path / "wikigold").mkdir()
    (tmp_path / "wikigold/wikigold.conll.txt").write_text(TEXT)
    return tmp_path


def test_it_tests_what_was_trained_elsewhere(root, tiny_run, capsys):
    said = call(capsys, "evaluate", f"checkpoint={tiny_run('ner').folder}", "data=wikigold")
    assert said.code == 0, said.err
    assert {"f1", "f1_PER", "f1_LOC"} <= json.loads(said.out)["test"].keys()


def test_entities_become_iob2(root, tiny_run):
    data = WikiGold(root=str(root))
    assert [list(each.target) for each in data.read("test")] == [
        ["B-PER", "I-PER", "O", "B-LOC"],
        ["B-PER", "O"],
    ]
    closed = WikiGold(root=str(root), scheme="bioes")
    assert list(next(closed.read("test")).target) == ["B-PER", "E-PER", "O", "S-LOC"]


def test_it_is_not_to_be_trained_on(root, capsys):
    said = refused(call(capsys, "train", "task=ner", "data=wikigold", "hydra.run.dir=x"))
    assert said.startswith("wikigold is a test set, it has no train split: train on another")
    assert "rnnlab evaluate checkpoint=RUN data=wikigold" in said
    with pytest.raises(DataError, match="no val split"):
        WikiGold(root=str(root)).files("val")


@pytest.mark.data
def test_counts_of_the_real_corpus(data_root):
    if not (data_root / "wikigold").is_dir():
        pytest.skip(f"no wikigold below {data_root}")
    data = WikiGold(root=str(data_root))
    examples = list(data.read("test"))
    assert len(examples) == 1_696 == data.about.counts["test"]
    tags = [tag for each in examples for tag in each.target]
    assert len(tags) == 39_007
    counts = {kind: tags.count(f"B-{kind}") for kind in ("LOC", "MISC", "ORG", "PER")}
    assert counts == {"LOC": 1_014, "MISC": 712, "ORG": 898, "PER": 934}
