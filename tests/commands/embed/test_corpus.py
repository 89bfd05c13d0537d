"""The text that is learned from: counted by hand, whatever the loader, no sentence lost."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest

from rnnlab.commands.embed import corpus as cutting
from rnnlab.commands.embed.corpus import Corpus, CorpusTexts
from rnnlab.data.datasets.names import Names
from rnnlab.data.datasets.parity import Parity
from rnnlab.data.datasets.sentiment_files import SentimentFiles
from rnnlab.data.datasets.text_files import TextFiles
from rnnlab.data.datasets.tinyshakespeare import TinyShakespeare
from rnnlab.errors import ConfigError, DataError
from tiny import write


def texts(corpus):
    told = []
    found = list(CorpusTexts(corpus, told.append))
    assert told == [len(text) for text in found]
    return found


def lines(tmp_path, text, **options):
    return TextFiles(train=str(write(tmp_path / "a.txt", text)), level="space", **options)


def test_counts_and_sentences_by_hand(tmp_path):
    data = lines(tmp_path, "b a b\nc b rare\n\nc\n")
    corpus = Corpus.read(data, "a.txt", 2)
    assert corpus.words == ["<eos>", "b", "c"]
    assert corpus.counts == [4, 3, 2]
    assert texts(corpus) == [["b", "b", "<eos>"], ["c", "b", "<eos>"], ["<eos>"], ["c", "<eos>"]]
    assert (corpus.sentences, corpus.tokens, corpus.types) == (4, 11, 5)


def test_equal_counts_are_in_alphabetical_order(tmp_path):
    assert Corpus.read(lines(tmp_path, "z y x\nx z y\n"), "a", 2).words == ["<eos>", "x", "y", "z"]


def test_long_sentences_are_cut_and_not_dropped(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    sentences = [[f"w{i}" for i in rng.integers(0, 9, size)] for size in (1, 3, 7, 6, 20, 2)]
    monkeypatch.setattr(cutting, "LONGEST", 3)
    corpus = Corpus.read(lines(tmp_path, "\n".join(map(" ".join, sentences))), "a", 1)
    found = texts(corpus)
    assert max(map(len, found)) == 3
    whole = [[*sentence, "<eos>"] for sentence in sentences]
    assert found == [s[i : i + 3] for s in whole for i in range(0, len(s), 3)]


def test_nothing_is_cut_or_unknown_in_a_labelled_corpus(tmp_path):
    text = "One two two two\tpos\n \tneg\nthree two\tpos\n"
    file = write(tmp_path / "a.tsv", text)
    data = SentimentFiles(train=str(file), min_freq=3, max_vocab_size=1, max_length=1)
    assert texts(Corpus.read(data, "a.tsv", 1)) == [
        ["one", "two", "two", "two"],
        ["three", "two"],  # the empty text between them is no word <unk>
    ]


@pytest.mark.parametrize("level", ["word", "space"])
def test_only_the_training_part_of_a_stream(tmp_path, level):
    verses = [" ".join(f"v{line}-{word}" for word in range(line % 5 + 1)) for line in range(40)]
    write(tmp_path / "tinyshakespeare/input.txt", "\n".join(verses))
    data = TinyShakespeare(root=str(tmp_path), level=level)
    for split in ("train", "val", "test"):
        sentences, types = data.sentences(split)
        stream = data.examples(split)
        words = [types[index] for index in sentences.values]
        assert data.spec().source.ids(words) == stream.inputs.tolist()
    everything = [data.sentences(split)[0].values.tolist() for split in ("train", "val", "test")]
    everything_read = [*chain(*everything)]
    end = types.index("<eos>")
    assert everything_read.count(end) == len(verses)
    read = [index for index in everything_read if index != end]
    assert read == data.encoded("train").source.values.tolist()
    corpus = Corpus.read(data, "tinyshakespeare", 1)
    assert sum(corpus.counts) == corpus.tokens == len(everything[0])
    assert Counter(chain(*texts(corpus))) == dict(zip(corpus.words, corpus.counts, strict=True))


def test_words_with_a_blank_are_left_out(tmp_path, monkeypatch):
    data = lines(tmp_path, "a b\na c\n")
    sentences, types = data.sentences("train")
    types = ["10 000" if word == "b" else word for word in types]
    monkeypatch.setattr(data, "sentences", lambda _: (sentences, types))
    corpus = Corpus.read(data, "a.txt", 1)
    assert corpus.unwritable == 1
    assert texts(corpus) == [["a", "<eos>"], ["a", "c", "<eos>"]]


def test_what_is_no_text_in_words(tmp_path):
    write(tmp_path / "names/French.txt", "Dubois\n")
    table = {
        Parity(): "corpus: mine is not text",
        Names(root=str(tmp_path)): "corpus: mine is read letter by letter, not in words",
        TextFiles(train="a", level="char"): "corpus: mine is read letter by letter, not in words; "
        "say data.level=word",
    }
    for data, message in table.items():
        with pytest.raises(ConfigError) as caught:
            Corpus.read(data, "mine", 1)
        assert str(caught.value) == message


def test_nothing_to_learn_from(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Corpus.read(lines(tmp_path, "a b\na c\n"), "x", 3)
    assert str(caught.value) == (
        "min_count: no word occurs 3 times; the most frequent one, 'a', 2 times"
    )
    data = SentimentFiles(train=str(write(tmp_path / "a.tsv", "a\tpos\nb\tneg\n")))
    with pytest.raises(DataError, match="x: no sentence has two words that occur min_count=1"):
        Corpus.read(data, "x", 1)
