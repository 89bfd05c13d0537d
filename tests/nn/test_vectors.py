import gzip
import hashlib
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError, DataError
from rnnlab.nn.vectors import FileVectors

WORDS = {"the": [1.0, 2.0], "paris": [3.0, 4.0], "Paris": [5.0, 6.0], "\u0085x": [-0.5, 1e-3]}
TEXT = "".join(f"{word} {a} {b}\n" for word, (a, b) in WORDS.items())


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))


def vectors(root, text=TEXT, *, name="v.txt", **options):
    data = text if isinstance(text, bytes) else text.encode()
    (root / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    options = {"path": "v.txt", "root": str(root), "embedding_dim": 2} | options
    return FileVectors(**options)


def lookup(module, vocab, word):
    return module(torch.tensor([[vocab.id(word)]]))[0, 0].tolist()


@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz"])
def test_reads_text_and_gzip(tmp_path, name):
    found = vectors(tmp_path, name=name)
    assert list(found.words) == list(WORDS)
    assert found.checksums() == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}


def test_reads_a_member_of_the_published_archive(tmp_path):
    (tmp_path / "glove").mkdir()
    with zipfile.ZipFile(tmp_path / "glove/glove.6B.zip", "w") as archive:
        archive.writestr("glove.6B.2d.txt", TEXT)
        archive.writestr("glove.6B.3d.txt", "a 1 2 3\n")
    two = FileVectors(path="glove/glove.6B.2d.txt", root=str(tmp_path), embedding_dim=2)
    three = FileVectors(path="glove/glove.6B.3d.txt", root=str(tmp_path), embedding_dim=3)
    assert list(two.words) == list(WORDS)
    assert list(three.words) == ["a"]
    any_size = FileVectors(path="glove/glove.6B.3d.txt", root=str(tmp_path), embedding_dim=None)
    other = FileVectors(path="glove/glove.6B.2d.txt", root=str(tmp_path), embedding_dim=None)
    assert list(any_size.words) == ["a"]
    assert list(other.words) == list(WORDS)
    four = FileVectors(path="glove/glove.6B.4d.txt", root=str(tmp_path), embedding_dim=4)
    with pytest.raises(DataError, match=r"no member glove\.6B\.4d\.txt"):
        _ = four.words


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])  # word2vec's program ends lines with " \n"
def test_reads_word2vec_header_and_line_ends(tmp_path, end):
    found = vectors(tmp_path, f"2 2{end}a 1 2{end}b 3 4{end}")
    assert list(found.words) == ["a", "b"]


def test_the_first_of_two_equal_words_counts(tmp_path):
    found = vectors(tmp_path, "a 1 2\nb 3 4\na 5 6\n")
    vocab = Vocab([PAD, UNK]).extend(found.words, lower_fallback=True)
    assert lookup(found.module(vocab), vocab, "a") == [1, 2]


