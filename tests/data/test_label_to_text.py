"""Labelled texts the other way round."""

import numpy as np
import pytest

from rnnlab.data.datasets.names import Names, NamesOfLabel
from rnnlab.data.datasets.sentiment_files import SentimentFilesOfLabel
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.errors import DataError


def rows(part, vocab):
    return [
        [vocab.tokens[i] for i in part.values[a:b]]
        for a, b in zip(part.offsets[:-1], part.offsets[1:], strict=True)
    ]


def test_sides_are_exchanged(tmp_path):
    (tmp_path / "x.tsv").write_text("A fine film\tvery good\nA dull one\tbad\n" * 2)
    data = SentimentFilesOfLabel(train=str(tmp_path / "x.tsv"))
    spec, part = data.spec(), data.examples("train")
    assert rows(part.inputs, spec.source) == [["very good"], ["bad"]] * 2
    assert rows(part.target, spec.target)[:2] == [
        ["<s>", "a", "fine", "film", "</s>"],
        ["<s>", "a", "dull", "one", "</s>"],
    ]
    assert list(part.texts)[:2] == ["A fine film", "A dull one"]
    assert spec.source_tokenizer == Tokenizer("whole")
    assert spec.target_tokenizer == Tokenizer("word", lower=True)


def test_a_broken_line_is_named(tmp_path):
    (tmp_path / "x.tsv").write_text("fine\tgood\nfine\n")
    with pytest.raises(DataError, match=r"x\.tsv:2: text<TAB>label needs one tab, not 0"):
        SentimentFilesOfLabel(train=str(tmp_path / "x.tsv")).spec()


def test_a_whole_text_is_one_token():
    assert Tokenizer("whole").split(" very good ") == ["very good"]
    assert Tokenizer("whole").split("  ") == []
    assert Tokenizer.from_dict(Tokenizer("whole").to_dict()) == Tokenizer("whole")


@pytest.mark.data
def test_names_are_those_of_the_corpus(data_root):
    names, turned = Names(root=str(data_root)), NamesOfLabel(root=str(data_root))
    for split in ("val", "test"):
        one, two = names.examples(split), turned.examples(split)
        spec, back = names.spec(), turned.spec()
        assert [back.source.tokens[i] for i in two.inputs.values] == [
            spec.target.tokens[i] for i in np.asarray(one.target)
        ]
        assert [row[1:-1] for row in rows(two.target, back.target)] == rows(one.inputs, spec.source)
