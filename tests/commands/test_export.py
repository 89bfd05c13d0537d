"""An exported model answers as the model itself, in a process that has neither rnnlab nor torch."""

import json
import re
from types import SimpleNamespace

import jaxtyping
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import rnnlab
from rnnlab.cli import main
from rnnlab.commands.export.runtime import program
from rnnlab.commands.export.runtime.sound import Sounds
from rnnlab.data.audio import LogMel
from sounds import corpus, tones
from tiny import CORPORA, SMALL, call, python, refused, train, write

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


def source(folder, lines):
    return write(folder.parent / "input.txt", "".join(f"{line}\n" for line in lines))


def answers(folder, capsys, run, lines):
    """What the exported program prints, and what `rnnlab predict` prints."""
    path = source(folder, lines)
    block = "import sys; sys.modules.update(dict.fromkeys(('torch', 'rnnlab'), None)); "
    call_runner = f"import runpy; sys.path.insert(0, {str(folder)!r}); sys.argv = sys.argv[1:]; "
    code = block + call_runner + f"runpy.run_path({str(folder / 'runner.py')!r}, run_name='main')"
    got = python("-c", code, folder / "runner.py", path, cwd=folder.parent)
    assert got.code == 0, got.err
    wanted = call(capsys, "predict", f"checkpoint={run.folder}", f"input={path}")
    assert wanted.code == 0, wanted.err
    return got.out, wanted.out


def alike(folder, capsys, run, lines, **options):
    """The same with options, by the program's modules in this process: cells that are alike."""
    given = [f"{key}={value}" for key, value in options.items()]
    words = [
        word
        for key, value in options.items()
        for word in (f"--{key.replace('_', '-')}", *([] if value == "true" else [str(value)]))
    ]
    if lines is not None:
        path = source(folder, lines)
        given, words = [*given, f"input={path}"], [*words, str(path)]
    wanted = call(capsys, "predict", f"checkpoint={run.folder}", *given)
    assert wanted.code == 0, wanted.err
    program.main(words, folder)
    got = capsys.readouterr().out
    cells = [re.split("[\t\n]", text) for text in (got, wanted.out)]
    assert len(cells[0]) == len(cells[1]) > 1
    for one, other in zip(*cells, strict=True):
        assert one == other or float(one) == pytest.approx(float(other), abs=2e-3, rel=1e-4)
    return got


def made(tmp_path, words, *options):
    """A run of a few epochs in the folder `run`."""
    given = ["train", *SMALL[:-1], *words, "trainer.max_epochs=2", "optimizer.lr=0.03", *options]
    with pytest.raises(SystemExit) as stopped:
        main([*given, f"hydra.run.dir={tmp_path / 'run'}"])
    assert stopped.value.code == 0
    return SimpleNamespace(folder=tmp_path / "run")


def test_sentiment(tiny_run, tmp_path, capsys):
    run = tiny_run("sentiment")
    folder = exported(capsys, run, tmp_path / "film")
    got, wanted = answers(folder, capsys, run, LINES)
    assert got == wanted
    assert got.count("\n") == len(LINES)
    card = (folder / "README.md").read_text()
    assert all(word in card for word in ("Task: sentiment", "Licence", "accuracy", "Parameters: "))
    (command,) = [line for line in card.splitlines() if line.startswith("- Command: ")]
    assert command.startswith(
        "- Command: `rnnlab train task=sentiment data=sentiment_files data.tr"
    )
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() >= {"task.head.weight", "encoder.embedding.weight"}
    for words, complaint in {
        ("-n", "2"): "no beam search",
        ("--score",): "no probability",
        ("--prompt", "a"): "writes no texts",
        ("nowhere.txt",): "cannot read nowhere.txt",
        (
            str(write(tmp_path / "latin", "good\nna\xefve\n".encode("latin-1"))),
        ): "latin:2: not UTF-8",
    }.items():
        with pytest.raises(SystemExit, match=complaint):
            program.main(words, folder)


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
    alike(folder, capsys, run, lines[:5], num_beams=2)
    best = alike(folder, capsys, run, lines[:5], num_beams=6, num_return_sequences=4)
    assert best.count("\n") == 4 * 5
    with pytest.raises(SystemExit, match="choose --num-beams 9"):
        program.main(["-n", "9", str(folder.parent / "input.txt")], folder)


@pytest.mark.programs
@pytest.mark.parametrize(
    "options",
    [
        ("cell=lstm", "encoder.num_layers=2"),
        ("encoder=blocks", "encoder.model_size=8", "cell=attention", "cell.window=3"),
    ],
)
def test_language_model(options, tmp_path, capsys):
    run = train(tmp_path, "language_model", *options)
    folder = exported(capsys, run, tmp_path / "lm")
    got, wanted = answers(folder, capsys, run, ["a", "bab ab", "", "abba " * 40])
    assert got == wanted
    alike(folder, capsys, run, ["one, two,", "knock", "", "ee" * 90], score="true")
    alike(folder, capsys, run, None, prompt="one", temperature=0, max_new_tokens=30)
    alike(folder, capsys, run, None, prompt="k", top_k=1, max_new_tokens=9, num_return_sequences=2)
    program.main(["--prompt", "", "-n", "3", "--top-p", "0.9", "--max-new-tokens", "9"], folder)
    drawn = capsys.readouterr().out
    assert len(drawn) == 3 * 10
    with pytest.raises(SystemExit, match="never seen é"):
        program.main(["--prompt", "é"], folder)


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
    longer = ("cell.hidden_size=16", "optimizer.lr=0.02", "trainer.max_epochs=8")
    run = made(tmp_path, words, *longer, *options)
    folder = exported(capsys, run, tmp_path / "stt")
    rows = [line.split("\t")[0] for line in (tmp_path / "test.tsv").read_text().splitlines()]
    got, wanted = answers(folder, capsys, run, rows)
    assert got == wanted
    assert len(set(got.splitlines())) > 1
    alike(folder, capsys, run, rows, num_beams=3, num_return_sequences=3)