def test_an_absolute_path_and_one_from_the_current_folder(tmp_path, monkeypatch):
    vectors(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in (str(tmp_path / "v.txt"), "v.txt"):
        found = FileVectors(path=path, root=str(tmp_path / "elsewhere"), embedding_dim=2)
        assert list(found.words) == list(WORDS)
        assert list(found.checksums()) == ["v.txt"]


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("a 1 2\nb 3\n", ":2", "1 numbers behind the word, not 2"),
        ("a 1 2\nb 3 4 5\n", ":2", "3 numbers behind the word, not 2"),
        ("a b 1 2\nc d 1 2 3\n", ":2", "3 numbers behind the word, not 2"),
        ("2 50\na 1 2\n", ":1", "50 numbers"),
        ("a 1 2\nb 3 x\n", ":2", "not a number behind the word 'b'"),
        ("a 1 nan\n", ":1", "not finite"),
        (" 1 2\n", "", "no vectors"),
        ("a 1 2\n\nb 3 4\n", ":2", "0 numbers"),
        (b"a 1 2\n\xff 3 4\n", ":2", "not UTF-8"),
        ("", "", "no vectors"),
    ],
)
def test_a_broken_file_is_one_line_with_its_place(tmp_path, text, place, reason):
    with pytest.raises(DataError) as caught:
        _ = vectors(tmp_path, text).words
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'v.txt'}{place}: ")
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["2 3\na 1 2 3\nb 4 5 6\n", "a 1 2 3\nb 4 5 6\n"])
def test_the_file_says_how_many_numbers_there_are(tmp_path, text):
    found = vectors(tmp_path, text, embedding_dim=None)
    vocab = Vocab([PAD, UNK, "b", "c"]).extend(found.words, lower_fallback=True)
    module = found.module(vocab)
    assert module.output_size == 3
    assert lookup(module, vocab, "a") == [1, 2, 3]
    assert lookup(module, vocab, "b") == [4, 5, 6]
    single = vectors(
        tmp_path, "1 1\n7 1\n", embedding_dim=None
    )  # the first line can only be a head
    assert list(single.words) == ["7"]


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("2 3\na 1 2 3\nb 1 2\n", ":3", "2 numbers behind the word, not 3 (line 1)"),
        ("a 1 2 3\nb 1 2\n", ":2", "2 numbers behind the word, not 3 (line 1)"),
        ("a\n", ":1", "0 numbers behind the word, not 1"),
        ("1 0\na\n", ":1", "vectors of 0 numbers"),
    ],
)
def test_a_file_that_contradicts_itself(tmp_path, text, place, reason):
    with pytest.raises(DataError) as caught:
        _ = vectors(tmp_path, text, embedding_dim=None).words
    assert str(caught.value).startswith(f"{tmp_path / 'v.txt'}{place}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("size", [3, None])
@pytest.mark.parametrize("head", ["", "5 3\n"])
def test_words_may_have_blanks_in_them(tmp_path, head, size):
    text = f"{head}a 1 2 3\nb c 4 5 6\n- - - 7 8 9\nto x@y.z  -1 0 1\nroute 66, 1 1 1\n"
    table = vectors(tmp_path, text, embedding_dim=size).table
    assert table.words == ["a", "b c", "- - -", "to x@y.z", "route 66,"]
    assert table.vectors.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [-1, 0, 1], [1, 1, 1]]
    assert list(table.notes) == []


def test_the_first_line_may_have_a_word_with_blanks(tmp_path):
    table = vectors(tmp_path, ". . 1 2\na 3 4\n", embedding_dim=None).table
    assert (table.words, table.vectors.tolist()) == ([". .", "a"], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("3 2\na 1 2\nb 3 4\n", "2 vectors, line 1 announces 3"),
        ("1 2\na 1 2\nb 3 4\n", "2 vectors, line 1 announces 1"),
        ("a 1 2\n 5 6\nb 3 4\n  7 8\n", "left out 2 whose word is a blank"),
    ],
)
def test_an_odd_file_is_read_with_a_warning(tmp_path, text, note, caplog):
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        assert list(vectors(tmp_path, text).words) == ["a", "b"]
        assert [record.getMessage() for record in caplog.records] == [
            f"{tmp_path / 'v.txt'}: {note}"
        ]


def binary(words, head=None, end=b"\n"):
    size = len(next(iter(words.values())))
    rows = (w.encode() + b" " + np.array(v, "<f4").tobytes() + end for w, v in words.items())
    return (head or f"{len(words)} {size}\n").encode() + b"".join(rows)


@pytest.mark.parametrize("end", [b"\n", b""])  # the program's, and that of published files
@pytest.mark.parametrize("name", ["v.bin", "v.bin.gz"])
@pytest.mark.parametrize("size", [2, None])
def test_reads_the_binary_form(tmp_path, size, name, end):
    found = vectors(tmp_path, binary(WORDS, end=end), name=name, path=name, embedding_dim=size)
    assert list(found.words) == list(WORDS)
    assert found.table.vectors.tolist() == np.array(list(WORDS.values()), "f4").tolist()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xba\x16\x4f\x2f" * 20, "not word2vec's binary form"),
        (b"", "not word2vec's binary form"),
        (binary(WORDS), "vectors of 2 numbers, not 3 (embedding.embedding_dim)"),
        (b"1 3\n\xff " + bytes(12), "word 1: not UTF-8"),
        (binary({"a": [1, 2, np.inf]}), "a number of vector 1 is not finite"),
        (b"7 3\n", "no vectors"),
    ],
)
def test_a_broken_binary_file_is_one_line(tmp_path, data, reason):
    with pytest.raises(DataError) as caught:
        _ = vectors(tmp_path, data, name="v.bin", path="v.bin", embedding_dim=3).words
    assert str(caught.value).startswith(f"{tmp_path / 'v.bin'}: ")
    assert reason in str(caught.value)


