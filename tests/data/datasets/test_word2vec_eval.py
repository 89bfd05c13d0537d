"""Analogies and word pairs: read in their formats, with the place of what is wrong."""

import gzip
import zipfile

import pytest

from rnnlab.data.datasets.word2vec_eval import Pair, Word2VecEval
from rnnlab.errors import DataError
from tiny import write

QUESTIONS = (
    ": family\nboy girl King Queen\nhe she his her\n: gram1-adverb\ncalm calmly rare rarely\n"
)
WORDSIM = "Word 1,Word 2,Human (mean)\r\ntiger,tiger,10.00\r\nFBI,agent,7.5\r\n"
SIMLEX = "word1\tword2\tPOS\tSimLex999\tSD\r\nold\tnew\tA\t1.58\t0.4\r\n"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "word2vec_eval"
    write(folder / "questions-words.txt", QUESTIONS)
    write(folder / "wordsim353/combined.csv", WORDSIM)
    with zipfile.ZipFile(folder / "SimLex-999.zip", "w") as archive:
        archive.writestr("SimLex-999/SimLex-999.txt", SIMLEX)
    return tmp_path


def test_sections_and_pairs(root):
    tests = Word2VecEval(root=str(root))
    family, adverb = tests.analogies()
    assert family.questions == (("boy", "girl", "King", "Queen"), ("he", "she", "his", "her"))
    assert [(s.name, s.syntactic) for s in (family, adverb)] == [
        ("family", False),
        ("gram1-adverb", True),
    ]
    assert tests.similarities() == {
        "wordsim353": [Pair("tiger", "tiger", 10.0), Pair("FBI", "agent", 7.5)],
        "simlex999": [Pair("old", "new", 1.58)],
    }
    assert [tests.count(name) for name in Word2VecEval.about.counts] == [3, 2, 1]
    assert set(tests.checksums()) == {remote.path for remote in Word2VecEval.about.files}


def test_other_forms_of_the_same_files(root):
    folder = root / "word2vec_eval"
    before = Word2VecEval(root=str(root))
    expected = (before.analogies(), before.similarities())
    for name in ("questions-words.txt", "wordsim353/combined.csv"):
        write(folder / f"{name}.gz", gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    write(folder / "SimLex-999/SimLex-999.txt", SIMLEX)
    (folder / "SimLex-999.zip").unlink()
    after = Word2VecEval(root=str(root))
    assert (after.analogies(), after.similarities()) == expected


@pytest.mark.parametrize(
    ("name", "text", "place", "reason"),
    [
        ("questions-words.txt", "a b c d\n", ":1", "before the first ': SECTION'"),
        ("questions-words.txt", ": x\na b c\n", ":2", "neither ': SECTION' nor four words"),
        ("questions-words.txt", ": x\n: y\n: a b c\n", ":3", "neither"),
        ("questions-words.txt", ": x\n\n", "", "no questions"),
        ("questions-words.txt", b": x\n\xff b c d\n", ":2", "not UTF-8"),
        ("wordsim353/combined.csv", "", ":1", "no column 'Human (mean)'"),
        ("wordsim353/combined.csv", WORDSIM + "cup,tea\n", ":4", "not two words and a score"),
        ("wordsim353/combined.csv", WORDSIM + "cup,tea,high\n", ":4", "not two words and a score"),
    ],
)
def test_a_broken_file_is_one_line_with_its_place(root, name, text, place, reason):
    file = write(root / "word2vec_eval" / name, text)
    tests = Word2VecEval(root=str(root))
    with pytest.raises(DataError) as caught:
        tests.analogies(), tests.similarities()
    message = str(caught.value)
    assert message.startswith(f"{file}{place}: ")
    assert reason in message
    assert "\n" not in message


def test_a_missing_file_says_how_to_get_it(root):
    (root / "word2vec_eval/SimLex-999.zip").unlink()
    with pytest.raises(DataError, match=r"SimLex-999\.zip.*rnnlab data fetch word2vec_eval"):
        Word2VecEval(root=str(root)).files()
