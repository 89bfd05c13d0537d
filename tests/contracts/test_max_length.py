"""`data.max_length` shortens what a model reads, never what it is scored against."""

import json
import math

import pytest
from seqeval import metrics as seqeval

import rnnlab
from rnnlab.data.batch import Batch
from tiny import call, train, write

WORDS = ["optimizer.lr=0.05", "data.batch_size=8", "trainer.max_epochs=6"]


def sentences(path):
    return [
        [line.split() for line in block.splitlines()]
        for block in path.read_text().strip().split("\n\n")
    ]


def predicted(capsys, run, path, tmp_path):
    """The tags that `rnnlab predict` writes for the words of a CoNLL file."""
    text = tmp_path / "in.txt"
    text.write_text("".join(" ".join(w for w, _ in s) + "\n" for s in sentences(path)))
    said = call(capsys, "predict", f"checkpoint={run.folder}", f"input={text}")
    return [[row.split()[1] for row in s.splitlines()] for s in said.out.strip().split("\n\n")]


@pytest.mark.parametrize("output", ["softmax", "crf"])
def test_entities_beyond_it_are_missed(output, tmp_path, capsys):
    words = [*WORDS, "data.max_length=2", f"task.output={output}"]
    run = train(tmp_path, "ner", *words)
    record = json.loads((run.folder / "metrics.json").read_text())
    for split in ("val", "test"):
        path = run.data / f"{split}.conll"
        gold = [[tag for _, tag in sentence] for sentence in sentences(path)]
        assert any(tag != "O" for row in gold for tag in row[2:])
        told = predicted(capsys, run, path, tmp_path)
        assert [len(row) for row in told] == [len(row) for row in gold]
        counted = seqeval.f1_score(gold, told)
        assert record[split]["f1"] == pytest.approx(counted, abs=1e-6)
        assert counted < 1
    assert record["test"]["accuracy"] == pytest.approx(seqeval.accuracy_score(gold, told), abs=1e-6)


def test_tags_beyond_it_are_wrong(tmp_path):
    """Where no tag is `O`, a step that was not read counts as a mistake."""
    file = write(tmp_path / "a.conll", "a DT\ndog NN\n\nthe DT\ncat NN\nran VB\n\n" * 8)
    files = [f"data.{split}={file}" for split in ("train", "val", "test")]
    run = train(tmp_path, "ner", *WORDS, *files, "data.max_length=1", "task.metric=accuracy")
    record = json.loads((run.folder / "metrics.json").read_text())
    assert record["test"]["accuracy"] == pytest.approx(2 / 5)


def test_references_of_translations_are_whole(tmp_path):
    run = train(tmp_path, "translation", *WORDS, "data.max_length=2", "data.level=word")
    predictor = rnnlab.load(run.folder)
    lines = {side: (run.data / f"test.{side}").read_text().splitlines() for side in ("de", "en")}
    assert max(len(line.split()) for line in lines["en"]) > 2
    record = json.loads((run.folder / "metrics.json").read_text())
    task, spec = predictor.model.task, predictor.spec
    total = units = 0.0
    for source, target in zip(lines["de"], lines["en"], strict=True):
        batch = predictor.inputs.batch([source.split()[:2]])
        encoded = predictor.model.encoder(batch.inputs, batch.lengths, batch.words)
        vocab = spec.target_vocab
        ids = [vocab.start_id, *vocab.ids(target.split()), vocab.end_id]
        batch = Batch(batch.inputs, batch.lengths, batch.inputs.new_tensor([ids]))
        total += task.cross_entropy(encoded, batch, 0.0).item() * (len(ids) - 1)
        units += len(ids) - 1
    assert record["test"]["perplexity"] == pytest.approx(math.exp(total / units), rel=1e-4)
