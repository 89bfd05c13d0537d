"""How runs start: composed once, checked once, all jobs of a grid before the first."""

from pathlib import Path

import pytest

from rnnlab.config import compose, validate
from rnnlab.runs import jobs
from tiny import SMALL, call

RUN = [
    *("task=delayed_recall", "data.lag=2", "data.train_size=32", "data.val_size=8"),
    *("data.test_size=8", *SMALL),
]


@pytest.fixture
def counts(monkeypatch, tmp_path):
    """How often a configuration is composed and validated."""
    monkeypatch.chdir(tmp_path)
    found = {"composed": 0, "validated": 0}

    def counting(module, name, what):
        function = getattr(module, name)

        def counted(*words, **more):
            found[what] += 1
            return function(*words, **more)

        monkeypatch.setattr(module, name, counted)

    counting(compose, "compose", "composed")
    counting(validate, "find_problems", "validated")
    counting(jobs, "find_problems", "validated")
    return found


def test_a_run_is_composed_once_and_validated_once(counts, capsys):
    assert call(capsys, "train", *RUN).code == 0
    assert counts == {"composed": 1, "validated": 1}


def test_jobs_that_choose_the_same_groups_are_composed_once(counts, capsys):
    said = call(capsys, "check", "-m", *RUN, "seed=1,2,3", "optimizer.lr=0.1,0.2", "cell=rnn,gru")
    assert (said.code, said.out) == (0, "12 jobs, no mistake found\n")
    # the first job, and one of each cell
    assert counts["composed"] == 1 + 2
    assert counts["validated"] == 12


def test_a_mistake_of_the_last_job_stops_the_first(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = ["cell=lstm", "cell.chrono=null,9", "cell.forget_bias=1,2"]
    said = call(capsys, "train", "-m", *RUN, *grid)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "cell.forget_bias: 2" in said.err  # beside chrono alone
    assert not list(tmp_path.iterdir())


def test_parts_that_do_not_fit_are_found_without_data(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNLAB_DATA", str(tmp_path / "none"))
    table = {
        "task=language_model encoder.bidirectional=true": "encoder.bidirectional: true would show",
        "task=translation data=multi30k data.target=de": "data.target: 'de' is the source as well",
        "task=ner cell.hidden_size=100000 encoder.num_layers=20": "the model needs",
        "task=ner cell.hidden_size=1000000000": "the model is too large for any machine",
        "characters=cnn task=adding": "characters: Adding gives no words",
    }
    for words, message in table.items():
        said = call(capsys, "check", *words.split())
        assert said.code == 2, words
        assert said.err.startswith(f"rnnlab: {message}"), said.err
    assert not list(Path().iterdir())


def test_a_search_tries_each_value_once_not_their_product(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = "{optimizer.lr: 'choice(0.1, 0.2, 0.3)', cell.hidden_size: 'choice(4, 8, LAST)'}"
    words = [word for word in RUN if not word.startswith("cell.hidden_size")]
    words += ["sweep=optuna", "cell=gru"]
    said = call(capsys, "check", *words, f"hydra.sweeper.params={space.replace('LAST', '16')}")
    assert (said.code, said.out, said.err) == (0, "5 jobs, no mistake found\n", "")
    said = call(capsys, "check", *words, f"hydra.sweeper.params={space.replace('LAST', '0')}")
    assert said.code == 2
    assert said.err == "rnnlab: cell.hidden_size: '0' is not an int of at least 1\n"
