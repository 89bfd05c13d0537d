"""A tagger with all of its options, from files to answers."""

import json

import pytest

import rnnlab
from tiny import call, train

LINES = ["Ann saw Rome", "", "Bob Smith 🙂 left 漢字", "zzz", "Ann " * 3000]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    words = ["task.output=crf", "task.constrained=true", "data.scheme=bioes"]
    base = tmp_path_factory.mktemp("tagger")
    words += ["encoder.bidirectional=true", "data.batch_size=8", "optimizer.lr=0.03"]
    return train(base, "ner", *words, "trainer.max_epochs=12")


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
