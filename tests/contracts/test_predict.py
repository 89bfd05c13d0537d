"""From files to a model to answers: evaluate, predict and `rnnlab.load` agree with the run."""

import json
import os
import re
import sys
from contextlib import contextmanager
from io import BytesIO

import pytest
import torch

import rnnlab
from corpora import ALIKE, EVERY_TASK
from rnnlab.commands.plain_text import check_plain
from rnnlab.data.datasets.parity import Parity
from rnnlab.errors import ConfigError, DataError
from tiny import SMALL, call, refused, sentiment, start, train, write

LONG = "good " * 10_000
LINES = {
    "sentiment": [
        "a great film",
        "",
        "awful 🙂 plot 漢字 \u0085 x",
        "  ",
        LONG,
        "zzz qqq",
        "\x00\t",
    ],
    "ner": ["Ann saw Rome", "", "Bob Smith 🙂 left 漢字", " ", "Ann " * 10_000, "zzz"],
    "generate": ["cats", "", "dogs", "  ", " cats"],
    "language_model": ["one, tw", "", "zwölf", " ", "knock " * 500, "buckle m"],
    "translation": ["eins zwei", "", "drei 🙂 漢字 vier", " ", "fünf", "zzz"],
}


def predict(capsys, run, tmp_path, lines, *words):
    text = write(tmp_path / "in.txt", "".join(f"{line}\n" for line in lines))
    said = call(capsys, "predict", f"checkpoint={run.folder}", f"input={text}", *words)
    assert (said.code, said.err) == (0, ""), said.err
    return said.out


@pytest.mark.parametrize("task", EVERY_TASK)
def test_evaluation_gives_the_runs_own_figures(task, tiny_run, capsys):
    run = tiny_run(task)
    record = json.loads((run.folder / "metrics.json").read_text())
    for path in (run.folder, run.best):
        said = call(capsys, "evaluate", f"checkpoint={path}")
        assert said.code == 0
        told = json.loads(said.out)
        assert told["test"] == record["test"]
        assert told["checkpoint"] == str(run.best)
        assert told["scorers"] == record["scorers"]


@pytest.mark.parametrize("task", EVERY_TASK)
def test_evaluation_on_other_files(task, tiny_run, capsys):
    """The training files as test files: other figures; the test files named anew: the same."""
    run = tiny_run(task)
    record = json.loads((run.folder / "metrics.json").read_text())
    given = dict(word.split("=", 1) for word in run.words)
    group = f"data={given['data']}"
    for words in ([group], []):
        same = [*words, f"data.test={given['data.test']}"]
        told = json.loads(call(capsys, "evaluate", f"checkpoint={run.folder}", *same).out)
        assert told["test"] == record["test"]
        other = [*words, f"data.test={given['data.train']}"]
        told = json.loads(call(capsys, "evaluate", f"checkpoint={run.folder}", *other).out)
        assert told["test"].keys() == record["test"].keys()
        assert told["test"] != record["test"]


@pytest.mark.parametrize("option", ["max_length=3", "min_freq=2", "lower=false"])
def test_what_a_model_has_learnt_with_cannot_be_changed_behind_it(tiny_run, capsys, option):
    run = tiny_run("sentiment")
    said = refused(call(capsys, "evaluate", f"checkpoint={run.folder}", f"data.{option}"))
    key = option.partition("=")[0]
    assert said == f"data.{key}: belongs to the trained model and cannot change; leave it out"


def test_sentiment_answers_line_by_line(tiny_run, capsys, tmp_path):
    run = tiny_run("sentiment")
    answers = predict(capsys, run, tmp_path, LINES["sentiment"]).splitlines()
    assert len(answers) == len(LINES["sentiment"])
    assert all(re.fullmatch(r"(pos|neg)\t(0\.[5-9]\d{3}|1\.0000)", line) for line in answers)
    model = rnnlab.load(run.folder)
    expected = model.predict(LINES["sentiment"])
    assert answers == [f"{label}\t{probability:.4f}" for label, probability in expected]


