"""Checkpoints are read without running anything of them, whatever they hold."""

import os
import pickle
import shutil
import zipfile
from contextlib import suppress

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rnnlab
from rnnlab.errors import CheckpointError
from rnnlab.training.checkpoint import find_checkpoint, load_plain, read_checkpoint
from rnnlab.training.convert import FORMAT, KEY
from tiny import call, refused, write


@pytest.fixture
def run(tiny_run, tmp_path):
    """A copy of a finished run, to be damaged."""
    shutil.copytree(tiny_run("sentiment").folder, tmp_path / "run")
    return tmp_path / "run"


def files(run):
    return [run / "checkpoints" / name for name in ("best.ckpt", "last.ckpt")]


def tamper(run, change):
    """Save both checkpoints anew with something changed in them."""
    for file in files(run):
        content = torch.load(file, weights_only=True)
        content = change(content) or content
        torch.save(content, file)


def refusals(run, capsys, tmp_path):
    """What every way to use a run says to it."""
    text = write(tmp_path / "in.txt", "good\n")
    yield refused(call(capsys, "evaluate", f"checkpoint={run}"))
    yield refused(call(capsys, "predict", f"checkpoint={run}", f"input={text}"))
    yield refused(call(capsys, "train", f"resume={run}", "trainer.max_epochs=9"))
    with pytest.raises(CheckpointError) as caught:
        rnnlab.load(run)
    yield str(caught.value)


def assert_refused(run, capsys, tmp_path, *parts):
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    for message in refusals(run, capsys, tmp_path):
        assert message.startswith(str(run))
        for part in parts:
            assert part in message
    after = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    assert [path for path in after if path not in before] in (
        [],
        [(tmp_path / "in.txt").relative_to(tmp_path)],
    )


