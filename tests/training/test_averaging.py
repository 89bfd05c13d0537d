"""Averaged weights: what is averaged, what is validated and saved, and how it goes on."""

import json

import pytest
import torch
from lightning import Callback

from rnnlab.config.compose import compose_words
from rnnlab.runs import train
from rnnlab.runs.resume import resume_run
from rnnlab.runs.train import run
from rnnlab.training.averaging import CURRENT
from rnnlab.training.checkpoint import load_plain, read_checkpoint
from rnnlab.training.convert import KEY
from runs import SMALL, StopAt, equal, merged, small_run
from tiny import call

WORDS = [
    "optimizer=sgd",
    "optimizer.lr=3.0",  # too much: the scores go up and down
    "averaging.patience=1",
    "trainer.max_epochs=8",
    "trainer.accumulate_grad_batches=3",
    "encoder.input_dropout=0.2",
    "checkpoint.every_n_steps=2",
    "checkpoint.max_overhead=1",
]
STEPS = 4  # of an epoch: three of three batches, one of the last batch


class Follow(Callback):
    """All weights after each step, and each validation's score."""

    def __init__(self):
        self.weights, self.scores, self.steps = [], [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step > len(self.weights):
            self.weights.append([p.detach().clone() for p in pl_module.parameters()])

    def on_validation_end(self, trainer, pl_module):
        self.scores.append(float(trainer.callback_metrics["val/accuracy"]))
        self.steps.append(trainer.global_step)


def followed(folder, *words):
    follow = Follow()
    composed = compose_words("train", merged([*SMALL, *WORDS, *words]))
    outcome = run(composed.cfg, composed.choices, folder, callbacks=[follow])
    return outcome, follow


def begins(scores, patience):
    """Index of the first validation that is worse than the best of long ago, as in the paper."""
    for k, score in enumerate(scores):
        long_ago = [scores[i] for i in range(k) if k - i > patience]
        if long_ago and score < max(long_ago):
            return k
    return None


@pytest.mark.parametrize("patience", [0, 1])
def test_the_mean_of_all_steps_since_it_began(tmp_path, patience):
    outcome, follow = followed(tmp_path / "run", f"averaging.patience={patience}")
    assert len(follow.weights) == 8 * STEPS
    k = begins(follow.scores, patience)
    assert k is not None
    assert k < 6
    since = follow.weights[follow.steps[k] :]
    last = load_plain(tmp_path / "run/checkpoints/last.ckpt")
    for index, name in enumerate(n for n, _ in named(last)):
        mean = torch.stack([each[index].double() for each in since]).mean(0)
        torch.testing.assert_close(last["state_dict"][name].double(), mean, rtol=1e-4, atol=1e-6)
        assert torch.equal(last[CURRENT][name], since[-1][index])
    assert outcome.record["val"]["accuracy"] == max(follow.scores)


def named(checkpoint):
    return [(n, v) for n, v in checkpoint["state_dict"].items() if v.is_floating_point()]


def test_what_is_saved_is_what_is_tested_and_evaluated(tmp_path, capsys):
    folder = tmp_path / "run"
    outcome, follow = followed(folder, "averaging.patience=0")
    best = load_plain(folder / "checkpoints/best.ckpt")
    assert (CURRENT in best) == (best["epoch"] > begins(follow.scores, 0))
    said = call(capsys, "evaluate", f"checkpoint={folder}")
    assert json.loads(said.out)["test"] == outcome.record["test"]


def test_before_it_begins_nothing_is_different(tmp_path):
    small_run(tmp_path / "off", *WORDS, "averaging.patience=null")
    small_run(tmp_path / "never", *WORDS, "averaging.patience=100")
    equal(tmp_path / "off/checkpoints/last.ckpt", tmp_path / "never/checkpoints/last.ckpt")
    assert CURRENT not in load_plain(tmp_path / "never/checkpoints/last.ckpt")


@pytest.mark.parametrize(("epoch", "batch"), [(0, 7), (4, 0), (5, 7), (6, 4)])
def test_stopped_and_resumed_is_as_if_never_stopped(tmp_path, monkeypatch, epoch, batch):
    whole, follow = followed(tmp_path / "whole")
    began = begins(follow.scores, 1)
    assert began is not None
    assert began < 5  # so that some of the cases stop before it and some behind it
    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *a: [*real(*a), StopAt(batch, epoch)])
        assert small_run(tmp_path / "stopped", *WORDS).status == "interrupted"
    resumed = resume_run(tmp_path / "stopped", [], [])
    assert resumed.status == "completed"
    for name in ("last", "best"):
        files = [tmp_path / run / f"checkpoints/{name}.ckpt" for run in ("whole", "stopped")]
        equal(*files)
        one, two = map(load_plain, files)
        assert (CURRENT in one) == (CURRENT in two)
        for key, value in one.get(CURRENT, {}).items():
            assert torch.equal(value, two[CURRENT][key]), key
    assert resumed.record["test"] == whole.record["test"]
    assert resumed.record["val"]["accuracy"] == whole.record["val"]["accuracy"]


class Validated(Callback):
    """The last validation's score."""

    def on_validation_end(self, trainer, pl_module):
        self.score = float(trainer.callback_metrics["val/bits_per_character"])


def test_what_is_validated_is_the_mean_and_tied_weights_have_one(tmp_path, capsys):
    """Validation and test are the same text: the last score is that of the last checkpoint."""
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question\n" * 20)
    words = [
        "task=language_model",
        "task.tie_word_embeddings=true",
        "data=text_files",
        "data.bptt=10",
    ]
    words += [f"data.{split}={text}" for split in ("train", "val", "test")]
    words += ["data.batch_size=4", "trainer.max_epochs=6", "averaging.patience=0"]
    words += ["optimizer.lr=20", "trainer.gradient_clip_val=1.0"]
    small = [w for w in SMALL if not w.startswith("data.")]
    composed = compose_words("train", merged([*small, *WORDS, *words]))
    validated = Validated()
    folder = tmp_path / "run"
    outcome = run(composed.cfg, composed.choices, folder, callbacks=[validated])
    assert outcome.status == "completed"
    last = load_plain(folder / "checkpoints/last.ckpt")
    table = last["state_dict"]["encoder.embedding.weight"]
    assert torch.equal(table, last["state_dict"]["task.output.weight"])
    assert not torch.equal(table, last[CURRENT]["encoder.embedding.weight"])
    said = call(capsys, "evaluate", f"checkpoint={folder / 'checkpoints/last.ckpt'}")
    assert json.loads(said.out)["test"]["bits_per_character"] == pytest.approx(
        validated.score, rel=1e-6
    )


def test_a_run_from_before_there_were_averages_goes_on(tmp_path):
    folder = tmp_path / "run"
    small_run(folder, "trainer.max_epochs=1")
    for name in ("best", "last"):
        file = folder / f"checkpoints/{name}.ckpt"
        content = load_plain(file)
        del content[KEY]["config"]["averaging"]
        torch.save(content, file)
    assert read_checkpoint(folder / "checkpoints/best.ckpt").state_dict
    assert resume_run(folder, ["trainer.max_epochs=2"], []).record["epochs"] == 2
