"""Jobs that are worse than others were at the same time end early."""

import pytest
from optuna.trial import TrialState

from rnnlab.runs import train
from rnnlab.runs.ledger import Ledger
from runs import SMALL, StopAt, merged
from tiny import call

WORDS = merged([*SMALL, "data.train_size=96", "trainer.max_epochs=4", "diagnostics=off"])


def test_a_job_without_hope_ends_early(tmp_path, capsys, monkeypatch):
    """Five learn; the sixth, with a learning rate of nearly nothing, is below their median."""
    monkeypatch.chdir(tmp_path)
    words = [*WORDS, "seed=1,2,3,4,5", "optimizer.lr=0.05", "sweep.pruner=median"]
    said = call(capsys, "train", "-m", *words, "hydra.sweep.dir=sweep")
    assert said.code == 0, said.err
    said = call(capsys, "train", "resume=sweep", "optimizer.lr=1e-9", "seed=1")
    assert said.code == 0, said.err
    jobs = Ledger.open(tmp_path / "sweep").jobs()
    assert [job.state for job in jobs[:5]] == ["completed"] * 5
    trials = Ledger.open(tmp_path / "sweep").storage.get_all_trials(1)
    assert jobs[5].state == "pruned"
    assert trials[5].state == TrialState.PRUNED
    assert 1 <= len(trials[5].intermediate_values) < 4
    assert all(list(trial.intermediate_values) == [1, 2, 3, 4] for trial in trials[:5])


def test_no_job_is_pruned_that_none_prunes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = merged([*WORDS, "optimizer.lr=0.05,1e-9", "trainer.max_epochs=2", "sweep.pruner=none"])
    said = call(capsys, "train", "-m", *words, "hydra.sweep.dir=sweep")
    assert said.code == 0, said.err
    ledger = Ledger.open(tmp_path / "sweep")
    assert [job.state for job in ledger.jobs()] == ["completed"] * 2
    assert not any(trial.intermediate_values for trial in ledger.storage.get_all_trials(1))


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_jobs_that_are_stopped_and_resumed_end_as_early(tmp_path, capsys, monkeypatch, pruner):
    """Each is stopped after its first validation: it is told once, and counted on from there."""
    monkeypatch.chdir(tmp_path)
    rates = "optimizer.lr=0.05,0.04,0.03,0.02,0.06,1e-9,1e-8"
    words = [*WORDS, rates, "data.train_size=64", f"sweep.pruner={pruner}"]
    whole = merged([*words, "hydra.sweep.dir=whole"])
    assert call(capsys, "train", "-m", *whole).code == 0
    real = train.build_callbacks

    def callbacks(cfg, folder, task):
        begins = not (folder / "checkpoints/last.ckpt").exists()
        return [*real(cfg, folder, task), *([StopAt(0, 1)] if begins else [])]

    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", callbacks)
        assert call(capsys, "train", "-m", *merged([*words, "hydra.sweep.dir=parts"])).code == 130
        for _ in range(9):
            if call(capsys, "train", "-m", "resume=parts").code == 0:
                break
    assert call(capsys, "train", "-m", "resume=parts").code == 0
    seen = {}
    for name in ("whole", "parts"):
        ledger = Ledger.open(tmp_path / name)
        values = [t.intermediate_values for t in ledger.storage.get_all_trials(ledger.study_id)]
        seen[name] = values
        states = [job.state for job in ledger.jobs()]
        assert states[:2] == ["completed"] * 2
        assert states[5:] == ["pruned"] * 2  # of the others it depends on who came first
    assert [job.run["attempts"] for job in ledger.jobs()] == [2] * 7
    for whole_values, values in zip(seen["whole"], seen["parts"], strict=True):
        assert list(values) == list(range(1, len(values) + 1))
        both = whole_values.keys() & values.keys()
        assert {step: values[step] for step in both} == {s: whole_values[s] for s in both}
