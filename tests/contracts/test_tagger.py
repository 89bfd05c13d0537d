"""A tagger with all of its options, from files to answers."""

import json

import pytest
import torch

import rnnlab
from tiny import SMALL, call, conll, refused, train

LINES = ["Ann saw Rome", "", "Bob Smith 🙂 left 漢字", "zzz", "Ann " * 3000]
CHARACTERS = {
    "none": ["diagnostics=off"],
    "cnn": ["characters=cnn", "characters.shape_size=4", "encoder.variational_dropout=true"],
    "recurrent": ["characters=recurrent", "characters.hidden_size=6"],
    "shape": [
        *("characters=shape", "encoder.word_dropout=0.05"),
        *("task.frequency_bias=false", "diagnostics=off"),
    ],
}


@pytest.fixture(scope="module", params=CHARACTERS)
def run(request, tmp_path_factory):
    words = ["task.output=crf", "task.constrained=true", "data.scheme=bioes"]
    words += ["encoder.bidirectional=true", "data.batch_size=8", "optimizer.lr=0.02"]
    words += ["diagnostics=full", "logger=tensorboard", *CHARACTERS[request.param]]
    return train(tmp_path_factory.mktemp("tagger"), "ner", *words, "trainer.max_epochs=20")


def test_it_learns_and_evaluates_as_it_was_tested(run, capsys):
    record = json.loads((run.folder / "metrics.json").read_text())
    assert record["test"]["f1"] > 0.9
    told = json.loads(call(capsys, "evaluate", f"checkpoint={run.folder}").out)
    assert told["test"] == record["test"]
    # of other files no scheme is asked for: it is the model's
    same = ["data=conll_files", f"data.test={run.data}/test.conll"]
    told = json.loads(call(capsys, "evaluate", f"checkpoint={run.folder}", *same).out)
    assert told["test"] == pytest.approx(record["test"], rel=1e-5)  # in batches of another size


def test_it_answers_in_iob2(run):
    model = rnnlab.load(run.folder)
    answers = model.predict(LINES)
    assert [len(answer) for answer in answers] == [len(line.split()) for line in LINES]
    assert {tag[0] for answer in answers for tag in answer} <= set("OBI")
    assert answers == [model.predict([line])[0] for line in LINES]


def test_unknown_words_are_told_apart_by_their_letters(tmp_path):
    """Every name ends in -son, and no name of the test was seen in training."""
    names = [f"{a}{b}son" for a in "abcdef" for b in "aeiou"]
    plain = [f"{a}{b}ing" for a in "abcdef" for b in "aeiou"]
    for split, part in (("train", slice(0, 20)), ("val", slice(0, 20)), ("test", slice(20, 30))):
        pairs = zip(names[part], plain[part], strict=True)
        rows = [f"{name} B-PER\n\n{word} O\n\n" for name, word in pairs]
        (tmp_path / f"{split}.conll").write_text("".join(rows) * (1 if split == "test" else 8))
    files = [f"data.{split}={tmp_path}/{split}.conll" for split in ("train", "val", "test")]
    scores = {}
    for choice in ("none", "cnn", "recurrent"):
        words = ["task=ner", "data=conll_files", *files, *SMALL, f"characters={choice}"]
        words += ["optimizer.lr=0.02", "data.batch_size=4", f"hydra.run.dir={tmp_path}/{choice}"]
        with pytest.raises(SystemExit):
            rnnlab.cli.main(["train", *words, "trainer.max_epochs=2"])
        scores[choice] = json.loads((tmp_path / choice / "metrics.json").read_text())["test"]["f1"]
    assert scores["none"] < 0.7
    assert scores["cnn"] == scores["recurrent"] == 1.0
    model = rnnlab.load(tmp_path / "cnn")
    assert model.predict(["zzson", "zzing"]) == [["B-PER"], ["O"]]


def test_a_checkpoint_from_before_there_were_characters(tmp_path):
    run = train(tmp_path, "ner")
    old = torch.load(run.best, weights_only=True)
    del old["rnnlab"]["config"]["characters"], old["rnnlab"]["spec"]["characters"]
    torch.save(old, tmp_path / "old.ckpt")
    assert rnnlab.load(tmp_path / "old.ckpt").predict(LINES) == rnnlab.load(run.best).predict(LINES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["characters=cn"],
            "characters: no choice 'cn'; did you mean 'cnn'?",
        ),
        (["characters=cnn", "characters.filter=3"], "characters.filter: CharacterCNN has no such"),
        (["characters=cnn", "task=copying", "data=copying"], "characters: Copying gives no words"),
        (["data.scheme=bio"], "data.scheme: 'bio' is not one of iob2, bioes"),
        (["task.output=crff"], "task.output: 'crff' is not one of softmax, crf"),
        (["task=copying", "data=copying", "task.constrained=true"], "task.constrained: true needs"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, capsys):
    given = conll(tmp_path)
    if "task=copying" in words:
        given = ["data.lag=2", "data.train_size=20", "data.val_size=9", "data.test_size=9"]
    small = [*SMALL, f"hydra.run.dir={tmp_path}/run"]
    assert refused(call(capsys, "train", *given, *small, *words)).startswith(message)


def test_a_crf_on_data_with_steps_without_a_tag_is_refused(tmp_path, capsys):
    sizes = ["data.lag=2", "data.train_size=20", "data.val_size=9", "data.test_size=9"]
    words = ["task=copying", *sizes, *SMALL, "task.output=crf", f"hydra.run.dir={tmp_path}/run"]
    said = call(capsys, "train", *words)
    assert said.code == 2
    assert said.err.startswith("rnnlab: task.output: crf needs a tag at every step")
    assert said.err.count("\n") == 1