class Hostile:
    """Makes a folder when it is unpickled by a careless reader."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("save", [torch.save, lambda o, file: file.write_bytes(pickle.dumps(o))])
def test_pickles_that_ask_for_code_are_refused(save, run, capsys, tmp_path):
    for file in files(run):
        content = torch.load(file, weights_only=True)
        content["callbacks"] = Hostile(tmp_path / "harm")
        save(content, file)
    assert_refused(run, capsys, tmp_path, "nothing of it was run")
    assert not (tmp_path / "harm").exists()
    with suppress(RuntimeError):  # the bait does bite a careless reader
        torch.load(files(run)[0], weights_only=False)
    assert (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ("cell", "hostile.Cell"),
        ("data", "torch.load"),
        ("task", "os.system"),
        ("embedding", "torch.hub.load"),
        ("optimizer", "hostile.Cell"),
        ("diagnostics", "os.system"),
    ],
)
def test_classes_outside_of_the_shipped_ones_are_refused(
    group, target, run, capsys, tmp_path, monkeypatch
):
    write(
        tmp_path / "hostile.py", f"import os\nos.mkdir({str(tmp_path / 'harm')!r})\nCell = dict\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def change(content):
        cfg = content[KEY]["config"]
        cfg[group] = (
            {"x": {"_target_": target, "f": "x"}}
            if group == "diagnostics"
            else {**cfg[group], "_target_": target}
        )
        cfg["trust"] = ["torch", "os", "hostile"]

    tamper(run, change)
    assert_refused(
        run, capsys, tmp_path, "refused, nothing of it was run", f"_target_: {target} is not"
    )
    assert not (tmp_path / "harm").exists()


def test_a_class_hidden_in_an_option_is_refused(run, capsys, tmp_path):
    def change(content):
        content[KEY]["config"]["cell"]["init"] = [{"_target_": "os.mkdir", "path": "harm"}]

    tamper(run, change)
    assert_refused(run, capsys, tmp_path, "cell.init.0._target_: os.mkdir is not")


def test_options_that_are_looked_up_are_refused_or_kept_as_text(run, tmp_path, capsys):
    harm = tmp_path / "harm"

    def change(content):
        content[KEY]["config"]["cell"]["init"] = f"${{rnnlab.fresh:{harm}}}"

    tamper(run, change)
    assert_refused(run, capsys, tmp_path, "cell.init: '${rnnlab.fresh:", "is not one of")

    def further(content):
        content[KEY]["config"]["cell"]["init"] = "orthogonal"
        content[KEY]["config"]["data"]["val"] = f"${{rnnlab.fresh:{harm}}}"

    tamper(run, further)
    assert call(capsys, "evaluate", f"checkpoint={run}").code == 0
    call(capsys, "train", f"resume={run}", "trainer.max_epochs=4")
    assert not harm.exists()


def test_trust_is_the_users_alone_to_give(run):
    def change(content):
        content[KEY]["config"]["trust"] = ["os"]

    tamper(run, change)
    assert read_checkpoint(find_checkpoint(run)).cfg["trust"] == []
    assert read_checkpoint(find_checkpoint(run), ["mine"]).cfg["trust"] == ["mine"]


def remove(*keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def put(value, *keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (put(FORMAT + 1, KEY, "format"), f"checkpoint format {FORMAT + 1}, this rnnlab reads"),
        (remove(KEY, "format"), "checkpoint format None"),
        (remove(KEY), "not a checkpoint of rnnlab"),
        (put([], KEY), "not a checkpoint of rnnlab"),
        (put(3, "state_dict"), "not a checkpoint of rnnlab"),
        (remove("state_dict"), "not a checkpoint of rnnlab"),
        (lambda content: [content], "not a checkpoint of rnnlab"),
        (remove(KEY, "config"), "broken"),
        (remove(KEY, "choices"), "broken"),
        (remove(KEY, "spec"), "broken"),
        (put({}, KEY, "spec"), "broken"),
        (put([], KEY, "config"), "broken"),
        (remove(KEY, "config", "cell"), "cell: missing"),
        (put({}, KEY, "config", "cell"), "cell: nothing is chosen"),
        (put("x", KEY, "config", "seed"), "seed: 'x' is not an int"),
        (put(8.5, KEY, "config", "cell", "hidden_size"), "cell.hidden_size: '8.5' is not an int"),
        (put(torch.ones(2, 2), KEY, "config", "seed"), "values that no configuration has"),
        (put("", KEY, "choices"), "values that no configuration has"),
        (put((1, 2), KEY, "choices", "task"), "values that no configuration has"),
        (put(3, KEY, "config", "cell", "hiden_size"), "cell.hiden_size: LSTM has no such option"),
    ],
)
def test_what_does_not_explain_itself_is_refused(change, part, run, capsys, tmp_path):
    tamper(run, change)
    assert_refused(run, capsys, tmp_path, part)


def test_weights_of_another_size_are_refused(run, capsys):
    tamper(run, put(9, KEY, "config", "cell", "hidden_size"))
    assert "weights do not fit" in refused(call(capsys, "evaluate", f"checkpoint={run}"))


def cut(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda data: b"a text\n",
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: cut(data) + bytes(999),
    ],
)
def test_broken_files_are_told(damage, run, capsys, tmp_path):
    for file in files(run):
        file.write_bytes(damage(file.read_bytes()))
    assert_refused(run, capsys, tmp_path, "broken or not a checkpoint")


def test_other_archives_are_no_checkpoints(run, capsys, tmp_path):
    for file in files(run):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x", "y")
    assert_refused(run, capsys, tmp_path, "broken or not a checkpoint")


@given(st.data())
def test_damaged_bytes_raise_nothing_else(tiny_run, tmp_path_factory, data):
    content = bytearray(tiny_run("sentiment").best.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.mktemp("damaged") / "x.ckpt"
    file.write_bytes(content)
    with suppress(CheckpointError):
        read_checkpoint(file)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_missing_checkpoints_are_told(name, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    folder = tmp_path / name
    messages = list(refusals(folder, capsys, tmp_path))
    assert all(message.startswith(f"{folder}: no ") for message in messages)


def test_best_last_or_the_file_itself(run, tmp_path):
    best, last = files(run)
    assert find_checkpoint(run) == best
    assert find_checkpoint(run, "last") == last
    assert find_checkpoint(last) == last
    best.unlink()
    assert find_checkpoint(run) == last


def test_sound_checkpoints_are_plain(run):
    for file in files(run):
        content = load_plain(file)
        assert set(content[KEY]) == {
            *("format", "config", "choices", "spec", "sources", "files", "vectors", "prior")
        }
        assert read_checkpoint(file).choices["task"] == "sentiment"


def test_a_model_keeps_the_words_that_it_was_trained_with(run, capsys):
    """Checkpoints of versions that parted words at marks do so for ever, in further epochs too."""

    def older(content):
        del content[KEY]["spec"]["source_tokenizer"]["version"]

    tamper(run, older)
    assert rnnlab.load(run).inputs.tokenizer.split("Été हिन") == ["été", "ह", "\u093f", "न"]
    assert call(capsys, "train", f"resume={run}", "trainer.max_epochs=5").code == 0
    for file in files(run):
        assert read_checkpoint(file, []).spec.source_tokenizer.version == 1