def test_tags_come_as_columns(tiny_run, capsys, tmp_path):
    run = tiny_run("ner")
    blocks = predict(capsys, run, tmp_path, LINES["ner"]).split("\n")
    answers, block = [], []
    for line in blocks[:-1]:
        if line:
            block.append(line.split(" "))
        else:
            answers.append(block)
            block = []
    assert len(answers) == len(LINES["ner"])
    for text, rows in zip(LINES["ner"], answers, strict=True):
        assert [token for token, _ in rows] == text.split()
        tags = [tag for _, tag in rows]
        for before, tag in zip(["O", *tags], tags, strict=False):
            if tag.startswith("I-"):
                assert before[2:] == tag[2:], "an entity starts with B"
    model = rnnlab.load(run.best)
    assert [[tag for _, tag in rows] for rows in answers] == model.predict(LINES["ner"])


def test_translations_come_line_by_line(tiny_run, capsys, tmp_path):
    run = tiny_run("translation")
    answers = predict(capsys, run, tmp_path, LINES["translation"]).split("\n")
    assert answers.pop() == ""
    assert len(answers) == len(LINES["translation"])
    assert [answers[1], answers[3]] == ["", ""]
    assert answers == rnnlab.load(run.folder).predict(LINES["translation"])


def test_the_n_best_translations_have_number_and_score(tiny_run, capsys, tmp_path):
    run = tiny_run("translation")
    model, lines = rnnlab.load(run.folder), LINES["translation"]
    one = model.predict(lines)
    rows = [
        row.split("\t")
        for row in predict(capsys, run, tmp_path, lines, "num_return_sequences=3").splitlines()
    ]
    found = list(model.search(lines, num_return_sequences=3, batch_size=2))
    told = [[str(n), f"{s:.4f}", text] for n, each in enumerate(found, 1) for text, s in each]
    assert rows == told
    for number, (line, best) in enumerate(zip(lines, one, strict=True), start=1):
        mine = [(float(score), text) for n, score, text in rows if int(n) == number]
        assert len(mine) == (3 if line.strip() else 1)
        assert mine[0][1] == best
        assert [score for score, _ in mine] == sorted((score for score, _ in mine), reverse=True)
    plain = predict(capsys, run, tmp_path, lines, "num_return_sequences=1", "num_beams=5")
    assert plain == predict(capsys, run, tmp_path, lines)


@pytest.mark.parametrize(
    ("task", "words", "message"),
    [
        (
            "translation",
            ["num_return_sequences=9"],
            "num_return_sequences: 9 is more than a search",
        ),
        ("translation", ["num_return_sequences=3", "num_beams=2"], "finds; choose num_beams=3"),
        (
            "translation",
            ["num_return_sequences=0"],
            "num_return_sequences: '0' is not an int of at least 1",
        ),
        ("translation", ["num_beams=0"], "num_beams: '0' is not an int of at least 1"),
        (
            "translation",
            ["num_return_sequences=many"],
            "num_return_sequences: 'many' is not an int",
        ),
        (
            "translation",
            ["num_beams=2", "prompt=a"],
            "num_beams: texts for a prompt are drawn",
        ),
        ("sentiment", ["temperature=3"], "temperature: has an effect with prompt=TEXT only"),
        ("language_model", ["prompt=a"], "input, prompt: either lines of a file or one prompt"),
        (
            "sentiment",
            ["seed=99999999999999999999"],
            "is not an int of at least 0 and below 4294967296",
        ),
        ("sentiment", ["-m"], "-m: only 'rnnlab train' has this flag"),
        ("sentiment", ["num_return_sequences=2"], "a model of task Classify has no beam search"),
        ("language_model", ["num_beams=2"], "a model of task LanguageModel has no beam search"),
    ],
)
def test_searches_that_cannot_be(task, words, message, tiny_run, capsys, tmp_path):
    text = write(tmp_path / "in.txt", "")
    said = call(capsys, "predict", f"checkpoint={tiny_run(task).folder}", f"input={text}", *words)
    assert message in refused(said)


