"""What a run was made of: vectors that move or change, data that changes."""

import json
import shutil

import numpy as np
import pytest
import torch

import rnnlab
from rnnlab.cli import main
from rnnlab.data.vector_file import VectorTable
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.nn import vectors
from rnnlab.nn.vectors import FileVectors
from rnnlab.runs.origin import changed_files
from rnnlab.training.checkpoint import Origin, read_checkpoint
from tiny import SMALL, call, refused, sentiment, write

KNOWN = {"good": [1.0, 0.5, -1.0], "bad": [-1.0, 0.5, 1.0], "the": [0.0, 0.1, 0.0]}
UNSEEN = {"splendid": [4.0, 2.0, -4.0], "dreadful": [-4.0, 2.0, 4.0]}


def vector_file(path, words):
    return write(path, "".join(f"{w} {' '.join(map(str, v))}\n" for w, v in words.items()))


@pytest.fixture(scope="module", params=["null", "false"])
def trained(request, tmp_path_factory):
    """A run with word vectors; the value of `embedding.save`, its folder and the file."""
    base = tmp_path_factory.mktemp("trained")
    file = vector_file(base / "v.txt", KNOWN | UNSEEN)
    words = [*sentiment(base / "data"), *(w for w in SMALL if "embedding" not in w)]
    words += ["embedding=word2vec", f"embedding.path={file}", f"embedding.save={request.param}"]
    with pytest.raises(SystemExit) as stopped:
        main(["train", *words, f"hydra.run.dir={base / 'run'}"])
    assert stopped.value.code == 0
    return request.param != "false", base / "run", file


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, whose vectors may be changed."""
    kept, folder, file = trained
    shutil.copytree(folder, tmp_path / "run")
    before = file.read_bytes()
    yield kept, tmp_path / "run", file
    file.write_bytes(before)


def ways(folder):
    """Every command that needs the model."""
    text = write(folder.parent / "in.txt", "splendid\ndreadful\n")
    yield "predict", f"checkpoint={folder}", f"input={text}"
    yield "evaluate", f"checkpoint={folder}"
    yield "analyze", f"checkpoint={folder}", "k=2", "steps=20", "transient=5", "streams=2"
    yield "train", f"resume={folder}", "trainer.max_epochs=2"


def answers(capsys, folder, *more):
    (words, *_) = ways(folder)
    said = call(capsys, *words, *more)
    assert said.code == 0, said.err
    return said.out


def test_a_model_that_keeps_its_vectors_is_one_file(run, capsys):
    kept, folder, file = run
    before = answers(capsys, folder)
    assert before.split("\n")[0] != before.split("\n")[1]  # unseen words differ by their vectors
    file.unlink()
    for words in ways(folder):
        said = call(capsys, *words)
        if kept:
            assert said.code == 0, said.err
        else:
            message = refused(said)
            assert message.startswith(f"vectors: no {file} or {file}.gz below ")
            assert message.endswith("are now, say embedding.path=FILE")
    write(file, b"")
    if kept:
        assert answers(capsys, folder) == before


def test_vectors_may_be_named_anew_if_they_are_the_same(run, capsys, tmp_path):
    kept, folder, file = run
    before = answers(capsys, folder)
    moved = tmp_path / "a=b, (c)" / "moved.txt"
    moved.parent.mkdir()
    shutil.copy(file, moved)
    other = vector_file(tmp_path / "other.txt", KNOWN)
    file.unlink()
    assert answers(capsys, folder, f"embedding.path={moved}") == before
    assert rnnlab.load(folder, embedding_path=str(moved)).predict(["splendid"])
    for words in ways(folder):
        said = call(capsys, *words, f"embedding.path={other}")
        assert "not the vectors that" in refused(said)
        if words[0] == "predict":
            continue
        said = call(capsys, *words, f"embedding.path='{moved}'")
        assert said.code == 0, said.err
    if not kept:  # the file of the resumed run is the one to look for from now on
        assert read_checkpoint(folder / "checkpoints" / "last.ckpt").cfg["embedding"][
            "path"
        ] == str(moved)


def test_vectors_that_changed_are_not_taken_for_the_others(run, capsys):
    kept, folder, file = run
    before = answers(capsys, folder)
    vector_file(file, KNOWN | {word: [-x for x in vector] for word, vector in UNSEEN.items()})
    for words in ways(folder):
        said = call(capsys, *words)
        if kept:
            assert said.code == 0, said.err
        else:
            assert refused(said).startswith("v.txt: not the vectors that ")
    if kept:
        assert answers(capsys, folder) == before


def test_resumed_is_as_if_it_had_not_been_stopped(run, capsys):
    kept, folder, file = run
    if kept:
        file.unlink()
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole)
    for epochs in (2, 3):
        assert call(capsys, "train", f"resume={folder}", f"trainer.max_epochs={epochs}").code == 0
    assert call(capsys, "train", f"resume={whole}", "trainer.max_epochs=3").code == 0
    one, two = (
        torch.load(f / "checkpoints" / "last.ckpt", weights_only=True) for f in (folder, whole)
    )
    assert all(torch.equal(one["state_dict"][k], two["state_dict"][k]) for k in one["state_dict"])
    record = json.loads((folder / "metrics.json").read_text())
    assert "v.txt" in record["data"]


@pytest.mark.parametrize(
    ("save", "rows", "kept"),
    [
        (None, 100, True),
        (None, 101, False),
        (True, 101, True),
        (False, 3, False),
    ],
)
def test_large_vectors_are_kept_only_on_request(save, rows, kept, monkeypatch):
    assert vectors.LARGE == 32_000_000
    monkeypatch.setattr(vectors, "LARGE", 800)  # a hundred words of two float32
    found = FileVectors(path="x", embedding_dim=2, save=save)
    words = [f"w{i}" for i in range(rows)]
    table = np.zeros((rows, 2), "f4")
    found.table = VectorTable(words, table)
    vocab = Vocab([PAD, UNK]).extend(words, lower_fallback=True)
    assert (found.to_keep(vocab) is not None) is kept


def test_a_file_for_a_model_without_one(tiny_run, capsys):
    message = refused(
        call(capsys, "predict", f"checkpoint={tiny_run('sentiment').folder}", "embedding.path=x")
    )
    assert message == "embedding.path: the model's word vectors are from no file"


@pytest.fixture
def tiny(tiny_run, tmp_path):
    """A finished run whose data may be changed."""
    done = tiny_run("sentiment")
    shutil.copytree(done.folder, tmp_path / "run")
    before = {path: path.read_bytes() for path in done.data.iterdir()}
    yield done.data, tmp_path / "run"
    for path, content in before.items():
        path.write_bytes(content)


def change(file):
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(reversed(lines)))


def test_resume_refuses_changed_training_data(tiny, capsys):
    data, run = tiny
    before = (run / "metrics.json").read_bytes()
    change(data / "train.tsv")
    message = refused(call(capsys, "train", f"resume={run}", "trainer.max_epochs=5"))
    assert message.startswith(f"data.train: {data / 'train.tsv'} changed since the run began")
    assert (run / "metrics.json").read_bytes() == before
    assert "changed" not in call(capsys, "evaluate", f"checkpoint={run}").err


def test_other_splits_that_changed_are_told(tiny, capsys, caplog):
    data, run = tiny
    change(data / "test.tsv")
    change(data / "val.tsv")
    told = [
        f"data.{split}: {data / split}.tsv changed since training (the sha256 differs)"
        for split in ("val", "test")
    ]
    for words, expected in [
        (["evaluate", f"checkpoint={run}"], told[1:]),
        (["evaluate", f"checkpoint={run}", f"data.test={data / 'test.tsv'}"], []),
        (["train", f"resume={run}", "trainer.max_epochs=5"], told),
    ]:
        caplog.clear()
        assert call(capsys, *words).code == 0
        assert [r.getMessage() for r in caplog.records if "changed" in r.getMessage()] == expected


def test_a_checkpoint_of_an_earlier_version_knows_no_files(tiny, capsys):
    data, run = tiny
    for name in ("best", "last"):
        file = run / "checkpoints" / f"{name}.ckpt"
        content = torch.load(file, weights_only=True)
        del content["rnnlab"]["files"], content["rnnlab"]["vectors"]
        torch.save(content, file)
    change(data / "train.tsv")
    assert call(capsys, "train", f"resume={run}", "trainer.max_epochs=5").code == 0
    assert set(read_checkpoint(run / "checkpoints" / "last.ckpt").origin.files) == {
        *("train", "val", "test", "embedding")
    }


def test_names_do_not_matter(tmp_path):
    class Data:
        def __init__(self, sums):
            self.sums = sums

        def checksums_of(self, split):
            return self.sums

    origin = Origin(files={"train": {"a": "1", "b": "2"}})
    assert changed_files(Data({"c": "1", "d": "2"}), "train", origin) == ""
    assert changed_files(Data({"c": "1", "d": "3"}), "train", origin) == "d"
    assert changed_files(Data({"c": "2", "d": "1"}), "train", origin) == "c, d"
    assert changed_files(Data({"c": "9"}), "val", origin) == ""
