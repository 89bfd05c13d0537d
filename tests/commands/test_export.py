"""An exported model answers as the model itself, in a process that has neither rnnlab nor torch."""

import jaxtyping
import pytest
from safetensors.torch import load_file

from tiny import call, python, refused, train, write

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
    assert "B-PER" in got