@pytest.mark.programs
def test_generation(tmp_path, capsys):
    run = made(tmp_path, CORPORA["generate"](tmp_path), "trainer.max_epochs=8")
    folder = exported(capsys, run, tmp_path / "words")
    got, wanted = answers(folder, capsys, run, ["cats", "dogs", ""])
    assert got == wanted
    alike(folder, capsys, run, ["cats", "", "dogs"], num_return_sequences=2)
    alike(folder, capsys, run, None, prompt="dogs", temperature=0, max_new_tokens=5)
    program.main(["--prompt", "cats", "-n", "40", "--seed", "3"], folder)
    assert len(set(capsys.readouterr().out.splitlines())) > 2
    for words in (["--prompt", "cows"], [str(write(tmp_path / "labels", "dogs\ncows\n"))]):
        with pytest.raises(SystemExit, match=r"'cows' is no label .* these are cats, dogs"):
            program.main(words, folder)


def points(folder):
    rows = [f"{'good ' * (n % 5)}film,{n % 5}.5\n" for n in range(20)]
    path = write(folder / "points.csv", "".join(["text,label\n", *rows]))
    return ["data=table_files", *(f"data.{split}={path}" for split in ("train", "val", "test"))]


@pytest.mark.programs
@pytest.mark.parametrize(
    ("corpus_words", "options", "lines"),
    [
        (CORPORA["ner"], ("task=pos", "cell=rnn"), SENTENCES),
        (CORPORA["sentiment"], ("task=classification", "data.level=char", "cell=gru"), LINES),
        (points, ("task=regression", "encoder.bidirectional=true"), LINES),
    ],
    ids=["pos", "classification", "regression"],
)
def test_other_tasks_of_text(corpus_words, options, lines, tmp_path, capsys):
    known = [word for word in corpus_words(tmp_path) if not word.startswith("task=")]
    run = made(tmp_path, known, *options)
    alike(exported(capsys, run, tmp_path / "model"), capsys, run, lines)


@pytest.mark.programs
def test_labels_of_sound(tmp_path, capsys):
    words = [*corpus(tmp_path, ("a", "b", "a b")), "task=classification"]
    words = [word for word in words if not word.startswith("embedding")]
    run = made(tmp_path, words)
    rows = [line.split("\t")[0] for line in (tmp_path / "test.tsv").read_text().splitlines()]
    alike(exported(capsys, run, tmp_path / "sound"), capsys, run, rows)


def test_features_of_sound_are_those_of_training():
    options = LogMel(8000, num_mels=23, normalization="utterance")
    wave = tones("a b b", seed=3)
    wanted = options.features(wave, 8000)
    np.testing.assert_allclose(Sounds(options.to_dict()).features(wave, 8000), wanted, atol=1e-4)


LOADED = """
import sys
sys.modules["rnnlab"] = None
import torch
program = torch.export.load(sys.argv[1]).module()
cases = torch.load(sys.argv[2])
torch.save([program(*case) for case in cases], sys.argv[3])
"""


@pytest.mark.programs
@pytest.mark.parametrize(
    "options",
    [("cell=gru", "encoder.bidirectional=true"), ("encoder=blocks", "cell=attention")],
    ids=["scan", "attention"],
)
def test_programs_of_torch_take_any_shape_without_rnnlab(options, tmp_path, capsys):
    run = made(tmp_path, CORPORA["sentiment"](tmp_path), *options)
    folder = exported(capsys, run, tmp_path / "film", "format=torch")
    assert not (folder / "runner.py").exists()
    config = json.loads((folder / "config.json").read_text())
    assert config["graphs"]["model"]["inputs"] == ["inputs", "lengths"]
    cases = []
    for batch, steps in ((1, 1), (7, 17)):
        lengths = torch.randint(1, steps + 1, (batch,))
        lengths[0] = steps
        cases.append((torch.randint(1, 9, (batch, steps)), lengths))
    torch.save(cases, tmp_path / "cases")
    files = (folder / "model.pt2", tmp_path / "cases", tmp_path / "answers")
    said = python("-W", "ignore", "-c", LOADED, *files, cwd=tmp_path)
    assert said.code == 0, said.err
    model = rnnlab.load(run.folder).model
    for case, (found,) in zip(cases, torch.load(tmp_path / "answers"), strict=True):
        with torch.no_grad():
            wanted = model.task.logits(model.encoder(*case)).softmax(1)
        torch.testing.assert_close(found.detach(), wanted, rtol=1e-5, atol=1e-5)
