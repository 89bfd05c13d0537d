"""Only classes of the shipped configurations are made, and those of named packages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rnnlab.config.files import config_dir
from rnnlab.config.trust import allowed, factory, make, shipped, targets
from rnnlab.errors import ConfigError
from tiny import SMALL, call, refused, sentiment, start, write

CELL = '''
"""A cell of one's own: a decaying sum of its inputs."""

from torch import nn
from rnnlab.layers.base import Layer


class Leaky(Layer):
    def __init__(self, input_size: int, *, hidden_size: int = 4, decay: float = 0.5) -> None:
        super().__init__()
        self.input_size, self.output_size, self.decay = input_size, hidden_size, decay
        self.inputs = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size, like):
        return (like.new_zeros(batch_size, self.output_size),)

    def step(self, x, state):
        h = self.decay * state[0] + self.inputs(x)
        return h, (h,)

    def gates(self):
        return {"input/state": ("inputs.weight", slice(None))}
'''
MEMORY = ["task=delayed_recall", "data.lag=2", "data.train_size=64", "data.val_size=16"]


@pytest.fixture
def leaky(tmp_path, monkeypatch):
    """A folder with a cell of the user's own, and the words that choose it."""
    write(tmp_path / "mycell.py", CELL)
    write(tmp_path / "my" / "cell" / "leaky.yaml", "_target_: mycell.Leaky\nhidden_size: 4\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield ["--config-dir", "my", "cell=leaky"]
    sys.modules.pop("mycell", None)


def test_a_part_whose_package_is_not_installed_is_one_line(leaky, capsys):
    """As Lightning's logger for wandb; `train` would make it."""
    base = "from lightning.pytorch.loggers import CSVLogger\n"
    missing = "raise ModuleNotFoundError('No module named wandb; pip install it')"
    write(
        Path("mylog.py"),
        f"{base}class Log(CSVLogger):\n    def __init__(self, folder):\n        {missing}\n",
    )
    write(Path("my/logger/mine.yaml"), "_target_: mylog.Log\n")
    words = [*leaky[:2], "logger=mine", "trust=[mylog]", *MEMORY]
    message = refused(call(capsys, "train", *words))
    assert message == "Log: No module named wandb; pip install it"


@pytest.mark.parametrize(
    "target",
    [
        "torch.load",
        "torch.hub.load",
        "torch.nn.LSTM",
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "rnnlab.runs.train.run",
        "rnnlab.layers.lstm",
        "hydra.utils.instantiate",
        "",
        "lstm",
    ],
)
def test_nothing_else_is_made(target, capsys):
    name = target.split(".")[0]
    message = refused(call(capsys, "check", f"cell._target_='{target}'"))
    assert message == (
        f"cell._target_: {target} is not a class of rnnlab's own configurations; if it is yours "
        f"and you trust it, say trust=[{name}] on the command line"
    )
    with pytest.raises(ConfigError, match="is not a class of rnnlab's own"):
        factory({"_target_": target}, [])


def test_nothing_hides_in_an_option(capsys):
    nested = "task.dropout={_target_: os.getcwd}"
    assert "task.dropout._target_: os.getcwd is not" in call(capsys, "check", nested).err
    assert list(targets({"a": [{"_target_": "x"}], "_target_": "y"})) == [("", "y"), ("a.0", "x")]


def test_nothing_of_a_refused_class_is_imported(tmp_path):
    write(tmp_path / "harm.py", "open('harmed', 'w').close()\nX = dict\n")
    said = start("train", "cell._target_=harm.X", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert "harm.X is not a class" in refused(said)
    assert [path.name for path in tmp_path.iterdir()] == ["harm.py"]


def test_whitelist_is_what_the_shipped_files_name():
    assert {"rnnlab.layers.lstm.LSTM", "torch.optim.Adam", "lightning.Trainer"} <= shipped()
    assert not [
        name for name in shipped() if not name.startswith(("rnnlab.", "torch.optim.", "lightning."))
    ]
    assert all(name[name.rindex(".") + 1].isupper() for name in shipped())
    assert len(shipped()) < len(list(config_dir().rglob("*.yaml")))


def test_trust_is_of_whole_names():
    assert allowed("mine.a.B", ["mine"])
    assert allowed("mine.a.B", ["mine.a"])
    assert not allowed("mine.a.B", ["min"])
    assert not allowed("mine.a.B", ["mine.b", ""])
    assert not allowed("mine", ["mine"])


def test_options_arrive_as_they_are():
    options = {"a": "${oc.env:HOME}", "b": [1, {"c": None}]}
    node = {"_target_": "collections.OrderedDict", **options}
    assert make(node, ["collections"], {"z": 1}) == {"z": 1, **options}
    assert type(make(node, ["collections"])["b"]) is list


def test_a_cell_of_ones_own_needs_trust(leaky, capsys, tmp_path):
    message = refused(call(capsys, "train", *leaky, *MEMORY))
    assert message.startswith("cell._target_: mycell.Leaky is not")
    assert message.endswith("say trust=[mycell] on the command line")
    assert "mycell" not in sys.modules
    assert not (tmp_path / "outputs").exists()


def test_a_cell_of_ones_own_end_to_end(leaky, capsys, tmp_path):
    words = [*leaky, *sentiment(tmp_path / "data"), *(w for w in SMALL if "hidden" not in w)]
    trained = call(
        capsys, "train", *words, "trust=[mycell]", "cell.hidden_size=5", "hydra.run.dir=run"
    )
    assert trained.code == 0, trained.err
    record = json.loads(Path("run/metrics.json").read_text())

    assert "mycell.Leaky is not a class" in refused(call(capsys, "evaluate", "checkpoint=run"))
    again = call(capsys, "evaluate", "checkpoint=run", "trust=[mycell]")
    assert again.code == 0, again.err
    assert json.loads(again.out)["test"] == record["test"]

    text = write(tmp_path / "in.txt", "good\nbad\n")
    said = call(capsys, "predict", "checkpoint=run", f"input={text}", "trust=[mycell]")
    assert (said.code, len(said.out.splitlines())) == (0, 2)
    assert "mycell.Leaky is not" in refused(
        call(capsys, "predict", "checkpoint=run", f"input={text}")
    )

    more = ["train", "resume=run", "trainer.max_epochs=2"]
    assert "mycell.Leaky is not" in refused(call(capsys, *more))
    assert call(capsys, *more, "trust=[mycell]").code == 0


def test_mistakes_in_a_cell_of_ones_own_are_told_too(leaky, capsys):
    words = ["check", *leaky, "trust=[mycell]"]
    assert refused(call(capsys, *words, "cell.decay=fast")) == "cell.decay: 'fast' is not a float"
    message = refused(call(capsys, *words, "cell.deccay=1"))
    assert message == "cell.deccay: Leaky has no such option; did you mean 'decay'?"


@pytest.mark.parametrize(
    ("imported", "target", "home"),
    [
        ("from subprocess import Popen", "mycell.Popen", "subprocess"),
        ("from os import system as run", "mycell.run", "posix"),
        ("from functools import partial\nrun = partial(print)", "mycell.run", "functools"),
        ("from torch.optim import Adam", "mycell.Adam", "torch.optim.adam"),
    ],
)
def test_what_a_trusted_module_imports_is_not_trusted(
    leaky, imported, target, home, capsys, monkeypatch
):
    write(Path("mycell.py"), f"{imported}\n{CELL}")
    message = refused(call(capsys, "check", "trust=[mycell]", f"cell._target_={target}"))
    assert message == (f"cell._target_: {target} is defined in {home}, which is not trusted")
    with pytest.raises(ConfigError, match="which is not trusted"):
        factory({"_target_": target}, ["mycell"])


def test_a_trusted_package_may_name_what_its_modules_define(leaky, capsys):
    write(Path("mine") / "__init__.py", "from mine.cells import Leaky\n")
    write(Path("mine") / "cells.py", CELL)
    words = ["cell.hidden_size=4", "cell._target_=mine.Leaky"]
    assert call(capsys, "check", *MEMORY, "cell=rnn", *words, "trust=[mine]").code == 0
    message = refused(call(capsys, "check", *MEMORY, "cell=rnn", *words, "trust=[mycell]"))
    assert message.startswith("cell._target_: mine.Leaky is not a class")


@pytest.mark.parametrize("code", ["import nowhere", "1 / 0", "def"])
def test_a_trusted_module_that_is_broken_is_one_line(leaky, code, capsys):
    write(Path("mycell.py"), code)
    message = refused(call(capsys, "check", *leaky, "trust=[mycell]"))
    assert message.startswith("cell._target_: cannot import mycell.Leaky (")


def test_a_trusted_package_that_is_not_there(leaky, capsys):
    Path("mycell.py").unlink()
    message = refused(call(capsys, "check", *leaky, "trust=[mycell]"))
    assert message == "cell._target_: cannot import mycell.Leaky (No module named 'mycell')"


def test_a_trusted_package_is_found_by_the_installed_program(leaky, tmp_path):
    program = Path(sys.executable).with_name("rnnlab")
    if not program.exists():
        pytest.skip("rnnlab is not installed as a program")
    done = subprocess.run(
        [program, "check", *leaky, "trust=[mycell]"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "mycell.Leaky" in done.stdout
