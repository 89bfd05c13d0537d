import gzip

import pytest

from rnnlab.data.datasets.ud_english_ewt import UDEnglishEWT
from rnnlab.errors import DataError


def row(id_, form, upos="X", xpos="XX"):
    return "\t".join([id_, form, form, upos, xpos, "_", "0", "root", "_", "_"])


SENTENCES = "\n".join(
    [
        "# sent_id = 1",
        "# text = I don't know Mr. X",
        row("1", "I", "PRON", "PRP"),
        row("2-3", "don't", "_", "_"),
        row("2", "do", "AUX", "VBP"),
        row("3", "n't", "PART", "RB"),
        row("4", "know", "VERB", "VB"),
        row("4.1", "ghost", "VERB", "VB"),
        row("5", "Mr. X", "PROPN", "NNP"),
        "",
        "# text = Yes",
        row("1", "Yes", "INTJ", "UH"),
    ]
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ud_english_ewt").mkdir()
    return tmp_path


def write(root, text, name="train.conllu"):
    content = text.encode()
    path = root / f"ud_english_ewt/en_ewt-ud-{name}"
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def read(data, split="train"):
    spec, examples = data.spec(), data.examples(split)
    return [
        [
            f"{spec.source.tokens[word]}/{spec.target.tokens[tag]}"
            for word, tag in zip(examples.inputs[at], examples.target[at], strict=True)
        ]
        for at in range(len(examples))
    ]


@pytest.mark.parametrize("name", ["train.conllu", "train.conllu.gz"])
def test_words_without_multi_word_rows_and_empty_nodes(root, name):
    write(root, SENTENCES, name)
    assert read(UDEnglishEWT(root=str(root))) == [
        ["I/PRON", "do/AUX", "n't/PART", "know/VERB", "Mr. X/PROPN"],
        ["Yes/INTJ"],
    ]
    other = UDEnglishEWT(root=str(root), tags="xpos")
    assert read(other)[1] == ["Yes/UH"]
    assert list(other.checksums()) == [f"ud_english_ewt/en_ewt-ud-{name}"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2\tno", "2 columns, where the first row has 10"),
        (row("3", "no"), "number 3, where 2 comes next"),
        (row("2", "no", "_"), "an empty column"),
        (row("2", "", "X"), "an empty column"),
    ],
)
def test_a_wrong_row_is_named(root, line, message):
    write(root, f"# text = Yes no\n{row('1', 'Yes')}\n{line}\n")
    with pytest.raises(DataError, match=rf"train\.conllu:3: {message}"):
        UDEnglishEWT(root=str(root)).spec()


def test_an_unseen_tag_is_named(root):
    """With the line of its sentence: rows that are no words stand between the words."""
    write(root, SENTENCES)
    rows = [row("1", "Yes", "INTJ"), row("2-3", "no", "_", "_"), row("2", "n", "NOUN")]
    write(root, "\n" + "\n".join(rows), "test.conllu")
    with pytest.raises(
        DataError, match=r"^ud_english_ewt/.*:2: unseen tag at token 2, 'NOUN'.*INTJ"
    ):
        UDEnglishEWT(root=str(root)).examples("test")


@pytest.mark.data
@pytest.mark.parametrize(
    ("split", "sentences", "words"),
    [("train", 12_544, 204_577), ("val", 2_001, 25_147), ("test", 2_077, 25_094)],
)
def test_counts_of_the_real_treebank(data_root, split, sentences, words):
    if not (data_root / "ud_english_ewt").is_dir():
        pytest.skip(f"no ud_english_ewt below {data_root}")
    data = UDEnglishEWT(root=str(data_root))
    examples = data.examples(split)
    assert len(examples) == sentences == data.about.counts[split]
    assert examples.inputs.values.size == words
    assert len(data.spec().target) == 17
    assert len(UDEnglishEWT(root=str(data_root), tags="xpos").spec().target) == 49
