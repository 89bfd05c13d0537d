"""One to many: from labels to texts, from files to answers."""

import json
import math

import numpy as np
import pytest
import torch

import rnnlab
from tiny import CORPORA, SMALL, call, refused, train

WORDS = ["trainer.max_epochs=12", "optimizer.lr=0.03", "data.batch_size=8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("generate"), "generate", *WORDS)


def test_it_learns_what_can_be_known(run):
    """Of two words a label has each; then the text ends: one bit for two tokens."""
    record = json.loads((run.folder / "metrics.json").read_text())
    assert record["monitor"] == "val/perplexity"
    assert record["test"]["perplexity"] == pytest.approx(math.sqrt(2), abs=0.1)


def test_texts_are_drawn_for_the_label(run):
    model = rnnlab.load(run.folder)
    for label, words in {"cats": ["meow", "purr"], "dogs": ["woof", "growl"]}.items():
        texts = model.write(label, num_return_sequences=400, seed=3)
        counts = np.array([texts.count(word) for word in words])
        assert counts.sum() > 390
        assert (counts > 120).all()
        assert set(model.write(label, num_return_sequences=20, temperature=0.0)) == {
            model.predict([label])[0]
        }
    first, again, other = (model.write("cats", num_return_sequences=9, seed=n) for n in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_best_texts_are_found_with_their_scores(run):
    """Each label has two words, of one half each; the end follows: log(1/2) over two tokens."""
    model = rnnlab.load(run.folder).model
    ids = torch.tensor([[model.task.source.id(label)] for label in ("cats", "dogs")])
    with torch.no_grad():
        cats, dogs = model.task.searcher(2, None)(model.encoder(ids, None))
    assert {found.text for found in cats} == {"meow", "purr"}
    assert {found.text for found in dogs} == {"woof", "growl"}
    for found in (*cats, *dogs):
        assert found.score == pytest.approx(math.log(0.5) / 2, abs=0.2)


@pytest.mark.parametrize("words", [["prompt=birds"], ["input=x.txt"]])
def test_a_label_that_is_not_known(run, words, capsys, tmp_path, monkeypatch):
    (tmp_path / "x.txt").write_text("birds\n")
    monkeypatch.chdir(tmp_path)
    checkpoint = f"checkpoint={run.folder.absolute()}"
    assert refused(call(capsys, "predict", checkpoint, *words)) == (
        "'birds' is no label that the model has learnt; these are cats, dogs"
    )


def test_an_empty_prompt(run, capsys):
    said = refused(call(capsys, "predict", f"checkpoint={run.folder}", "prompt="))
    assert said == "prompt: empty; name what the text is to be made for"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("data=text_files", "task generate needs tokens; data text_files gives next."),
    ],
)
def test_mistakes_are_one_line(word, message, capsys, tmp_path):
    given = CORPORA["generate"](tmp_path)
    if word.startswith("data="):
        given = ["task=generate"]
    words = [*given, *SMALL, f"hydra.run.dir={tmp_path}/run", word]
    assert refused(call(capsys, "train", *words)).startswith(message)


def test_any_text_can_be_the_source(tmp_path):
    """The same head on sentence pairs."""
    words = CORPORA["translation"](tmp_path / "data")
    words = ["task=generate" if word.startswith("task=") else word for word in words]
    with pytest.raises(SystemExit) as stopped:
        rnnlab.cli.main(["train", *words, *SMALL, f"hydra.run.dir={tmp_path}/run"])
    assert stopped.value.code == 0
    model = rnnlab.load(tmp_path / "run")
    assert len(model.write("eins zwei", num_return_sequences=3, max_new_tokens=5)) == 3
    assert isinstance(model.predict(["zzz"])[0], str)
