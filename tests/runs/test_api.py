"""Runs from Python: the same as those of the command line, as often as one likes."""

import re
import sys
from pathlib import Path

import hydra
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from lightning import Callback
from omegaconf import OmegaConf

import rnnlab
from rnnlab.errors import ConfigError
from rnnlab.training.checkpoint import load_plain
from tiny import SMALL, call, sentiment

RUN = [
    *("task=delayed_recall", "data.lag=2", "data.train_size=64", "data.val_size=8"),
    *("data.test_size=8", *SMALL, "trainer.max_epochs=2"),
]


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def weights(folder):
    return load_plain(Path(folder) / "checkpoints" / "best.ckpt")["state_dict"]


def assert_equal_weights(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


class Counting(Callback):
    """A callback of the caller's."""

    def __init__(self):
        self.batches = 0

    def on_train_batch_end(self, *_):
        self.batches += 1


def test_a_run_is_that_of_the_command_line_bit_by_bit_twice_in_one_process(capsys):
    assert call(capsys, "train", *RUN, "hydra.run.dir=cli").code == 0
    counting = Counting()
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = rnnlab.train(*RUN, callbacks=[counting], folder="one", quiet=True)
    assert capsys.readouterr().out == ""
    second = rnnlab.train(rnnlab.compose(*RUN), quiet=True)
    assert torch.equal(torch.get_rng_state(), state)  # the caller's random numbers
    assert second.folder.is_relative_to("outputs/delayed_recall-lstm")
    for run in (first, second):
        assert run.status == "completed"
        assert counting.batches == run.steps[-1]["step"]
        assert_equal_weights(weights("cli"), weights(run.folder))
        assert [row["epoch"] for row in run.history] == [1, 2]
        assert {"epoch", "step", "val/loss", "val/accuracy", "train/loss"} <= run.history[-1].keys()
    measured = ("val/loss", "val/accuracy", "train/loss", "train/lr")
    same = [[[row[name] for name in measured] for row in run.history] for run in (first, second)]
    assert same[0] == same[1]
    assert max(row["val/accuracy"] for row in first.history) == first.score
    for section in ("val", "test"):
        assert first.metrics[section] == second.metrics[section]
    saved = OmegaConf.load("one/config.yaml")
    assert saved == OmegaConf.load("cli/config.yaml")
    assert not first.model.encoder.training


def test_it_prints_as_the_command_line_does(capsys):
    rnnlab.train(*RUN)
    said = capsys.readouterr().out
    assert said.startswith("train    task=delayed_recall")
    assert "\ncompleted " in said


def test_values_of_a_configuration_may_be_changed(capsys):
    config = rnnlab.compose(*RUN)
    config["cell"]["hidden_size"] = 5
    run = rnnlab.train(config, folder="changed", quiet=True)
    for file in ("changed/config.yaml", "changed/.hydra/config.yaml"):
        assert OmegaConf.load(file).cell.hidden_size == 5
    assert run.model.encoder.output_size == 5
    assert call(capsys, "train", *RUN, "cell.hidden_size=5", "hydra.run.dir=cli").code == 0
    assert_equal_weights(weights("cli"), weights("changed"))
    assert "hidden_size: 5" in str(config)
    config["cell"]["hidden_sise"] = 5
    config["data"]["lag"] = 0
    with pytest.raises(ConfigError) as raised:
        rnnlab.train(config)
    assert len(str(raised.value).splitlines()) == 2


def test_a_run_goes_on(capsys):
    run = rnnlab.train(*RUN, folder="run", quiet=True)
    longer = rnnlab.train(f"resume={run.folder}", "trainer.max_epochs=3", quiet=True)
    assert [row["epoch"] for row in longer.history] == [3]
    assert longer.folder == run.folder


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (["cell=gruu"], {}, "cell: no choice 'gruu'; did you mean 'gru'?"),
        (["cell=gru,lstm"], {}, "cell=gru,lstm: several values need -m"),
        (["+hydra.sweeper.params={seed: '1,2'}"], {}, "several runs are asked for"),
        (["-m", "cell=gru"], {}, "-m: not KEY=VALUE, as text"),
        ([3], {}, "3: not KEY=VALUE, as text"),
        (["resume=nowhere"], {}, "nowhere"),
        ([], {"config_dir": "nowhere"}, "--config-dir: no folder nowhere"),
        (["task=sentiment", "data=sentiment_files", "data.train=no.tsv"], {}, ""),
    ],
)
def test_mistakes_are_errors_and_leave_nothing_behind(words, options, message):
    with pytest.raises(rnnlab.RnnlabError) as raised:
        rnnlab.train(*words, **options)
    assert str(raised.value).startswith(message)
    assert not list(Path().iterdir())


def test_it_runs_inside_another_hydra_program(monkeypatch, tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mine.yaml").write_text("size: 3\n")
    seen = []

    @hydra.main(config_path=str(tmp_path / "conf"), config_name="mine")
    def program(cfg):
        runs = [rnnlab.train(*RUN, folder=f"run{n}", quiet=True) for n in range(2)]
        seen.extend(run.status for run in runs)
        assert HydraConfig.get().job.config_name == "mine"
        assert GlobalHydra.instance().is_initialized()
        seen.append(cfg.size)

    monkeypatch.setattr(sys, "argv", ["program"])
    program()
    assert seen == ["completed", "completed", 3]
    assert_equal_weights(weights("run0"), weights("run1"))


def test_a_model_of_text_answers(tmp_path):
    run = rnnlab.train(*sentiment(tmp_path / "corpus"), *SMALL, quiet=True)
    assert run.predictor.predict("good")[0][0] in ("pos", "neg")


@pytest.mark.docs
def test_the_guide_runs(capsys):
    guide = Path(__file__).parents[2] / "docs" / "guides" / "python.md"
    space = {}
    for block in re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL):
        exec(block, space)
    assert {"0", "1", "0/cell", "1/cell"} == set(space["flow"])
