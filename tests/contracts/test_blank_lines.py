"""Blank lines of parallel texts: translated alike in evaluation and in prediction, and counted."""

import json

import pytest
from sacrebleu import corpus_bleu

from tiny import call, parallel, train, write


def blanked(folder):
    """The tiny corpus with blank lines on either side of each split."""
    parallel(folder)
    for split in ("train", "val", "test"):
        for side, rows in (("de", (1, 4)), ("en", (4, 7, 8))):
            lines = (folder / f"{split}.{side}").read_text().splitlines()
            kept = ["" if n in rows else line for n, line in enumerate(lines)]
            write(folder / f"{split}.{side}", "\n".join(kept) + "\n")


def test_evaluation_answers_a_blank_source_as_prediction_does(tmp_path, capsys):
    words = ["data.level=word", "optimizer.lr=0.05", "data.batch_size=8", "trainer.max_epochs=8"]
    blanked(tmp_path / "blank")
    files = [
        f"data.{split}=[{tmp_path}/blank/{split}.de,{tmp_path}/blank/{split}.en]"
        for split in ("train", "val", "test")
    ]
    run = train(tmp_path, "translation", *words, *files)
    out = capsys.readouterr().out
    assert "note     4 of 48 train pairs have a blank side: learnt as they are" in out
    assert "note     4 of 14 test pairs have a blank side: a blank source has an empty" in out
    source = tmp_path / "blank" / "test.de"
    said = call(capsys, "predict", f"checkpoint={run.folder}", f"input={source}")
    answers = said.out.split("\n")[:-1]
    assert (answers[1], answers[4]) == ("", "")
    references = (tmp_path / "blank" / "test.en").read_text().split("\n")[:-1]
    expected = corpus_bleu(answers, [references]).score
    record = json.loads((run.folder / "metrics.json").read_text())
    assert expected > 1
    assert record["test"]["bleu"] == pytest.approx(expected)
