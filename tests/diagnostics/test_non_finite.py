"""A loss that is not finite: what broke is named, the batch is kept, weights are not lost."""

import json
import math

import pytest
import torch
from lightning import Callback

from rnnlab.config.compose import compose_words
from rnnlab.diagnostics.non_finite import first_non_finite
from rnnlab.runs import train
from rnnlab.runs.build import build_data, build_model, build_module, build_vectors
from runs import SMALL, merged, small_run, weights


@pytest.fixture(params=["rnn", "lstm", "gru"])
def prepared(request):
    words = [*SMALL, "task=adding", f"cell={request.param}", "encoder.num_layers=2"]
    words += ["encoder.bidirectional=true", "encoder.dropout=0.5"]
    composed = compose_words("train", merged(words))
    cfg = composed.cfg
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    model = build_model(cfg, data.spec(), vectors)
    module = build_module(cfg, composed.choices, data.spec(), model)
    return module, next(iter(data.train_dataloader()))


def test_finite_batch_has_no_cause(prepared):
    module, batch = prepared
    fact, rows = first_non_finite(module, batch)
    assert fact == "without dropout the batch gives a finite loss"
    assert rows == []
    assert module.training


def test_input_that_is_not_finite_is_named_with_its_step_and_rows(prepared):
    module, batch = prepared
    assert batch.inputs.shape[1] == 8
    batch.inputs[3, 2] = math.nan
    batch.inputs[5, 4] = math.inf  # the backward layer is run first: there it is the fourth step
    fact, rows = first_non_finite(module, batch)
    assert fact == (
        "encoder.0.backward: what it reads is not finite from its time step 4 on "
        f"in 2 of {len(batch)} sequences"
    )
    assert rows == [3, 5]


def test_state_that_overflows_is_named(prepared):
    """The second layer's backward direction breaks in one sequence only, at its second step."""
    module, batch = prepared
    layer = module.encoder.layers[1].backward_layer
    real = layer.step

    def breaks(x, state):
        output, state = real(x, state)
        breaks.calls += 1
        if breaks.calls == 2:
            output = output.index_fill(0, torch.tensor([7]), math.inf)
        return output, state

    breaks.calls = 0
    layer.kernel = "scan"
    layer.step = breaks
    fact, rows = first_non_finite(module, batch)
    assert fact.startswith(
        "encoder.1.backward: its state is not finite from its time step 2 on in 1"
    )
    assert rows == [7]


def test_weights_that_are_lost_already_are_named(prepared):
    module, batch = prepared
    with torch.no_grad():
        module.encoder.layers[0].forward_layer.weight_hh_l0[0, 0] = math.nan
        module.task.head.bias[0] = math.inf
    fact, _ = first_non_finite(module, batch)
    assert fact == "the weights of encoder.0.forward, task.head were not finite before it"


class Poison(Callback):
    """Makes one training batch's inputs not finite."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.current_epoch == 1 and batch_idx == 3:
            batch.inputs[4, 1] = math.nan
            self.rows = trainer.train_dataloader.plan()[batch_idx]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_poisoned_batch_is_kept_and_told(cell, tmp_path, monkeypatch, capsys):
    poison = Poison()
    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *given: [poison, *real(*given)])
    folder = tmp_path / "run"
    words = ["task=adding", f"cell={cell}", "checkpoint.every_n_steps=1", "diagnostics=full"]
    outcome = small_run(folder, *words, "optimizer.lr=0.001", "logger=tensorboard")
    assert outcome.status == "diverged"
    assert outcome.score == -math.inf
    record = json.loads((folder / "metrics.json").read_text())
    said = capsys.readouterr().out
    bad = "diagnostics/bad_batch.pt"
    for reason in (record["reason"], record["alarms"][-1], said):
        assert "the loss is nan after 13 steps (epoch 2, batch 4)" in reason
        assert "encoder.0: what it reads is not finite from its time step 2 on" in reason
        assert f"examples {poison.rows[4]};" in reason
        assert bad in reason
    assert f"the last good checkpoint is {folder}/checkpoints/last.ckpt, step " in said
    assert said.count("\nalarm ") == 1
    kept = torch.load(folder / "diagnostics/bad_batch.pt", weights_only=True)
    assert torch.isnan(kept["inputs"][4, 1]).all()
    assert (
        torch.isfinite(kept["inputs"]).sum()
        == kept["inputs"].numel() - kept["inputs"][4, 1].numel()
    )
    assert kept["examples"].tolist() == poison.rows.tolist()
    assert (kept["step"], kept["epoch"], kept["batch"]) == (13, 1, 3)
    assert all(torch.isfinite(v).all() for v in weights(folder / "checkpoints/last.ckpt").values())


def test_weights_are_those_before_the_bad_batch(tmp_path, monkeypatch):
    poison = Poison()
    seen = []

    class Keep(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            seen.append({n: p.detach().clone() for n, p in pl_module.named_parameters()})

        def on_exception(self, trainer, pl_module, exception):
            self.on_train_batch_end(trainer, pl_module, None, None, 0)

    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *g: [poison, Keep(), *real(*g)])
    small_run(tmp_path / "run", "task=adding")
    assert len(seen) == 14
    for name, value in seen[-1].items():
        assert torch.equal(value, seen[-2][name]), name
    assert any(not torch.equal(value, seen[-3][name]) for name, value in seen[-2].items())
