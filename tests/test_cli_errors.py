"""Bad data, bad folders, bad hardware: one line, exit code 2, nothing lost and nothing left."""

import gzip
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tiny import CORPORA, SMALL, call, refused, start, write

MEMORY = [
    *("task=delayed_recall", "data.lag=2", "data.train_size=64", "data.val_size=16"),
    *("data.test_size=16", *SMALL),
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Each test in a folder of its own, without the real data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNLAB_DATA", str(tmp_path / "none"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing is served there
    return tmp_path


def corpus(task):
    return [*CORPORA[task](Path("data").resolve()), *SMALL]


def refuse(capsys, *words):
    """The one line of a refused training, which leaves no folder behind."""
    message = refused(call(capsys, "train", *words))
    assert not Path("outputs").exists()
    return message


@pytest.mark.parametrize("task", ["sentiment", "ner", "translation"])
def test_corpus_that_is_not_there_and_cannot_be_fetched(task, capsys):
    message = refuse(capsys, f"task={task}")
    assert str(Path("none").resolve()) in message
    assert "http" in message


def test_vectors_that_are_not_there(capsys):
    message = refuse(capsys, *corpus("sentiment"), "embedding=glove", "embedding.path=my/vec.txt")
    assert "vec.txt" in message


def test_truncated_gzip(capsys):
    words = corpus("sentiment")
    whole = gzip.compress(Path("data/train.tsv").read_bytes())
    file = write(Path("data/train.tsv.gz").resolve(), whole[: len(whole) // 2])
    message = refuse(capsys, *words, f"data.train={file}")
    assert message.startswith(f"{file}: truncated or damaged")


@pytest.mark.parametrize(
    ("task", "name", "added", "part"),
    [
        ("sentiment", "train.tsv", b"no tab\n", "{line}: text<TAB>label needs one tab, not 0"),
        ("sentiment", "test.tsv", b"a\tb\tc\n", "{line}: text<TAB>label needs one tab, not 2"),
        ("sentiment", "train.tsv", b"a \xff\tpos\n", "{line}: not UTF-8 (byte 0xff at column 3)"),
        ("sentiment", "test.tsv", b"good\t \n", "{line}: the label is empty"),
        ("ner", "train.conll", b"\nAnn B-PER x\n", "{line}: 3 columns, where the first row has 2"),
        ("ner", "test.conll", b"\nAnn\n", "{line}: 1 columns, where the first row has 2"),
        ("ner", "test.conll", b"\nAnn\xe9 O\n", "{line}: not UTF-8 (byte 0xe9 at column 4)"),
        ("translation", "train.en", b"one more\n", "lines"),
        ("translation", "test.en", b"one more\n", "lines"),
        ("translation", "test.de", b"f\xfcnf\n", "{line}: not UTF-8 (byte 0xfc at column 2)"),
    ],
)
def test_bad_lines_name_their_place(task, name, added, part, capsys):
    words = corpus(task)
    file = (Path("data") / name).resolve()
    content = file.read_bytes() + added
    file.write_bytes(content)
    message = refuse(capsys, *words)
    assert str(file) in message
    line = content.count(b"\n")
    assert part.format(line=f":{line}") in message


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize(
    ("task", "name", "added", "part"),
    [
        (
            "sentiment",
            "{}.tsv",
            "so so\tmixed\n",
            "unseen label 'mixed'; the training data has neg, pos",
        ),
        (
            "ner",
            "{}.conll",
            "\nAnn B-ORG\n",
            "unseen tag at token 1, 'B-ORG'; the training data ",
        ),
    ],
)
def test_labels_unseen_in_training_name_their_place(task, name, added, part, split, capsys):
    words = corpus(task)
    file = (Path("data") / name.format(split)).resolve()
    file.write_text(file.read_text() + added)
    line = file.read_text().count("\n")
    assert refuse(capsys, *words).startswith(f"{file}:{line}: {part}")


def test_tags_that_are_no_entities(capsys):
    words = corpus("ner")
    for split in ("train", "val", "test"):
        write(Path(f"data/{split}.conll"), "Ann NOUN\nleft VERB\n")
    assert refuse(capsys, *words).startswith(
        "task.metric: 'entity' needs tags O, B-TYPE and I-TYPE"
    )
    assert call(capsys, "train", *words, "task.metric=accuracy").code == 0


@pytest.mark.parametrize(
    ("task", "split"),
    [*zip(CORPORA, ["train", "val", "test"] * 9, strict=False), ("sentiment", "test")],
)
def test_empty_splits(task, split, capsys):
    words = corpus(task)
    for file in Path("data").glob(f"{split}.*"):
        file.write_text("\n" if task != "ner" else "")
    message = refuse(capsys, *words)
    assert split in message
    assert "empty" in message


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_that_was_not_given(split, capsys):
    words = [word for word in corpus("sentiment") if not word.startswith(f"data.{split}=")]
    expected = f"data.{split}: not given; name the file with data.{split}=FILE"
    if split != "train":
        expected += ", or hold it out: data.split=[0.8,0.1,0.1]"
    assert refuse(capsys, *words) == expected


def test_options_out_of_range(capsys):
    table = {
        "data.lag=0": "data.lag: '0' is not an int of at least 1",
        "data.symbols=1": "data.symbols: '1' is not an int of at least 2 and at most 26",
        "data.batch_size=0": "data.batch_size: '0' is not an int of at least 1 or null",
        "cell.hidden_size=0": "cell.hidden_size: '0' is not an int of at least 1",
    }
    for word, message in table.items():
        assert refuse(capsys, *MEMORY, word) == message


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("encoder.num_layers=0", "num_layers"),
        ("encoder.dropout=1.5", "dropout"),
        ("task.dropout=-1", "dropout"),
        ("embedding.embedding_dim=0", "embedding_dim"),
        ("optimizer.lr=-1", "optimizer.lr: '-1' is not a float of at least 0"),
        ("optimizer.betas=[0.9]", "optimizer.betas: '[0.9]' is not a list of 2 (each a float of"),
        ("trainer.max_epochs=-7", "max_epochs"),
        ("trainer.precision=12", "precision"),
        ("trainer.accelerator=abacus", "abacus"),
        ("trainer.devices=0", "devices"),
        (
            "trainer.gradient_clip_val=-1",
            "trainer.gradient_clip_val: '-1' is not a float of at least 0",
        ),
        ("trainer.gradient_clip_algorithm=harder", "harder"),
        ("trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches: '0' is not an int"),
        ("trainer.log_every_n_steps=0", "trainer.log_every_n_steps: '0' is not an int"),
        ("trainer.limit_train_batches=-1", "limit_train_batches"),
        ("trainer.strategy=magic", "magic"),
        ("checkpoint.every_n_steps=0", "checkpoint.every_n_steps: '0' is not an int of at least 1"),
        ("early_stopping.patience=-1", "early_stopping.patience: '-1' is not an int"),
        ("seed=-1", "seed: '-1' is not an int of at least 0"),
        ("seed=5000000000", "seed: '5000000000' is not an int of at least 0 and below 42949"),
    ],
)
def test_impossible_values_are_one_line(word, part, capsys):
    said = call(capsys, "train", *MEMORY, "data.batch_size=16", word)
    message = refused(replace(said, out=""))  # what is trained may have been said by then
    assert part in message
    assert not Path("outputs").exists()


def test_folders_that_cannot_be_written(capsys, here):
    file = write(here / "file", "kept")
    for folder in ("/dev/null/x", file, file / "below", "/proc/nothing"):
        message = refused(call(capsys, "train", *MEMORY, f"hydra.run.dir={folder}"))
        assert str(folder) in message or str(Path(folder).parent) in message
    assert file.read_text() == "kept"
    write(here / "outputs", "a file where the folder should be")
    assert "outputs" in refused(call(capsys, "train", *MEMORY))


def test_a_folder_with_other_things_in_it_is_left_alone(capsys, here):
    kept = write(here / "run" / "notes.txt", "mine")
    words = [*corpus("sentiment"), "data.test=nowhere.tsv", "hydra.run.dir=run"]
    assert refused(call(capsys, "train", *words)) == "nowhere.tsv: no such file"
    assert kept.read_text() == "mine"


@pytest.mark.skipif(torch.cuda.device_count() > 1, reason="there are two devices")
def test_hardware_that_is_not_there(capsys):
    message = refuse(capsys, *MEMORY, "trainer.devices=2")
    assert message.startswith("trainer.devices: 2 asked for, but there is no GPU here")
    if not torch.cuda.is_available():
        assert refuse(capsys, *MEMORY, "trainer=gpu").startswith("trainer: ")
        assert refuse(capsys, *MEMORY, "trainer=ddp").startswith("trainer.devices: 2 asked for")


@pytest.mark.parametrize("words", [["trainer.devices=2"], ["trainer=ddp"], ["trainer.devices=1,2"]])
def test_several_processes_in_a_multirun(words, capsys):
    message = refuse(capsys, "-m", *MEMORY, "cell=rnn,gru", *words)
    assert message.startswith("trainer.devices: 2 cannot work in a multirun")
    assert "trainer.devices=1" in message


def test_evaluation_on_data_of_another_kind_or_vocabulary(tiny_run, capsys, here):
    run = tiny_run("sentiment")
    evaluate = ["evaluate", f"checkpoint={run.folder}"]
    message = refused(call(capsys, *evaluate, "data=conll_files", "data.test=x"))
    assert message.startswith("task sentiment needs label; data conll_files gives tags")
    message = refused(call(capsys, *evaluate, "data=delayed_recall"))
    assert "the trained model has other inputs or targets" in message
    file = write(here / "other.tsv", "fine\tpos\nso so\tmixed\n")
    message = refused(call(capsys, *evaluate, "data=sentiment_files", f"data.test={file}"))
    assert message == f"{file}:2: unseen label 'mixed'; the trained model knows neg, pos"
    assert refused(call(capsys, *evaluate, f"data.test={file}")) == message
    message = refused(call(capsys, *evaluate, "data.tset=x"))
    assert message == "data.tset: SentimentFiles has no such option; did you mean 'test'?"
    message = refused(call(capsys, *evaluate, "cell=gru"))
    assert message.startswith("cell: rnnlab evaluate has no such option; there are: ")


def test_words_that_predict_and_evaluate_do_not_know(tiny_run, capsys, here):
    run = f"checkpoint={tiny_run('sentiment').folder}"
    text = write(here / "in.txt", "good\n")
    assert refused(call(capsys, "predict", run, "inptu=x")).endswith("did you mean 'input'?")
    assert refused(call(capsys, "predict", run, "input=nowhere")).startswith("input: cannot read")
    assert refused(call(capsys, "predict", run, f"input={here}")).startswith("input: cannot read")
    assert refused(call(capsys, "predict", run, f"input={text}", "batch_size=0")).startswith(
        "batch_size: '0'"
    )
    assert refused(call(capsys, "evaluate", run, "trainer.max_epoch=2")).startswith(
        "trainer.max_epoch: Trainer has no such option"
    )
    for word in ("evaluate", "predict"):
        assert refused(call(capsys, word, "trust=[]")) == (
            "checkpoint: missing; say checkpoint=..."
        )


def test_input_that_is_not_utf8_names_its_line(tiny_run, capsys, here):
    run = f"checkpoint={tiny_run('sentiment').folder}"
    text = write(here / "in.txt", b"good\nbad\nna\xefve\n")
    said = call(capsys, "predict", run, f"input={text}")
    assert (said.code, said.err) == (2, f"rnnlab: {text}:3: not UTF-8 (byte 0xef at column 3)\n")


def test_predictions_need_a_model_of_text(capsys, here):
    assert call(capsys, "train", *MEMORY, "task=adding", "hydra.run.dir=run").code == 0
    text = write(here / "in.txt", "a\n")
    for words in (("predict", f"input={text}"), ("export", "output=out")):
        message = refused(call(capsys, *words, "checkpoint=run"))
        assert "neither text nor sound: predict and export" in message
    assert not (here / "out").exists()


def test_resuming_what_cannot_be_resumed(tiny_run, capsys, here):
    shutil.copytree(tiny_run("sentiment").folder, here / "run")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    table = {
        "": "resume: the run has all of its 4 epochs; ask for more, such as trainer.max_epochs=5",
        "trainer.max_epochs=2": "resume: the run has all of its 4 epochs; ask for more",
        "trainer.max_epochs=9 cell.hiden_size=3": "cell.hiden_size: cannot change in a resumed",
        "trainer.max_epochs=9 cell=gru": "cell: cannot change in a resumed run",
        "trainer.max_epochs=9 trainer.max_epoch=3": "trainer.max_epoch: Trainer has no such option",
        "trainer.max_epochs=many": "trainer.max_epochs: 'many' is not one of -1 or",
        "trainer.max_epochs=9 sead=3": "sead: cannot change in a resumed run",
        "trainer.max_epochs=9 seed=x": "seed: cannot change in a resumed run",
        "trainer.max_epochs=9 data.level=char": "data.level: cannot change in a resumed run",
        "-m": "run: not the folder of a sweep: it has no ledger",
    }
    for words, message in table.items():
        said = call(capsys, "train", "resume=run", *words.split())
        assert refused(said).startswith(message)
    assert refused(call(capsys, "train", "resume=")).startswith("resume: name the folder of a run")
    after = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert after == before


def test_unknown_words_of_data(capsys):
    assert refused(call(capsys, "data", "lits")).startswith("data: 'lits' is not one of list")
    assert "imdb" in refused(call(capsys, "data", "fetch", "imdbb"))
    assert "imdb" in refused(call(capsys, "data", "verify", "imdbb"))


def test_help_and_version(capsys):
    import rnnlab

    assert call(capsys, "--version").out == f"{rnnlab.__version__}\n"
    program = call(capsys, "--help")
    assert (program.code, program.err) == (0, "")
    train = call(capsys, "train", "--help")
    assert train.code == 0
    assert "sentiment_files" in train.out
    assert train.out != program.out
    for word in ("evaluate", "predict", "data", "check"):
        said = call(capsys, word, "--help")
        assert (said.code, said.err) == (0, "")
        assert f"rnnlab {word}" in said.out


def test_nothing_is_printed_twice_by_the_program_itself(here):
    """What Hydra, Lightning or Python would add shows in a process of its own alone."""
    words = [*corpus("sentiment"), "data.train=nowhere.tsv"]
    said = start("train", *words, cwd=here)
    assert refused(said) == "nowhere.tsv: no such file"
    assert not (here / "outputs").exists()


def test_a_reader_that_leaves_is_no_error(tiny_run, here):
    import subprocess

    run = tiny_run("sentiment").folder
    text = write(here / "in.txt", "good film\n" * 5000)
    shell = f"{sys.executable} -m rnnlab predict checkpoint={run} input={text} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shell}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def test_metrics_of_a_sound_run_are_json(capsys, here):
    assert call(capsys, "train", *corpus("sentiment"), "hydra.run.dir=run").code == 0
    record = json.loads((here / "run" / "metrics.json").read_text())
    assert record["status"] == "completed"
    assert 0 <= record["test"]["accuracy"] <= 1
