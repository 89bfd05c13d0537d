import hashlib
import io

import numpy as np
import pytest

from rnnlab.data.datasets.conll_files import CoNLLFiles
from rnnlab.data.datasets.sentiment_files import SentimentFiles
from rnnlab.data.encoded import EncodedCorpus, Example, encode
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError, DataError

TRAIN = "good good film\tpos\nbad film film\tneg\nGood!\tpos\nso so\tneg\n"
VAL = "a bad one\tneg\n"
TEST = "good bad unheard\tpos\n\tneg\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    for name, content in {"train": TRAIN, "val": VAL, "test": TEST}.items():
        (tmp_path / f"{name}.tsv").write_text(content)
    return tmp_path


def sentiment(folder, **options):
    files = {name: str(folder / f"{name}.tsv") for name in ("train", "val", "test")}
    return SentimentFiles(**files | options)


def words(data, split):
    vocab, inputs = data.spec().source, data.examples(split).inputs
    return [[vocab.tokens[at] for at in inputs[row]] for row in range(len(inputs))]


def test_ids_stand_for_the_tokens_of_the_file(folder):
    data = sentiment(folder)
    assert words(data, "train") == [
        ["good", "good", "film"],
        ["bad", "film", "film"],
        ["good", "!"],
        ["so", "so"],
    ]
    assert words(data, "test") == [["good", "bad", UNK], [UNK]]
    assert data.spec().target.tokens == ("neg", "pos")
    assert data.examples("train").target.tolist() == [1, 0, 1, 0]
    assert data.examples("train").target.dtype == np.int64
    assert data.spec().source_tokenizer.split("So GOOD") == ["so", "good"]
    assert data.examples("train").texts is None


def test_vocabulary_options(folder):
    assert sentiment(folder).spec().source.tokens == (PAD, UNK, "film", "good", "so", "!", "bad")
    assert sentiment(folder, min_freq=2).spec().source.tokens == (PAD, UNK, "film", "good", "so")
    assert sentiment(folder, max_vocab_size=1).spec().source.tokens == (PAD, UNK, "film")
    assert "Good" in sentiment(folder, lower=False).spec().source
    short = sentiment(folder, max_length=2)
    assert words(short, "train")[:2] == [["good", "good"], ["bad", "film"]]
    assert short.spec().max_length == 2
    # what is cut off is not counted
    assert short.spec().source.tokens == (PAD, UNK, "good", "so", "!", "bad", "film")


def test_vocabulary_options_need_no_second_reading(folder, monkeypatch):
    sentiment(folder).spec()
    kept = set((folder / "cache").rglob("*"))

    def never(self, split):
        raise AssertionError("must come from the cache")

    monkeypatch.setattr(SentimentFiles, "read", never)
    assert len(sentiment(folder, min_freq=2, max_vocab_size=1, max_length=1).examples("train")) == 4
    assert set((folder / "cache").rglob("*")) == kept
    with pytest.raises(AssertionError, match="cache"):
        sentiment(folder, lower=False).spec()


def test_a_changed_file_is_read_again(folder):
    assert len(sentiment(folder).examples("val")) == 1
    (folder / "val.tsv").write_text("fine\tpos\nnot fine\tneg\n")
    assert len(sentiment(folder).examples("val")) == 2


