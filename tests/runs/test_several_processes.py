"""Several processes train what one would: the same gradient, one folder, resumed exactly."""

import json
import os
import signal
import time

import pytest
import torch

from runs import SMALL, merged, weights
from several import begin, said, together, wait
from tiny import conll, text

DDP = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]

pytestmark = [pytest.mark.ddp, pytest.mark.faults]


def words(*more):
    return ["train", *merged([*SMALL, *DDP, *more])]


def tagging(folder):
    """Sentences of unequal numbers of tokens: each process has other numbers of targets."""
    quick = [word for word in SMALL if not word.startswith(("task=", "data."))]
    return [*conll(folder), *quick, "data.batch_size=3", "trainer.max_epochs=2", "optimizer=sgd"]


def alike(one, two, **tolerance):
    one, two = (weights(path / "checkpoints/last.ckpt") for path in (one, two))
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], **tolerance)


@pytest.mark.parametrize("more", [[], ["trainer.accumulate_grad_batches=2", "task.output=crf"]])
def test_the_gradient_is_that_of_the_joint_batch(tmp_path, more):
    given = [*tagging(tmp_path), *more]
    given += ["encoder.dropout=0", "task.dropout=0", "encoder.word_dropout=0"]
    codes = together(2, "train", *merged([*given, *DDP, "hydra.run.dir=two"]), cwd=tmp_path)
    assert codes == [0, 0], said(tmp_path)
    joint = merged([*given, "data.batch_size=6", f"hydra.run.dir={tmp_path / 'one'}"])
    assert together(1, "train", *joint, cwd=tmp_path) == [0], said(tmp_path)
    alike(tmp_path / "one", tmp_path / "two", rtol=1e-4, atol=2e-6)


@pytest.mark.faults
def test_an_adaptive_output_whose_rare_words_few_processes_have(tmp_path):
    """A cluster without a target in one process still has a gradient there, and not in another."""
    quick = [word for word in SMALL if not word.startswith(("task=", "data."))]
    rare = ["task.output=adaptive", "task.cutoffs=[5,13]", "task.div_value=2", "data.level=word"]
    given = [*text(tmp_path), *quick, *rare, "data.bptt=3", "optimizer=sgd", "encoder.dropout=0"]
    given += ["data.batch_size=2", "task.dropout=0", "trainer.max_epochs=2"]
    codes = together(2, "train", *merged([*given, *DDP, "hydra.run.dir=two"]), cwd=tmp_path)
    assert codes == [0, 0], said(tmp_path)
    joint = merged([*given, "data.batch_size=4", f"hydra.run.dir={tmp_path / 'one'}"])
    assert together(1, "train", *joint, cwd=tmp_path) == [0], said(tmp_path)
    alike(tmp_path / "one", tmp_path / "two", rtol=1e-4, atol=2e-6)


def test_processes_that_torchrun_starts_share_one_folder(tmp_path):
    assert together(2, *words("trainer.max_epochs=1"), cwd=tmp_path) == [0, 0], said(tmp_path)
    (record,) = tmp_path.glob("outputs/*/*/metrics.json")
    assert json.loads(record.read_text())["status"] == "completed"
    (folder,) = record.parent.parent.iterdir()
    assert folder.name in said(tmp_path)
    assert said(tmp_path, 1) == ""


def test_a_refused_folder_is_told_to_all(tmp_path):
    (tmp_path / "outputs").write_text("no folder")
    assert together(2, *words(), cwd=tmp_path) == [2, 2]
    assert "cannot write" in said(tmp_path, 0)
    assert "cannot write" in said(tmp_path, 1)


@pytest.mark.faults
def test_data_that_cannot_be_used_ends_all(tmp_path):
    sizes = ["data.lag=2", "data.train_size=20", "data.val_size=9", "data.test_size=9"]
    quick = [word for word in SMALL if not word.startswith(("task=", "data."))]
    given = merged([*quick, *DDP, "task=copying", *sizes, "task.output=crf"])
    assert together(2, "train", *given, cwd=tmp_path) == [2, 2]
    line = "rnnlab: task.output: crf needs a tag at every step"
    assert said(tmp_path).splitlines()[-1].startswith(line)
    assert said(tmp_path, 1).splitlines()[-1].startswith(line)