def test_a_binary_file_that_is_cut_is_read_with_a_warning(tmp_path, caplog):
    data = binary({"a": [1, 2], "b": [3, 4]})[:-4]
    assert vectors(tmp_path, data, name="v.bin", path="v.bin").table.words == ["a"]
    assert "1 vectors, line 1 announces 2" in caplog.text


def test_no_path_and_a_folder(tmp_path):
    with pytest.raises(ConfigError) as caught:
        _ = FileVectors(path=None, root=str(tmp_path)).words
    assert str(caught.value) == (
        "embedding.path: not given; name the file with embedding.path=FILE"
    )
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match="run: a folder; name the file of vectors in it"):
        _ = FileVectors(path="run", root=str(tmp_path)).words


def test_a_truncated_gzip_is_one_line(tmp_path):
    text = "".join(f"w{i} {i * 0.37:.5f} {i * 0.11:.5f}\n" for i in range(5000))
    (tmp_path / "v.txt.gz").write_bytes(gzip.compress(text.encode())[:-1000])
    with pytest.raises(DataError, match=r"v\.txt\.gz: truncated or damaged"):
        _ = FileVectors(path="v.txt", root=str(tmp_path), embedding_dim=2).words


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(DataError, match=r"glove\.6B\.50d\.txt.*rnnlab data fetch glove"):
        _ = FileVectors(path="glove/glove.6B.50d.txt", root=str(tmp_path)).words
    with pytest.raises(DataError, match=r"mine\.txt") as caught:
        _ = FileVectors(path="mine.txt", root=str(tmp_path)).words
    assert "fetch" not in str(caught.value)


def test_base_words_take_their_vector_exactly_else_in_lower_case(tmp_path):
    found = vectors(tmp_path)
    vocab = Vocab([PAD, UNK, "Paris", "The", "nowhere"])
    module = found.module(vocab)
    assert module.extension is None
    assert lookup(module, vocab, "Paris") == [5, 6]
    assert lookup(module, vocab, "The") == [1, 2]
    assert module(torch.zeros(1, 1, dtype=torch.long)).tolist() == [[[0, 0]]]
    coverage = found.coverage
    assert (coverage.words, coverage.exact, coverage.lowered, coverage.missing) == (3, 1, 1, 1)


def test_without_lower_fallback_case_matters(tmp_path):
    found = vectors(tmp_path, lower_fallback=False)
    vocab = Vocab([PAD, UNK, "Paris", "The"])
    assert lookup(found.module(vocab), vocab, "The") != [1, 2]
    assert (found.coverage.exact, found.coverage.lowered) == (1, 0)


def test_words_without_a_vector_are_random_and_follow_the_seed(tmp_path):
    found = vectors(tmp_path, std=0.5)
    vocab = Vocab([PAD, UNK, *(f"w{i}" for i in range(2000))])
    torch.manual_seed(3)
    first = found.module(vocab).weight
    torch.manual_seed(3)
    assert torch.equal(first, found.module(vocab).weight)
    assert first[1:].std().item() == pytest.approx(0.5, rel=0.05)


def test_special_tokens_take_no_vector_of_a_word_like_them(tmp_path):
    found = vectors(tmp_path, "<unk> 7 7\n<pad> 8 8\na 1 2\n")
    vocab = Vocab([PAD, UNK, "a"]).extend(found.words, lower_fallback=True)
    module = found.module(vocab)
    assert module(torch.zeros(1, 1, dtype=torch.long)).tolist() == [[[0, 0]]]
    assert lookup(module, vocab, "never seen") != [7, 7]
    assert found.coverage.words == 1


