"""`rnnlab embed` as a whole: what it writes is read by others, what it refuses is one line."""

import importlib.abc
import json
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from gensim.models import KeyedVectors

from rnnlab.commands.embed.files import output_folder, write_vectors
from rnnlab.data.vector_file import VectorTable, read_table
from rnnlab.errors import ConfigError
from tiny import CORPORA, SMALL, call, refused, write

FAST = ["vector_size=8", "min_count=1", "epochs=20", "alpha=0.1", "sample=0"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Each test in a folder of its own, without the real data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNLAB_DATA", str(tmp_path / "data"))
    return tmp_path


def corpus(folder):
    """Two groups of words that never meet."""
    rng = np.random.default_rng(0)
    groups = [["cat", "dog", "cow", "pig"], ["red", "blue", "green", "pink"]]
    rows = [" ".join(rng.choice(groups[row % 2], 6)) for row in range(400)]
    return write(folder / "text.txt", "\n".join(rows) + "\n")


def known_words(folder):
    """The three tests, about the words of `corpus`."""
    folder = folder / "data/word2vec_eval"
    write(folder / "questions-words.txt", ": animals\ncat dog cow pig\ncat dog cow horse\n")
    pairs = "cat,dog,9\ncat,cow,8\ncat,red,1\nDog,blue,2\ncat,horse,3\n"
    write(folder / "wordsim353/combined.csv", "Word 1,Word 2,Human (mean)\n" + pairs)
    with zipfile.ZipFile(folder / "SimLex-999.zip", "w") as archive:
        table = "word1\tword2\tPOS\tSimLex999\nold\tnew\tA\t1.58\n"
        archive.writestr("SimLex-999/SimLex-999.txt", table)


def embed(capsys, *words):
    said = call(capsys, "embed", *words)
    assert said.code == 0, said.err
    assert said.err == ""
    return said


def cosine(table, first, second):
    a, b = (table.vectors[table.words.index(word)] for word in (first, second))
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_words_that_meet_are_near(model, capsys, here):
    corpus(here)
    known_words(here)
    said = embed(capsys, "corpus=text.txt", f"model={model}", *FAST, "output=out")
    table = read_table(here / "out/vectors.txt", "", None)
    assert (len(table.words), table.vectors.shape) == (9, (9, 8))
    for near, far in (("dog", "red"), ("cow", "pink")):
        assert cosine(table, "cat", near) > cosine(table, "cat", far) + 0.2
    found = json.loads((here / "out/evaluation.json").read_text())
    assert found["wordsim353"]["spearman"] > 0.5
    assert (found["wordsim353"]["covered"], found["wordsim353"]["total"]) == (4, 5)
    assert found["simlex999"] == {"spearman": None, "covered": 0, "total": 1}
    assert (found["analogies"]["covered"], found["analogies"]["total"]) == (1, 2)
    assert found["analogies"]["sections"]["animals"]["total"] == 2
    assert found["analogies"]["syntactic"]["accuracy"] is None
    assert "WordSim-353  Spearman" in said.out
    assert "4 of 5" in said.out


def test_what_is_written(capsys, here):
    file = corpus(here)
    said = embed(capsys, "corpus=text.txt", *FAST, "projector=3", "seed=7")
    (folder,) = here.glob("outputs/embed-text/*")
    assert f"vectors  {folder.relative_to(here)}/vectors.txt" in said.out
    assert "tests    none: word2vec_eval: no " in said.out
    assert "rnnlab data fetch word2vec_eval" in said.out
    other = KeyedVectors.load_word2vec_format(folder / "vectors.txt")  # as others read it
    ours = read_table(folder / "vectors.txt", "", None)
    assert other.index_to_key == ours.words
    assert np.array_equal(other.vectors, ours.vectors)
    counts = [line.split("\t") for line in (folder / "counts.tsv").read_text().splitlines()]
    text = file.read_text().split()
    assert [word for word, _ in counts] == ours.words
    assert counts[0] == ["<eos>", "400"]
    assert [int(n) for _, n in counts[1:]] == sorted(map(text.count, set(text)))[::-1]
    record = json.loads((folder / "embed.json").read_text())
    assert record["options"]["vector_size"] == 8
    assert record["options"]["seed"] == record["seed"] == 7
    assert list(record["data"]) == ["text.txt"]
    assert record["corpus"]["tokens"] == 2800
    assert set(record["versions"]) > {"gensim", "rnnlab"}
    assert (folder / "projector_config.pbtxt").is_file()
    metadata = (folder / "00000/words/metadata.tsv").read_text().splitlines()
    assert metadata == ours.words[:3]
    assert not list(folder.glob("*part*"))


def test_one_worker_repeats_exactly(capsys, here):
    corpus(here)
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        words = [*FAST, f"seed={seed}", "projector=0", f"output={folder}"]
        embed(capsys, "corpus=text.txt", *words)
    first, again, other = ((here / name / "vectors.txt").read_bytes() for name in "abc")
    assert first == again != other
    assert not (here / "a/projector_config.pbtxt").exists()


def test_a_choice_of_data_with_its_options(capsys, here):
    words = CORPORA["sentiment"](here / "data")
    files = [word for word in words if word.startswith("data.")]
    embed(capsys, "corpus=sentiment_files", *files, "data.lower=false", *FAST, "output=out")
    record = json.loads((here / "out/embed.json").read_text())
    assert record["corpus"]["config"]["lower"] is False
    assert record["corpus"]["sentences"] == 48
    rows = (here / "data/train.tsv").read_text().splitlines()
    assert record["corpus"]["tokens"] == sum(len(row.split("\t")[0].split()) for row in rows)


def test_a_file_split_into_words(capsys, here):
    write(here / "raw.txt", "Rome, Rome!\nOslo, Rome!\n")
    for words, expected in (
        ([], {"<eos>", "Rome,", "Rome!", "Oslo,"}),
        (["data.level=word", "data.lower=true"], {"<eos>", "rome", "oslo", ",", "!"}),
    ):
        folder = f"out{len(words)}"
        embed(capsys, "corpus=raw.txt", *FAST, *words, f"output={folder}")
        assert set(read_table(here / folder / "vectors.txt", "", None).words) == expected


def test_evaluation_alone(capsys, here):
    known_words(here)
    rows = ["cat 1 0 0", "dog 1 1 0", "cow 1 0 1", "pig 1 1 1", "red 0 0 -1", "blue 0 -1 0"]
    write(here / "v.txt", "\n".join(rows))
    said = embed(capsys, "vectors=v.txt")
    assert "vectors  " in said.out
    (file,) = here.glob("outputs/embed-v/*/evaluation.json")
    found = json.loads(file.read_text())
    assert found["analogies"]["accuracy"] == 1.0
    assert list(found["vectors"]) == ["v.txt"]
    assert (found["words"], found["size"], found["restrict"]) == (6, 3, None)
    assert set(found["tests"]) == {
        "word2vec_eval/questions-words.txt",
        "word2vec_eval/wordsim353/combined.csv",
        "word2vec_eval/SimLex-999.zip",
    }
    assert not (file.parent / "vectors.txt").exists()
    embed(capsys, "vectors=v.txt", "restrict=3", "output=few")
    few = json.loads((here / "few/evaluation.json").read_text())
    assert (few["analogies"]["covered"], few["wordsim353"]["covered"]) == (0, 2)


def test_learn_train_predict_evaluate(capsys, here):
    words = CORPORA["sentiment"](here / "data")
    files = [word for word in words if word.startswith("data.")]
    write(here / "more.txt", (here / "data/train.tsv").read_text() + "superb good film\n" * 9)
    embed(capsys, "corpus=more.txt", *FAST, "output=vectors")
    chosen = ["embedding=word2vec", "embedding.path=vectors/vectors.txt"]
    small = [word for word in SMALL if "embedding" not in word]
    said = call(capsys, "train", *words, *chosen, *small, "hydra.run.dir=run")
    assert said.code == 0, said.err
    assert "vectors  vectors for 100.0% of 14 words" in said.out
    record = json.loads((here / "run/metrics.json").read_text())
    assert "vectors.txt" in " ".join(record["data"])
    told = json.loads(call(capsys, "evaluate", "checkpoint=run").out)
    assert told["test"] == record["test"]
    write(here / "in.txt", "a superb film\na film\n")  # superb is known by its vector alone
    said = call(capsys, "predict", "checkpoint=run", "input=in.txt")
    first, second = (float(line.split("\t")[1]) for line in said.out.splitlines())
    assert first != second
    assert len(files) == 3


def test_mistakes_are_one_line(capsys, here):
    corpus(here)
    write(here / "empty.txt", "")
    write(here / "blank.txt", "\n\n")
    write(here / "latin.txt", b"caf\xe9 x\n")
    (here / "folder").mkdir()
    file = "corpus=text.txt"
    table = {
        "corpus=imdbb": "corpus: 'imdbb' is neither a file nor a data set; did you mean 'imdb'?",
        "corpus=nowhere.txt": "corpus: 'nowhere.txt' is neither a file nor a data set; there are: ",
        "corpus=folder": "corpus: folder is a folder; name a text file, one sentence a line",
        "corpus=empty.txt": "text_files: the train split needs two tokens at least (empty.txt)",
        "corpus=blank.txt": "min_count: no word occurs 5 times; the most frequent one, '<eos>', 2",
        "corpus=blank.txt min_count=1": "blank.txt: no sentence has two words that occur",
        "corpus=latin.txt": "latin.txt:1: not UTF-8 (byte 0xe9 at column 4)",
        "corpus=adding": "corpus: adding is not text",
        "corpus=names_of_label": "corpus: names_of_label is read as whole labels, not in words",
        "corpus=tinyshakespeare": "corpus: tinyshakespeare is read letter by letter, not in words; "
        "say data.level=word",
        "corpus=imdb": f"imdb: no imdb/aclImdb_v1.tar.gz or imdb/aclImdb below {here}/data",
        f"{file} min_count=500": "min_count: no word occurs 500 times; the most frequent one, "
        "'<eos>', 400 times",
        f"{file} min_count=0": "min_count: '0' is not an int of at least 1",
        f"{file} vector_size=0": "vector_size: '0' is not an int of at least 1",
        f"{file} vector_size=big": "vector_size: 'big' is not an int of at least 1",
        f"{file} alpha=0": "alpha: '0.0' is not a float above 0 and below 1",
        f"{file} sample=2": "sample: '2.0' is not a float of at least 0 and at most 1",
        f"{file} model=glove": "model: 'glove' is not one of skipgram, cbow",
        f"{file} windw=3": "windw: rnnlab embed has no such option; did you mean 'window'?",
        f"{file} data.levl=word": "data.levl: TextFiles has no such option; did you mean 'level'?",
        f"{file} data.level=char": "corpus: text.txt is read letter by letter, not in words; ",
        f"{file} vectors=text.txt": "corpus: no effect with vectors=",
        f"{file} output=text.txt": "output: cannot write text.txt: File exists",
        f"{file} output=/dev/null/x": "output: cannot write /dev/null/x: Not a directory",
        "vectors=text.txt vector_size=3": "vector_size: no effect with vectors=",
        "vectors=nowhere.txt": "vectors: no nowhere.txt or nowhere.txt.gz below ",
        "vectors=folder": f"{here}/folder: a folder; name the file of vectors in it",
        "vectors=text.txt": f"{here}/text.txt:1: not a number behind the word",
        "vectors=empty.txt": f"{here}/empty.txt: no vectors",
        "data=imdb": "data: the corpus is named by corpus=CHOICE, its options by data.OPTION=VALUE",
        "size=3": "size: renamed to vector_size",
        "vector_size=3": "embed: name a corpus=CHOICE|FILE, or vectors=FILE to evaluate",
    }
    for words, message in table.items():
        said = refused(call(capsys, "embed", *words.split()))
        assert said.startswith(message), words
    write(here / "v.txt", "a 1 2\nb 2 1\n")
    assert "rnnlab data fetch word2vec_eval" in refused(call(capsys, "embed", "vectors=v.txt"))
    assert not (here / "outputs").exists()


def test_a_folder_that_holds_vectors_is_left_alone(capsys, here):
    corpus(here)
    kept = write(here / "out/vectors.txt", "mine")
    message = refused(call(capsys, "embed", "corpus=text.txt", "output=out"))
    assert message == "output: out holds vectors.txt already; name another folder"
    assert kept.read_text() == "mine"
    assert list((here / "out").iterdir()) == [kept]


def test_what_is_broken_off_leaves_nothing(here):
    table = VectorTable(["a", "b"], np.ones((2, 3), "f4"))
    broken = {"x": object()}  # no JSON: it breaks at the last file
    for output, left in ((None, "outputs"), ("out", "out")):
        with pytest.raises(TypeError), output_folder(output, "outputs/embed-x") as folder:
            write_vectors(folder, table, [2, 1], broken, projector=1)
        assert not (here / left).exists()
    kept = write(here / "mine/notes.txt", "kept")
    full = pytest.raises(ConfigError, match=r"output: cannot write mine: No space left on device")
    with full, output_folder("mine", ""):
        raise OSError(28, "No space left on device")
    assert list((here / "mine").iterdir()) == [kept]


@pytest.mark.faults
def test_ctrl_c_is_one_line_and_leaves_nothing(here):
    corpus(here)
    words = ["embed", "corpus=text.txt", "epochs=1000000", "min_count=1"]
    child = subprocess.Popen(
        [sys.executable, "-m", "rnnlab", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # jobs in the background of a shell, and their children, ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert child.stdout.readline().startswith("run ")
    assert child.stdout.readline().startswith("corpus ")
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (130, "rnnlab: interrupted\n")
    assert not (here / "outputs").exists()


class NoGensim(importlib.abc.MetaPathFinder):
    """As where it is not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "gensim":
            raise ModuleNotFoundError(f"No module named '{name}'", name="gensim")


def test_without_gensim(capsys, here, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "gensim"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoGensim(), *sys.meta_path])
    corpus(here)
    message = refused(call(capsys, "embed", "corpus=text.txt"))
    assert message == "embed: gensim is not installed; pip install 'rnnlab[embed]'"
    assert not (here / "outputs").exists()
    known_words(here)
    write(here / "v.txt", "cat 1 2\ndog 2 1\n")
    embed(capsys, "vectors=v.txt")


def test_help(capsys):
    said = call(capsys, "embed", "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("rnnlab embed corpus=")
    assert call(capsys, "embed").code == 2