def test_a_sweep_is_not_started_by_torchrun(tmp_path):
    assert together(2, *words("seed=1,2", "trainer.devices=1"), "-m", cwd=tmp_path) == [2, 2]
    assert "a sweep starts its own" in said(tmp_path)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    """Dropout included: every process has masks of its own, and goes on with them."""
    more = ["encoder.dropout=0.3", "task.dropout=0.3", "encoder.num_layers=2", "cell=gru"]
    run = [*more, "hydra.run.dir=whole"]
    assert together(2, *words(*run), cwd=tmp_path) == [0, 0], said(tmp_path)
    run = [*more, "hydra.run.dir=run", "trainer.max_steps=8"]
    assert together(2, *words(*run), cwd=tmp_path) == [0, 0], said(tmp_path)
    last = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    first, second = (state["cpu"] for state in last["random_states"])
    assert not torch.equal(first, second)

    alone = ["train", "resume=run", "trainer.max_steps=-1"]
    assert together(1, *alone, "trainer.devices=1", cwd=tmp_path) == [2]
    line = "step 3 of the 5 of an epoch shared by 2 processes, and 1 cannot share the rest"
    assert line in said(tmp_path)
    assert len(said(tmp_path).splitlines()) < 12

    assert together(2, *alone, cwd=tmp_path) == [0, 0], said(tmp_path)
    alike(tmp_path / "run", tmp_path / "whole", rtol=0, atol=0)

    longer = ["train", "resume=run", "trainer.devices=1", "trainer.max_epochs=3"]
    assert together(1, *longer, cwd=tmp_path) == [0], said(tmp_path)
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert record["steps"] == 10 + 10  # an epoch of one process has twice as many


def test_a_process_that_is_killed_ends_the_others_with_a_line(tmp_path):
    """What was saved is whole, and the run goes on from it."""
    more = ["hydra.run.dir=run", "checkpoint.every_n_steps=5", "trainer.max_epochs=500"]
    first, second = begin(2, *words(*more), cwd=tmp_path)
    last = tmp_path / "run/checkpoints/last.ckpt"
    ends = time.monotonic() + 40
    while not last.exists() and time.monotonic() < ends:
        time.sleep(0.05)
    second.kill()
    killed = time.monotonic()
    assert wait([first, second], 60) == [2, -9], said(tmp_path)
    assert time.monotonic() - killed < 60
    line = said(tmp_path).splitlines()[-1]
    assert line.startswith("rnnlab: another process of this run has ended, killed or by an error")
    assert f"the last good checkpoint is {last.relative_to(tmp_path)}, step " in line
    assert "Traceback" not in said(tmp_path)

    steps = torch.load(last, weights_only=True)["global_step"]
    again = ["train", "resume=run", f"trainer.max_steps={steps + 2}"]
    assert together(2, *again, cwd=tmp_path) == [0, 0], said(tmp_path)
    assert json.loads((tmp_path / "run/metrics.json").read_text())["steps"] == steps + 2


@pytest.mark.faults
@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_saves_and_ends_all_at_one_step(tmp_path, rank):
    """And the run goes on from there as if it had not been stopped."""
    more = ["checkpoint.every_n_steps=1000", "checkpoint.max_overhead=1", "encoder.dropout=0.3"]
    long = words(*more, "hydra.run.dir=run", "trainer.max_epochs=500")
    processes = begin(2, *long, cwd=tmp_path)
    last = tmp_path / "run/checkpoints/last.ckpt"
    ends = time.monotonic() + 40
    while not last.exists() and time.monotonic() < ends:
        time.sleep(0.05)  # until the first epoch is over
    os.kill(processes[rank].pid, signal.SIGTERM)
    codes = wait(processes, 60)
    assert codes == [130, 130], said(tmp_path)
    assert "stopping at the end of this step" in said(tmp_path, rank)
    assert "Traceback" not in said(tmp_path) + said(tmp_path, 1)
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    steps = torch.load(last, weights_only=True)["global_step"]
    assert (record["status"], record["steps"]) == ("interrupted", steps)

    until = f"trainer.max_steps={steps + 3}"
    assert together(2, "train", "resume=run", until, cwd=tmp_path) == [0, 0], said(tmp_path)
    whole = words(*more, "hydra.run.dir=whole", "trainer.max_epochs=500", until)
    assert together(2, *whole, cwd=tmp_path) == [0, 0], said(tmp_path)
    alike(tmp_path / "run", tmp_path / "whole", rtol=0, atol=0)
