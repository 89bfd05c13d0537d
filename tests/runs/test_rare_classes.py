"""Weights of classes and balanced sampling in whole runs."""

import pytest

from corpora import CORPORA
from rnnlab.config.compose import compose_words
from rnnlab.errors import ConfigError
from rnnlab.runs import train
from rnnlab.runs.dry_build import check_fit
from rnnlab.runs.resume import resume_run
from rnnlab.training.checkpoint import load_plain
from runs import StopAt, equal
from tiny import SMALL, call, refused, write


def table(folder):
    """Texts of two labels, 3 to 1; the overrides that train on them."""
    for split, size in {"train": 60, "val": 12, "test": 12}.items():
        rows = [
            f"{'awful' if row % 4 == 0 else 'great'} number {row},{'bad' if row % 4 == 0 else 'ok'}"
            for row in range(size)
        ]
        write(folder / f"{split}.csv", "\n".join(["text,label", *rows, ""]))
    files = [f"data.{split}={folder / f'{split}.csv'}" for split in ("train", "val", "test")]
    return ["task=sentiment", "data=table_files", *files, *SMALL]


def run(folder, *words):
    composed = compose_words("train", list(words))
    return train.run(composed.cfg, composed.choices, folder)


def test_stopped_and_resumed_is_as_if_never_stopped(tmp_path, monkeypatch, capsys):
    words = [*table(tmp_path), "task.class_weights=balanced", "data.balanced_sampling=true"]
    words = [*words, "trainer.accelerator=cpu", "trainer.max_epochs=2"]
    words += ["baseline=true", "checkpoint.every_n_steps=2", "checkpoint.max_overhead=1"]
    whole = run(tmp_path / "whole", *words)
    out = capsys.readouterr().out
    assert "weights of the labels in the losses: bad 2, ok 0.6667\n" in out
    assert "training draws each of 2 classes equally often\n" in out
    assert "baseline test.accuracy" in out
    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *a: [*real(*a), StopAt(3, 1)])
        assert run(tmp_path / "stopped", *words).status == "interrupted"
    resumed = resume_run(tmp_path / "stopped", [], [])
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "stopped/checkpoints/last.ckpt")
    assert resumed.record["test"] == whole.record["test"]
    state = load_plain(tmp_path / "whole/checkpoints/last.ckpt")["state_dict"]
    assert not [name for name in state if "class_weights" in name]
    said = call(capsys, "evaluate", f"checkpoint={tmp_path / 'whole'}")
    assert f'"loss": {whole.record["test"]["loss"]}' in said.out


def test_a_list_of_another_length(tmp_path, capsys):
    words = [*table(tmp_path), "task.class_weights=[1,2,3]"]
    assert check_fit(compose_words("train", words).cfg) == []  # the file is not read
    with pytest.raises(ConfigError, match=r"class_weights: 3 weights, but .* 2 labels: bad, ok$"):
        run(tmp_path / "run", *words)
    found = refused(call(capsys, "check", "task=parity", "task.class_weights=[1,2,3]"))
    assert found == "task.class_weights: 3 weights, but there are 2 labels: even, odd"


def test_weights_of_tags(tmp_path, capsys):
    """In a whole run; with a CRF refused before data is read."""
    words = [*CORPORA["ner"](tmp_path), "task=ner", *SMALL, "task.class_weights=balanced"]
    outcome = run(tmp_path / "run", *words, "task.output=softmax")
    assert outcome.status == "completed"
    assert "note     weights of the tags in the losses: " in capsys.readouterr().out
    said = refused(call(capsys, "check", "task=ner", "task.output=crf", words[-1]))
    assert said.startswith("task.class_weights: task.output=crf scores whole sequences, ")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["task=regression", "data=table_files"], "values"),
        (["task=transcription", "data=audio_files"], "tokens"),
        (["task=translation", "data=names_of_label"], "tokens"),
    ],
)
def test_only_labels_are_balanced(capsys, words, kind):
    said = refused(call(capsys, "check", *words, "data.balanced_sampling=true"))
    assert said == (
        f"data.balanced_sampling: true needs one label a sequence, this task has {kind}; say false"
    )