def test_a_broken_cache_file_is_made_anew(folder):
    first = sentiment(folder).examples("train")
    for path in (folder / "cache").rglob("train-*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = sentiment(folder).examples("train")
    assert again.inputs.values.tolist() == first.inputs.values.tolist()


def test_checksums_name_the_files_read(folder):
    data = sentiment(folder)
    assert data.checksums() == {}
    data.examples("val")
    expected = {
        str(folder / f"{name}.tsv"): hashlib.sha256(content.encode()).hexdigest()
        for name, content in (("train", TRAIN), ("val", VAL))
    }
    assert data.checksums() == expected


def test_an_unseen_label_is_named_with_its_line(folder):
    (folder / "val.tsv").write_text("a\tpos\nb\tneutral\n")
    data = sentiment(folder)
    with pytest.raises(DataError) as error:
        data.examples("val")
    place = folder / "val.tsv"
    message = f"{place}:2: unseen label 'neutral'; the training data has neg, pos"
    assert str(error.value) == message


@pytest.mark.parametrize(("split", "content"), [("train", ""), ("val", "\n \n\n"), ("test", "")])
def test_an_empty_split_is_named(folder, split, content):
    (folder / f"{split}.tsv").write_text(content)
    data = sentiment(folder)
    with pytest.raises(DataError, match=f"the {split} split is empty .*{split}.tsv"):
        data.examples(split)


def test_a_split_that_was_not_given_is_named(folder):
    data = sentiment(folder, val=None)
    assert len(data.examples("train")) == 4
    with pytest.raises(ConfigError, match=r"^data\.val: not given"):
        data.examples("val")


def test_words_with_vectors_are_known_though_unseen(folder):
    data = sentiment(folder, lower=False)
    data.add_words(["unheard", "one"], lower_fallback=True)
    spec = data.spec()
    assert spec.source.tokens[spec.source.base_size :] == ("unheard", "one")
    assert words(data, "test") == [["good", "bad", "unheard"], [UNK]]


def test_reuse_encodes_with_the_vocabulary_of_the_model(folder):
    model = sentiment(folder, max_length=2).spec()
    other = SentimentFiles(test=str(folder / "test.tsv"))
    other.reuse(model)
    assert other.spec() == model
    assert other.spec().max_length == 2
    assert words(other, "test") == [["good", "bad"], [UNK]]
    assert other.examples("test").target.tolist() == [1, 0]


@pytest.mark.parametrize("words_first", [True, False])
def test_reuse_and_vectors_go_together(folder, words_first):
    model = sentiment(folder).spec()
    other = SentimentFiles(test=str(folder / "test.tsv"))
    if words_first:
        other.add_words(["unheard"], lower_fallback=False)
    other.reuse(model)
    if not words_first:
        other.add_words(["unheard"], lower_fallback=False)
    assert words(other, "test") == [["good", "bad", "unheard"], [UNK]]
    assert other.spec().source.base_size == len(model.source)


def test_reuse_names_a_label_that_the_model_does_not_know(folder):
    model = sentiment(folder).spec()
    (folder / "other.tsv").write_text("a\tpos\nb\t5\n")
    other = SentimentFiles(test=str(folder / "other.tsv"))
    other.reuse(model)
    with pytest.raises(DataError) as error:
        other.examples("test")
    place = folder / "other.tsv"
    assert str(error.value) == f"{place}:2: unseen label '5'; the trained model knows neg, pos"


def test_reuse_refuses_a_model_of_another_kind(folder):
    tagged = folder / "a.conll"
    tagged.write_text("EU B-ORG\n")
    data = CoNLLFiles(test=str(tagged))
    with pytest.raises(DataError, match=r"conll_files is text with tags; .* gives label"):
        data.reuse(sentiment(folder).spec())


def test_batches_of_a_loader(folder):
    data = sentiment(folder, batch_size=3)
    batches = list(data.val_dataloader()) + list(data.test_dataloader())
    assert [batch.lengths.tolist() for batch in batches] == [[3], [1, 3]]
    assert len(data.train_dataloader()) == 2
    assert data.test_dataloader().reference_texts() is None


def test_tokens_are_lower_cased_as_texts_are():
    tokens, text = (
        encode([Example(source, ("x",), "f")], Tokenizer("space", lower=True), None)
        for source in (["EU", "says"], "EU says")
    )
    assert tokens.source_types == text.source_types == ["eu", "says"]
    assert tokens.digest == text.digest


def test_an_encoded_corpus_survives_the_disk_whole():
    examples = [
        Example(["a", "\x85", "é\n"], "ein  Text", "f.tsv", 3),
        Example([], "zwei", "f.tsv", 4),
        Example(["a", "\x85", "é\n"], "", "g.tsv"),
    ]
    corpus = encode(examples, None, Tokenizer("space"))
    stream = io.BytesIO()
    corpus.write(stream)
    stream.seek(0)
    again = EncodedCorpus.read(stream)
    for one in (corpus, again):
        assert [[one.source_types[at] for at in one.source[row]] for row in range(3)] == [
            ["a", "\x85", "é\n"],
            [UNK],
            ["a", "\x85", "é\n"],
        ]
        assert one.target_types == ["ein", "Text", "zwei"]
        assert one.target.lengths.tolist() == [2, 1, 0]
        assert [one.place(row) for row in range(3)] == ["f.tsv:3", "f.tsv:4", "g.tsv"]
        assert one.texts == ["ein  Text", "zwei", ""]
        assert one.digest[0] == one.digest[2] != one.digest[1]
        last = one.select(np.array([2]))
        assert (len(last), last.place(0), last.texts) == (1, "g.tsv", [""])


def test_vocabulary_leaves_out_what_only_the_validation_data_has(folder):
    spec = sentiment(folder).spec()
    assert isinstance(spec.source, Vocab)
    assert "one" not in spec.source