@pytest.mark.parametrize("task", EVERY_TASK)
def test_batches_change_nothing(task, tiny_run, capsys, tmp_path):
    """Order is that of the input, whatever the batch size; the last line needs no end."""
    run = tiny_run(task)
    lines = [line.split("\t")[0] for line in LINES[ALIKE[task]] if len(line) < 999] * 5
    model = rnnlab.load(run.folder)
    alone = [model.predict([line])[0] for line in lines]
    for size in (1, 3, 64):
        together = model.predict(lines, batch_size=size)
        if hasattr(alone[0], "probability"):
            assert [a[0] for a in together] == [a[0] for a in alone]
            close = [a.probability for a in together]
            assert close == pytest.approx([a.probability for a in alone], abs=1e-5)
        else:
            assert together == alone
    text = write(tmp_path / "x.txt", "\r\n".join(lines))
    said = call(capsys, "predict", f"checkpoint={run.folder}", f"input={text}", "batch_size=3")
    assert said.out == predict(capsys, run, tmp_path, lines)


def test_no_line_no_answer(tiny_run, capsys, tmp_path):
    assert predict(capsys, tiny_run("sentiment"), tmp_path, []) == ""
    assert rnnlab.load(tiny_run("sentiment").folder).predict([]) == []


def test_a_byte_order_mark_is_no_text(tiny_run, capsys, tmp_path):
    folder = tiny_run("sentiment").folder
    files = [write(tmp_path / f"{len(mark)}", f"{mark}good\nbad\n") for mark in ("", "\ufeff")]
    answers = [call(capsys, "predict", f"checkpoint={folder}", f"input={p}") for p in files]
    assert answers[0].out == answers[1].out
    assert answers[0].out.count("\n") == 2


def test_standard_input(tiny_run, capsys, tmp_path):
    run = tiny_run("sentiment")
    lines = [line for line in LINES["sentiment"] if "\x00" not in line]
    expected = predict(capsys, run, tmp_path, lines)
    stdin = "".join(f"{line}\n" for line in lines)
    # a terminal of another encoding changes nothing
    said = start(
        *("predict", f"checkpoint={run.folder}"),
        cwd=tmp_path,
        stdin=stdin,
        PYTHONIOENCODING="latin-1",
    )
    assert (said.code, said.err) == (0, "")
    assert said.out == expected


def test_output_is_utf8_wherever_it_goes(tiny_run, tmp_path):
    run = tiny_run("ner")
    said = start(
        *("predict", f"checkpoint={run.folder}"), cwd=tmp_path, stdin="漢字 🙂\n", LC_ALL="C",
        PYTHONIOENCODING="ascii", PYTHONUTF8="0",
    )  # fmt: skip
    assert (said.code, said.err) == (0, "")
    assert [line.split(" ")[0] for line in said.out.splitlines()] == ["漢字", "🙂", ""]


