"""The fuzzer of runs in a short form, and that it finds what there is to find."""

import random
import re
import shutil
from dataclasses import replace

import pytest
import torch

import fuzz_runs
from rnnlab.runs import build, folders, trainer
from rnnlab.training import checkpoint
from tiny import call, refused, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a logger, a schedule, instruments and averaged weights."""
    words = ["logger=csv", "scheduler=step", "diagnostics=light", "averaging.patience=0"]
    return train(tmp_path_factory.mktemp("run"), "sentiment", *words, "trainer.max_epochs=3").folder


def test_no_flipped_bit_passes(run):
    assert fuzz_runs.flips(run / "checkpoints" / "best.ckpt", 300) == {"refused": 300}


def test_no_flipped_bit_of_an_earlier_version_changes_weights(run, tmp_path):
    content = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save(content, tmp_path / "old.ckpt")  # without a seal
    found = fuzz_runs.flips(tmp_path / "old.ckpt", 300)
    assert set(found) == {"refused", "same weights"}


@pytest.mark.faults
def test_flips_are_noticed_where_nothing_is_compared(run, monkeypatch):
    monkeypatch.setattr(checkpoint, "damage", lambda path: None)
    assert fuzz_runs.flips(run / "checkpoints" / "best.ckpt", 400)["other weights"] > 5


def test_hostile_checkpoints_are_told_or_used(run):
    assert list(fuzz_runs.hostile(run, range(8))) == []


@pytest.mark.faults
def test_many_hostile_checkpoints_are_told_or_used(run):
    assert list(fuzz_runs.hostile(run, range(8, 24))) == []


def with_change(run, folder, change):
    """A copy of a run whose checkpoints were trained otherwise, it seems."""
    shutil.copytree(run, folder)
    for name in fuzz_runs.NAMES:
        file = folder / "checkpoints" / f"{name}.ckpt"
        content = torch.load(file, weights_only=True)
        change(content)
        fuzz_runs.write_archive(content, file)
    return folder


def hostile_logger(name):
    def change(content):
        content["rnnlab"]["config"]["logger"]["name"] = name

    return change


@pytest.mark.parametrize("name", ["../../x", "..", "/tmp", "a/../../b"])
def test_a_stored_logger_writes_into_the_run_folder_alone(run, name, tmp_path, capsys):
    copy = with_change(run, tmp_path / "runs" / "run", hostile_logger(name))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    message = refused(call(capsys, "train", f"resume={copy}", "trainer.max_epochs=4"))
    assert re.fullmatch(r"logger: would write to .*, outside of the run's folder .*", message)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} <= {copy / "config.yaml"}


def test_writing_outside_is_noticed(run, tmp_path, monkeypatch):
    """The fuzzer's own watch, with the check of the logger taken away."""
    copy = with_change(run, tmp_path / "run", hostile_logger("../x"))

    def unchecked(node, folder, trusted):
        return build.make(node, trusted, str(folder))

    monkeypatch.setattr(trainer, "build_logger", unchecked)
    monkeypatch.setattr(fuzz_runs, "mutate", lambda *_: "nothing")
    found = list(fuzz_runs.hostile(copy, range(1)))
    assert [line.split(": ", 2)[2] for line in found] == [
        "train: it wrote outside of the run's folder"
    ]


def test_a_traceback_is_noticed(run, monkeypatch):
    monkeypatch.setattr(fuzz_runs, "rnnlab", lambda words: 1 / 0)
    assert "ZeroDivisionError" in next(fuzz_runs.hostile(run, range(1)))


def test_places_are_all_of_them():
    tree = {"a": [1, {"b": 2}], "c": {}}
    assert [key for _, key in fuzz_runs.places(tree)] == ["a", 0, 1, "b", "c"]
    content = {"rnnlab": {"config": {"x": 1}}, "state_dict": {"y": 2}}
    changes = {fuzz_runs.mutate(dict(content), random.Random(i), folders.Path()) for i in range(9)}
    assert len(changes) > 3


@pytest.mark.parametrize("option", sorted(checkpoint.UNSTORED))
def test_a_stored_configuration_cannot_ask_for_a_profiler(run, option, tmp_path, capsys):
    def change(content):
        content["rnnlab"]["config"]["trainer"][option] = "advanced"

    copy = with_change(run, tmp_path / "run", change)
    assert call(capsys, "train", f"resume={copy}", "trainer.max_epochs=4").code == 0
    again = torch.load(copy / "checkpoints" / "last.ckpt", weights_only=True)
    assert option not in again["rnnlab"]["config"]["trainer"]


