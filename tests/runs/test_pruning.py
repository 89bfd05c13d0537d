"""Jobs that are worse than others were at the same time end early."""

from optuna.trial import TrialState

from rnnlab.runs.ledger import Ledger
from runs import SMALL, merged
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