def test_loading_leaves_random_numbers_alone(tiny_run):
    folder = tiny_run("sentiment").folder  # may have to be trained first
    torch.manual_seed(3)
    before = torch.get_rng_state()
    rnnlab.load(folder).predict(["good"])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """A vector file where the letters of a word's class are near each other."""
    groups = {
        "nice": (1.0, 0.0), "fine": (0.9, 0.1), "superb": (0.95, 0.05), "lovely": (1.0, 0.1),
        "poor": (0.0, 1.0), "dull": (0.1, 0.9), "dreadful": (0.05, 0.95), "weak": (0.1, 1.0),
    }  # fmt: skip
    rows = [f"{word} {3 * x} {3 * y} 0.0\n" for word, (x, y) in groups.items()]
    return write(tmp_path_factory.mktemp("vectors") / "tiny.txt", "".join(rows))


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "tuned"])
def test_words_unseen_in_training_are_known_by_their_vectors(frozen, vectors, capsys, tmp_path):
    seen = {"nice": "pos", "fine": "pos", "poor": "neg", "dull": "neg"}
    unseen = {"superb": "pos", "lovely": "pos", "dreadful": "neg", "weak": "neg"}
    for split in ("train", "val"):
        rows = [f"{word}\t{label}\n" for word, label in seen.items()] * 16
        write(tmp_path / f"{split}.tsv", "".join(rows))
    write(tmp_path / "test.tsv", "".join(f"{word}\t{label}\n" for word, label in unseen.items()))
    files = [f"data.{split}={tmp_path}/{split}.tsv" for split in ("train", "val", "test")]
    chosen = ["embedding=glove", f"embedding.path={vectors}", f"embedding.frozen={frozen}"]
    small = [word for word in SMALL if "embedding" not in word and "epochs" not in word]
    words = [
        "task=sentiment",
        "data=sentiment_files",
        *files,
        *chosen,
        "embedding.embedding_dim=3",
        *small,
    ]
    words += ["trainer.max_epochs=10", "optimizer.lr=0.03", f"hydra.run.dir={tmp_path}/run"]
    said = call(capsys, "train", *words, "data.batch_size=16")
    assert said.code == 0, said.err
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert record["test"]["accuracy"] == 1.0
    told = json.loads(call(capsys, "evaluate", f"checkpoint={tmp_path}/run").out)
    assert told["test"] == record["test"]
    model = rnnlab.load(tmp_path / "run")
    assert [answer.label for answer in model.predict(list(unseen))] == list(unseen.values())
    shouted = model.predict([word.upper() for word in unseen])
    assert [answer.label for answer in shouted] == list(unseen.values())


def test_vectors_are_found_where_the_data_are_today(vectors, capsys, tmp_path, monkeypatch):
    root = tmp_path / "before"
    write(root / "tiny.txt", vectors.read_text())
    small = [word for word in SMALL if "embedding" not in word]
    chosen = ["embedding=glove", "embedding.path=tiny.txt", "embedding.embedding_dim=3"]
    words = [*sentiment(tmp_path / "data"), *small, *chosen, f"embedding.root={root}"]
    said = call(capsys, "train", *words, f"hydra.run.dir={tmp_path}/run")
    assert said.code == 0, said.err
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())
    root.rename(tmp_path / "today")
    monkeypatch.setenv("RNNLAB_DATA", str(tmp_path / "today"))
    told = json.loads(call(capsys, "evaluate", f"checkpoint={tmp_path}/run").out)
    assert told["test"] == record["test"]


def test_a_single_text_is_a_list_of_one_and_nothing_else_is_a_text(tiny_run):
    model = rnnlab.load(tiny_run("sentiment").folder)
    assert model.predict("a great film") == model.predict(["a great film"])
    assert len(model.predict(text for text in ("good", "bad"))) == 2
    for texts, message in (
        ([None], r"^texts\[0\]: None is no text$"),
        (["good", b"bad"], r"^texts\[1\]: b'bad' is no text$"),
        (None, "^texts: None is neither a text nor a list of texts$"),
        (7, "^texts: 7 is neither"),
    ):
        with pytest.raises(ConfigError, match=message):
            model.predict(texts)
    for size in (0, -1, 2.5):
        with pytest.raises(ConfigError, match=f"^batch_size: .*{size}"):
            model.predict(["good"], batch_size=size)


@pytest.mark.parametrize(
    ("task", "name", "content", "message"),
    [
        (
            "sentiment",
            "a.tsv",
            "a great film\tpos\nan awful plot\tneg\n",
            "texts with their labels",
        ),
        (
            "sentiment",
            "a.tsv",
            "id\tText\n7\tgood\n",
            r"a table with a header \(id, Text\); 'cut -f2 ",
        ),
        ("sentiment", "a.tsv", "pos\tgood\nneg\tbad\n", "texts with their labels; 'cut -f2 "),
        ("sentiment", "a.tsv", "label\ttext\npos\tgood\n", "a table with a header"),
        ("sentiment", "a.csv", 'text,label\n"good, great",pos\n', "CSV; give the texts alone"),
        ("sentiment", "a.txt", "text;label\ngood;pos\n", "CSV; give the texts alone"),
        ("sentiment", "a.txt", "good, film,pos\nbad,neg\nall,neg\n", "CSV; give the texts alone"),
        ("ner", "a.txt", "-DOCSTART- O\n\nAnn B-PER\nsaw O\n\nBob B-PER\n", "words with tags"),
        ("ner", "a.txt", "Ann X O\nsaw Y O\nRome Z B-LOC\n", "words with tags, one a line; give"),
        ("ner", "a.conllu", "# a\n1\tAnn\tX\n2\tsaw\tY\n", "words with tags, one a line"),
    ],
)
def test_tables_are_refused(task, name, content, message, tiny_run, capsys, tmp_path, monkeypatch):
    table, run = write(tmp_path / name, content), f"checkpoint={tiny_run(task).folder}"
    said = refused(call(capsys, "predict", run, f"input={table}"))
    assert re.match(rf"input: {re.escape(str(table))}: {message}", said), said
    for piped in (True, False):
        with given(content, monkeypatch, piped=piped, path=table):
            said = refused(call(capsys, "predict", run))
        assert re.match(rf"input: standard input: {message}", said), said