def test_links_out_of_the_folder_are_not_followed(run, tmp_path, capsys):
    precious = tmp_path / "precious"
    precious.write_text("x")
    copy = with_change(run, tmp_path / "run", lambda content: None)
    (copy / "config.yaml").unlink()
    (copy / "config.yaml").symlink_to(precious)
    message = refused(call(capsys, "train", f"resume={copy}", "trainer.max_epochs=4"))
    assert (
        message
        == f"{copy / 'config.yaml'}: a link to outside of the run's folder; nothing was written"
    )
    assert precious.read_text() == "x"


@pytest.mark.parametrize("path", ["..", "../..", "/", "x/y/other.ckpt"])
def test_only_the_best_checkpoint_is_replaced(run, path, tmp_path, capsys):
    def change(content):
        (best,) = (v for k, v in content["callbacks"].items() if k.startswith("Best"))
        best |= {
            "best_model_path": path,
            "kth_best_model_path": path,
            "best_model_score": torch.tensor(-1.0),
        }
        best |= {"best_k_models": {path: torch.tensor(-1.0)}, "kth_value": torch.tensor(-1.0)}

    copy = with_change(run, tmp_path / "run", change)
    (copy / "checkpoints" / "other.ckpt").write_text("precious")
    assert call(capsys, "train", f"resume={copy}", "trainer.max_epochs=4").code == 0
    assert (copy / "checkpoints" / "other.ckpt").read_text() == "precious"
    assert (copy / "metrics.json").is_file()


WRONG = {
    "nan": lambda weight: weight * torch.nan,
    "infinite": lambda weight: weight / 0,
    "complex": lambda weight: weight.to(torch.complex64),
    "integer": lambda weight: weight.round().to(torch.int64),
    "other shape": lambda weight: weight[:-1],
    "no tensor": lambda weight: weight.tolist(),
    "missing": None,
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_weights_that_are_none_are_refused(run, wrong, tmp_path, capsys):
    def change(content):
        weights = content["state_dict"]
        name = next(name for name in weights if name.startswith("encoder.layers"))
        weight = weights.pop(name)
        if WRONG[wrong]:
            weights[name] = WRONG[wrong](weight)

    copy = with_change(run, tmp_path / "run", change)
    for words in [
        ["evaluate", f"checkpoint={copy}"],
        ["train", f"resume={copy}", "trainer.max_epochs=4"],
    ]:
        message = refused(call(capsys, *words))
        assert message.startswith(f"{copy}")
        assert "encoder.layers" in message


@pytest.mark.parametrize(
    "text", [b"a: [", b"\xff", b"[]", b"", b"hydra: 3", b"hydra:\n  runtime: x"]
)
def test_a_damaged_file_of_hydra_does_not_end_a_run(run, text, tmp_path, capsys):
    copy = with_change(run, tmp_path / "run", lambda content: None)
    (copy / ".hydra" / "hydra.yaml").write_bytes(text)
    said = call(capsys, "train", f"resume={copy}", "trainer.max_epochs=4")
    assert said.code == 0, said.err


@pytest.mark.parametrize("value", [[[]], "x", None, torch.full((8, 6), torch.inf), True])
@pytest.mark.parametrize("name", ["last_epoch", "step_size", "base_lrs"])
def test_a_schedule_is_looked_at_before_it_is_needed(run, name, value, tmp_path, capsys):
    def change(content):
        content["lr_schedulers"][0][name] = [value] if name == "base_lrs" else value

    copy = with_change(run, tmp_path / "run", change)
    said = call(capsys, "train", f"resume={copy}", "trainer.max_epochs=5")
    message = refused(replace(said, out=""))  # the run was announced by then
    assert f"the run cannot be continued from it (TypeError: {name} of the scheduler is" in message


@pytest.mark.parametrize("part", ["diagnostics", "logger", "checkpoint", "averaging", "trainer"])
def test_a_part_of_the_configuration_that_is_a_text(run, part, tmp_path, capsys):
    def change(content):
        content["rnnlab"]["config"][part] = "\x1b[2J\n"

    copy = with_change(run, tmp_path / "run", change)
    assert str(copy) in refused(call(capsys, "evaluate", f"checkpoint={copy}"))


@pytest.mark.parametrize("size", [0, 1])
def test_files_that_are_all_but_empty_are_damaged_too(size, tmp_path):
    for number in range(40):
        (tmp_path / "log").unlink(missing_ok=True)
        (tmp_path / "log").write_bytes(b"x" * size)
        assert fuzz_runs.damage(tmp_path, random.Random(number)).startswith("log: ")
