"""An exported model answers as the model itself, in a process that has neither rnnlab nor torch."""

from types import SimpleNamespace

import jaxtyping
import numpy as np
import pytest
from safetensors.torch import load_file

from rnnlab.commands.export.runtime.sound import Sounds
from rnnlab.data.audio import LogMel
from sounds import corpus, tones
from tiny import SMALL, call, python, refused, train, write

LINES = [
    "the film was great",
    "a bad story",
    "good",
    "",
    "the actor was awful and the unseen plot is what it is in the end , good or not",
]


@pytest.fixture(autouse=True)
def unchecked():
    """No checks of shapes at run time: sizes are symbols while a program is exported."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def exported(capsys, run, folder, *options):
    said = call(capsys, "export", f"checkpoint={run.folder}", f"output={folder}", *options)
    assert said.code == 0, said.err
    return folder


def answers(folder, capsys, run, lines, *options):
    """What the exported program prints, and what `rnnlab predict` prints."""
    path = write(folder.parent / "input.txt", "".join(f"{line}\n" for line in lines))
    block = "import sys; sys.modules.update(dict.fromkeys(('torch', 'rnnlab'), None)); "
    call_runner = f"import runpy; sys.path.insert(0, {str(folder)!r}); sys.argv = sys.argv[1:]; "
    code = block + call_runner + f"runpy.run_path({str(folder / 'runner.py')!r}, run_name='main')"
    got = python("-c", code, folder / "runner.py", path, *options, cwd=folder.parent)
    assert got.code == 0, got.err
    predict = [f"{key.lstrip('-').replace('-', '_')}={value}" for key, value in pairs(options)]
    wanted = call(capsys, "predict", f"checkpoint={run.folder}", f"input={path}", *predict)
    assert wanted.code == 0, wanted.err
    return got.out, wanted.out


def pairs(options):
    return zip(options[::2], options[1::2], strict=True)


def test_sentiment(tiny_run, tmp_path, capsys):
    run = tiny_run("sentiment")
    folder = exported(capsys, run, tmp_path / "film")
    got, wanted = answers(folder, capsys, run, LINES)
    assert got == wanted
    assert got.count("\n") == len(LINES)
    card = (folder / "README.md").read_text()
    assert all(word in card for word in ("Task: sentiment", "Licence", "accuracy"))
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() >= {"task.head.weight", "encoder.embedding.weight"}


def test_refusals(tiny_run, tmp_path, capsys):
    run = tiny_run("sentiment")
    given = f"checkpoint={run.folder}"
    assert "onnx" in refused(call(capsys, "export", given, f"output={tmp_path}/a", "format=onx"))
    assert not (tmp_path / "a").exists()
    write(tmp_path / "b" / "mine.txt", "mine")
    assert "not empty" in refused(call(capsys, "export", given, f"output={tmp_path}/b"))
    assert "no folder" in refused(call(capsys, "export", given, f"output={tmp_path}/b/mine.txt"))
    assert "no such" in refused(
        call(capsys, "export", "checkpoint=nowhere", f"output={tmp_path}/a")
    )


SENTENCES = ["Ann Smith saw Oslo", "", "left", "Bob in the Rome Paris " * 9, "Xyz-1 saw ANN"]


@pytest.mark.programs
@pytest.mark.parametrize(
    "options",
    [
        ("task.output=crf", "characters=cnn", "characters.shape_size=3", "cell=lstm"),
        ("task.output=crf", "task.constrained=true", "characters=recurrent", "cell=gru"),
        ("task.constrained=true", "encoder=blocks", "cell=attention", "data.max_length=7"),
    ],
)
def test_entities(options, tmp_path, capsys):
    run = train(tmp_path, "ner", *options, "trainer.max_epochs=2", "optimizer.lr=0.03")
    folder = exported(capsys, run, tmp_path / "ner")
    got, wanted = answers(folder, capsys, run, SENTENCES)
    assert got == wanted
    assert "B-" in got
    assert " O\n" in got


@pytest.mark.programs
@pytest.mark.parametrize(
    "options",
    [
        ("cell=gru", "encoder.bidirectional=true", "task.attention=dot", "cell.hidden_size=8"),
        ("cell=lstm", "encoder.num_layers=2", "task.input_feeding=true", "task.num_beams=3"),
        ("encoder=blocks", "encoder.model_size=8", "cell=attention", "task.num_layers=2"),
    ],
)
def test_translation(options, tmp_path, capsys):
    options = [each.replace("=dot", "=general") for each in options]
    run = train(tmp_path, "translation", *options, "trainer.max_epochs=3", "optimizer.lr=0.03")
    folder = exported(capsys, run, tmp_path / "mt")
    lines = [*(tmp_path / "data" / "test.de").read_text().splitlines(), "", "was ist das ?"]
    got, wanted = answers(folder, capsys, run, lines)
    assert got == wanted
    assert len(set(got.splitlines())) > 1


@pytest.mark.programs
@pytest.mark.parametrize(
    "options",
    [
        ("cell=lstm", "encoder.num_layers=2"),
        ("encoder=blocks", "encoder.model_size=8", "cell=attention"),
    ],
)
def test_language_model(options, tmp_path, capsys):
    run = train(tmp_path, "language_model", *options)
    folder = exported(capsys, run, tmp_path / "lm")
    got, wanted = answers(folder, capsys, run, ["a", "bab ab", "", "abba " * 40])
    assert got == wanted
    said = call(
        capsys,
        "predict",
        f"checkpoint={run.folder}",
        "prompt=ab",
        "temperature=0",
        "max_new_tokens=30",
    )
    given = ("--prompt", "ab", "--temperature", "0", "--max-new-tokens", "30")
    assert python(folder / "runner.py", *given, cwd=folder).out == said.out


@pytest.mark.programs
@pytest.mark.parametrize(
    "options",
    [
        ("encoder.subsampling=2", "task.num_beams=1"),
        ("task.num_beams=4", "encoder.bidirectional=true"),
        ("task.output=attention", "encoder.subsampling=4", "task.embedding_dim=8"),
    ],
)
def test_transcription(options, tmp_path, capsys):
    texts = ("a", "b", "a b", "b a b", "b b", "a a b")
    words = [*corpus(tmp_path, texts, size=12), "task=transcription", "cell=gru"]
    call(
        capsys,
        "train",
        *SMALL[2:],
        *words,
        "cell.hidden_size=16",
        *options,
        "optimizer.lr=0.02",
        "trainer.max_epochs=8",
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    run = SimpleNamespace(folder=tmp_path / "run")
    folder = exported(capsys, run, tmp_path / "stt")
    rows = [line.split("\t")[0] for line in (tmp_path / "test.tsv").read_text().splitlines()]
    got, wanted = answers(folder, capsys, run, rows)
    assert got == wanted
    assert len(set(got.splitlines())) > 1


def test_features_of_sound_are_those_of_training():
    options = LogMel(8000, num_mels=23, normalization="utterance")
    wave = tones("a b b", seed=3)
    wanted = options.features(wave, 8000)
    np.testing.assert_allclose(Sounds(options.to_dict()).features(wave, 8000), wanted, atol=1e-4)