def test_a_table_for_a_generated_task_is_answered_with_what_the_model_reads():
    with pytest.raises(DataError, match=r"CSV; .* one a line, of the symbols 0 1 with blanks"):
        check_plain(BytesIO(b"a,b\n1,2\n"), "a.csv", Parity().spec())


@contextmanager
def given(content, monkeypatch, *, piped, path):
    """Standard input from a pipe, or as a file (`< path`)."""
    if piped:
        reader, writer = os.pipe()
        os.write(writer, content.encode())
        os.close(writer)
    with (
        os.fdopen(reader, encoding="utf-8") if piped else path.open(encoding="utf-8") as stream,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", stream)
        yield


def test_a_pipe_is_looked_at_without_waiting_and_nothing_is_lost(
    tiny_run, capsys, tmp_path, monkeypatch
):
    run = tiny_run("sentiment")
    lines = ["good film", "", "bad, plot", *["a, story"] * 400, "text, label", "the end"]
    expected = predict(capsys, run, tmp_path, lines)
    for piped in (True, False):
        text = "".join(f"{line}\n" for line in lines)
        with given(text, monkeypatch, piped=piped, path=tmp_path / "in.txt"):
            said = call(capsys, "predict", f"checkpoint={run.folder}")
        assert (said.code, said.err, said.out) == (0, "", expected)
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb") as end:
        end.write(b"good\tfilm\n")
        end.flush()  # and more may come
        check_plain(stream, "-", rnnlab.load(run.folder).spec)
        assert stream.readline() == b"good\tfilm\n"


@pytest.mark.parametrize(
    ("task", "lines"),
    [
        ("sentiment", ["good\tfilm", "pos", "pos\tneg film", "a\tpos", "text"]),
        ("sentiment", ["good, pos", "neg, pos"]),
        ("sentiment", ["good, pos", "neg, film", "the, end", 'a "quote, pos']),
        ("language_model", ["one, two,", "knock, knock", "one, door;"]),
        ("ner", ["Ann O", "Bob O", "Rome x"]),
        ("ner", ["Ann saw B-PER", "Bob"]),
    ],
)
def test_texts_that_look_a_little_like_tables_are_answered(task, lines, tiny_run, capsys, tmp_path):
    out = predict(capsys, tiny_run(task), tmp_path, lines)
    assert len(out.strip("\n").split("\n\n" if task == "ner" else "\n")) == len(lines)


def test_a_model_of_subwords_reads_raw_text(tmp_path, capsys):
    run = train(tmp_path, "sentiment", "data.level=bpe", "data.vocab_size=280")
    for split in ("train", "val"):
        (run.data / f"{split}.tsv").unlink()
    model = rnnlab.load(run.folder)
    assert model.inputs.tokenizer.split("good film") != ["good", "film"]
    answers = predict(capsys, run, tmp_path, ["a good film", "เรื่อง"])
    assert [line.partition("\t")[0] for line in answers.splitlines()] == [
        answer.label for answer in model.predict(["a good film", "เรื่อง"])
    ]
    assert call(capsys, "evaluate", f"checkpoint={run.folder}").code == 0
