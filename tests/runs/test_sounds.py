"""A model of sound from training to answers: files, lists of files, waves."""

import json
import sys
from io import BytesIO, TextIOWrapper

import numpy as np
import pytest

import rnnlab
from rnnlab.errors import ConfigError, DataError
from sounds import corpus, save, tones
from tiny import SMALL, call, refused

WORDS = [
    *("task=classification", "task.pooling=max", "encoder.bidirectional=true"),
    *("trainer.max_epochs=8", "optimizer.lr=0.03", "data.batch_size=4", "seed=1"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Which tones are heard: a, b, or both."""
    folder = tmp_path_factory.mktemp("sound")
    words = corpus(folder, ("a", "b", "a b"), size=12)
    from rnnlab.cli import main

    with pytest.raises(SystemExit) as stopped:
        main(["train", *SMALL, *words, *WORDS, f"hydra.run.dir={folder / 'run'}"])
    assert stopped.value.code == 0
    return folder


def test_it_learns_and_evaluates_the_same(run, capsys):
    record = json.loads((run / "run" / "metrics.json").read_text())
    assert record["test"]["accuracy"] == 1
    said = call(capsys, "evaluate", f"checkpoint={run / 'run'}")
    assert json.loads(said.out)["test"] == record["test"]
    # other recordings of another rate, without the training data
    save(run / "far" / "x.wav", "b", 16_000, seed=77)
    (run / "far" / "t.tsv").write_text("x.wav\tb\n")
    words = ["data=audio_files", f"data.test={run / 'far' / 't.tsv'}"]
    said = call(capsys, "evaluate", f"checkpoint={run / 'run'}", *words)
    assert (said.code, json.loads(said.out)["test"]["accuracy"]) == (0, 1.0)


def test_a_list_of_files_is_answered_line_by_line(run, capsys, monkeypatch):
    save(run / "mine" / "1.wav", "b", seed=5)
    save(run / "mine" / "sub" / "2.flac", "a b", 22_050, seed=6)
    save(run / "mine" / "3.wav", "a", seed=7)
    listed = run / "mine" / "list.txt"
    listed.write_text(f"1.wav\n sub/2.flac \n\n{run / 'mine' / '3.wav'}\n")
    answers = call(capsys, "predict", f"checkpoint={run / 'run'}", f"input={listed}")
    assert (answers.code, answers.err) == (0, "")
    labels = [line.split("\t")[0] for line in answers.out.splitlines()]
    assert labels == ["b", "a b", "a"]
    one = call(capsys, "predict", f"checkpoint={run / 'run'}", f"input={run / 'mine' / '1.wav'}")
    assert one.out.split("\t")[0] == "b"
    monkeypatch.chdir(run / "mine")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"3.wav\n")))
    piped = call(capsys, "predict", f"checkpoint={run / 'run'}")
    assert piped.out.split("\t")[0] == "a"


def test_what_cannot_be_heard_is_named_after_the_answers_before_it(run, capsys):
    save(run / "mine" / "1.wav", "b", seed=5)
    listed = run / "mine" / "bad.txt"
    listed.write_text("1.wav\n\ngone.wav\n")
    said = call(capsys, "predict", f"checkpoint={run / 'run'}", f"input={listed}")
    assert (said.code, said.out.split("\t")[0]) == (2, "b")
    assert said.err.strip().endswith(f"{listed}:3: {run}/mine/gone.wav: no such file")
    said = refused(call(capsys, "predict", f"checkpoint={run / 'run'}", "prompt=one"))
    assert said == "prompt: a model of sound writes no texts for one; give it input=FILE"


def test_files_and_waves_in_python(run):
    model = rnnlab.load(run / "run")
    path = save(run / "mine" / "4.wav", "a b", seed=8)
    wave = tones("a b", seed=8)
    (label,) = model.predict([str(path)])
    assert label.label == "a b"
    integers = np.round(wave * 2**15).astype(np.int16)
    answers = model.predict([path, wave, integers, np.stack([wave, wave], axis=1)])
    assert [answer.label for answer in answers] == ["a b"] * 4
    probabilities = [answer.probability for answer in answers]
    np.testing.assert_allclose(probabilities, label.probability, rtol=1e-3)
    assert model.predict(integers)[0] == answers[2]
    assert model.predict([tones("b", 44_100)], rate=44_100)[0].label == "b"
    mixed = [tones("a", seed=9), wave, tones("b", seed=9)]
    batched = [answer.probability for answer in model.predict(mixed)]
    alone = [answer.probability for answer in model.predict(mixed, batch_size=1)]
    np.testing.assert_allclose(batched, alone, rtol=1e-4)


@pytest.mark.parametrize(
    ("inputs", "rate", "error", "message"),
    [
        ([3], None, ConfigError, "recordings[0]: 3 is no path and no wave"),
        (
            [np.ones(50, np.float32)],
            None,
            DataError,
            "recordings[0]: 0.006 s, shorter than a frame of 25 ms",
        ),
        (
            np.ones((2, 2, 2)),
            None,
            DataError,
            "recordings[0]: float64 (2, 2, 2) is no wave (L,) of numbers",
        ),
        (np.full(900, np.inf), None, DataError, "recordings[0]: a sample is not a finite number"),
        (np.ones(900), 0, ConfigError, "rate: 0 is no number of samples a second"),
        (None, None, ConfigError, "texts: None is neither a text nor a list of texts"),
        (["nowhere.wav"], None, DataError, "nowhere.wav: no such file"),
    ],
)
def test_what_is_no_recording(run, inputs, rate, error, message):
    model = rnnlab.load(run / "run")
    with pytest.raises(error) as raised:
        model.predict(inputs, rate=rate)
    assert str(raised.value) == message