def test_words_unseen_in_training_keep_their_vectors_through_a_checkpoint(tmp_path):
    found = vectors(tmp_path)
    base = Vocab([PAD, UNK, "the", "cat"])
    trained = found.module(base.extend(found.words, lower_fallback=True))
    with torch.no_grad():
        trained.weight += 10.0  # as training would
    # later: another object from the same options, the vocabulary without the extension
    again = vectors(tmp_path)
    vocab = Vocab.from_dict(base.to_dict()).extend(again.words, lower_fallback=True)
    loaded = again.module(vocab)
    loaded.load_state_dict(trained.state_dict())
    assert lookup(loaded, vocab, "the") == [11, 12]  # trained
    assert lookup(loaded, vocab, "Paris") == [5, 6]
    assert lookup(loaded, vocab, "PARIS") == [3, 4]  # by its lower-case form
    assert vocab.id("unheard-of") == vocab.id(UNK)


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_decides_whether_the_table_is_trained(tmp_path, frozen):
    module = vectors(tmp_path, frozen=frozen).module(Vocab([PAD, UNK, "the"]))
    assert [p.requires_grad for p in module.parameters()] == [not frozen]


def test_the_cache_is_used_and_follows_the_file(tmp_path):
    found = vectors(tmp_path)
    vocab = Vocab([PAD, UNK]).extend(found.words, lower_fallback=True)
    before = found.module(vocab).extension
    again = vectors(tmp_path)
    assert isinstance(again.table.vectors, np.memmap)  # from the cache, and not read into memory
    assert list(again.words) == list(WORDS)
    assert torch.equal(again.module(vocab).extension, before)
    other = vectors(tmp_path, "new 1 2\n")
    assert list(other.words) == ["new"]
    assert len([p for p in (tmp_path / "cache").rglob("*") if p.is_file()]) == 2
    with pytest.raises(DataError, match="2 numbers"):  # another size does not hit the cache
        _ = vectors(tmp_path, "new 1 2\n", embedding_dim=3).words


def test_a_broken_cache_is_made_anew(tmp_path):
    _ = vectors(tmp_path).words
    (cache,) = (p for p in (tmp_path / "cache").rglob("*") if p.is_file())
    for cut in (5, 150, cache.stat().st_size - 4):
        cache.write_bytes(cache.read_bytes()[:cut])
        assert list(vectors(tmp_path).words) == list(WORDS)


@pytest.mark.data
@pytest.mark.skipif("RNNLAB_DATA" not in os.environ, reason="RNNLAB_DATA is not set")
def test_glove(monkeypatch):
    root = Path(os.environ["RNNLAB_DATA"])
    if not list((root / "glove").glob("glove.6B.50d.txt*")):
        pytest.skip("no glove/glove.6B.50d.txt below RNNLAB_DATA")
    options = {"path": "glove/glove.6B.50d.txt", "root": str(root)}
    start = time.perf_counter()
    assert len(FileVectors(**options).words) == 400_000
    parsed = time.perf_counter() - start
    start = time.perf_counter()
    found = FileVectors(**options)
    vocab = Vocab([PAD, UNK, "King", "Queen"]).extend(found.words, lower_fallback=True)
    loaded = time.perf_counter() - start
    module = found.module(vocab)
    assert loaded < parsed / 4  # not parsed again: 0.2 s against 8 s
    ids = torch.tensor([[vocab.id(word) for word in ("king", "prince", "King", "frog")]])
    king, prince, same, frog = module(ids)[0]
    assert torch.equal(king, same)
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(king, prince, dim=0).item() == pytest.approx(0.824, abs=0.001)
    assert cosine(king, frog, dim=0) < 0.5
    assert found.coverage.lowered == 2


def test_the_known_counts_are_about_the_words_of_the_default_file():
    assert FileVectors.about.counts == {"words": 400_000}
    assert [Path(remote.path).parent for remote in FileVectors.about.files] == [Path("glove")]
