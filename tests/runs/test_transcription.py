"""Speech to text from training to answers, on tones that stand for letters."""

import json

import pytest

import rnnlab
from rnnlab.cli import main
from rnnlab.config.compose import compose_words
from rnnlab.runs import train
from rnnlab.runs.resume import resume_run
from runs import StopAt, equal, merged, scalars
from sounds import corpus, save, tones
from tiny import SMALL, call

WORDS = [
    *("task=transcription", "cell=gru", "cell.hidden_size=24", "encoder.bidirectional=true"),
    *("encoder.subsampling=2", "data.batch_size=8", "optimizer.lr=0.02", "seed=1"),
]
TEXTS = ("a", "b", "a b", "b a b", "b b", "a a b")


def small_run(folder, *words):
    composed = compose_words("train", merged([*SMALL, *words]))
    return train.run(composed.cfg, composed.choices, folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    words = [*corpus(folder, TEXTS, size=24), *WORDS, "trainer.max_epochs=40"]
    with pytest.raises(SystemExit) as stopped:
        main(["train", *SMALL, *words, f"hydra.run.dir={folder / 'run'}"])
    assert stopped.value.code == 0
    return folder


def test_it_learns_and_evaluates_the_same(run, capsys):
    record = json.loads((run / "run" / "metrics.json").read_text())
    assert record["test"]["wer"] <= 0.1
    assert record["test"].keys() == {"loss", "wer", "cer", "accuracy", "unalignable"}
    assert record["test"]["cer"] <= 0.1
    assert record["scorers"]["wer"].startswith("jiwer ")
    said = call(capsys, "evaluate", f"checkpoint={run / 'run'}")
    assert json.loads(said.out)["test"] == record["test"]


def test_answers_are_those_of_the_evaluation(run, capsys):
    rows = [line.split("\t") for line in (run / "test.tsv").read_text().splitlines()]
    listed = run / "list.txt"
    listed.write_text("".join(f"{path}\n" for path, _ in rows))
    said = call(capsys, "predict", f"checkpoint={run / 'run'}", f"input={listed}")
    answers = said.out.splitlines()
    right = sum(
        answer.split() == text.split() for answer, (_, text) in zip(answers, rows, strict=True)
    )
    record = json.loads((run / "run" / "metrics.json").read_text())
    assert record["test"]["accuracy"] == pytest.approx(right / len(rows))
    model = rnnlab.load(run / "run")
    assert model.predict([tones("b b", seed=900), tones("a", seed=901)]) == ["b b", "a"]
    path = save(run / "mine.wav", "a b", seed=902)
    words = [f"input={path}", "num_return_sequences=3", "num_beams=8"]
    said = call(capsys, "predict", f"checkpoint={run / 'run'}", *words)
    assert len(said.out.splitlines()) == 3
    assert "a b" in said.out.splitlines()[0]


@pytest.mark.parametrize("output", ["ctc", "both"])
def test_stopped_and_resumed_is_as_if_never_stopped(tmp_path, monkeypatch, output):
    words = [*corpus(tmp_path, size=24), *WORDS, f"task.output={output}", "task.embedding_dim=8"]
    words += ["trainer.max_epochs=3", "encoder.dropout=0.2", "encoder.num_layers=2"]
    words += ["checkpoint.every_n_steps=1", "checkpoint.max_overhead=1"]
    whole = small_run(tmp_path / "whole", *words)
    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *a: [*real(*a), StopAt(1, 1)])
        assert small_run(tmp_path / "stopped", *words).status == "interrupted"
    resumed = resume_run(tmp_path / "stopped", [], [])
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "stopped/checkpoints/last.ckpt")
    assert resumed.record["test"] == whole.record["test"]


def test_texts_that_are_too_long_are_named_and_half_precision_learns(tmp_path, capsys):
    words = [*corpus(tmp_path, size=8), *WORDS, "trainer.max_epochs=1", "encoder.subsampling=4"]
    table = tmp_path / "train.tsv"
    table.write_text(table.read_text().replace("train4.wav\ta\n", "train4.wav\tbaba\n"))
    small_run(tmp_path / "run", *words, "trainer.precision=bf16-mixed")
    assert (
        f"CTC cannot align 1 of 8 train texts, which do not count in the loss: {table}:5: 'baba' "
        "needs 4 steps of the encoder and has 2"
    ) in " ".join(capsys.readouterr().out.split())  # notes are wrapped


def test_all_instruments_see_sound(tmp_path):
    words = [*corpus(tmp_path, TEXTS, size=12), *WORDS, "task.output=both", "task.embedding_dim=8"]
    words += ["diagnostics=full", "logger=tensorboard", "trainer.max_epochs=2"]
    words += ["trainer.log_every_n_steps=1"]
    outcome = small_run(tmp_path / "run", *words)
    assert outcome.status == "completed"
    assert (tmp_path / "run" / "figures" / "attention.png").exists()
    tags = scalars(tmp_path / "run")
    for start in ("val/wer", "attention/entropy", "flow/encoder.0.forward", "grad/encoder"):
        assert any(tag.startswith(start) for tag in tags), start
