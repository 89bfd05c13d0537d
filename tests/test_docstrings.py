"""Every example in a docstring runs and gives what it says."""

import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import rnnlab
from rnnlab.config.files import choices, read_yaml
from rnnlab.config.trust import locate
from rnnlab.runs.predictor import Predictor

SOURCE = Path(rnnlab.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
SMALL = (
    "task=delayed_recall",
    "data.lag=3",
    "data.train_size=64",
    "data.val_size=16",
    "data.test_size=16",
    "cell.hidden_size=8",
    "diagnostics=off",
    "logger=none",
    "trainer.max_epochs=1",
    "trainer.enable_progress_bar=false",
)


def examples():
    """Of each file with examples its module."""
    for path in FILES:
        if ">>>" in path.read_text(encoding="utf-8"):
            yield ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(
                ".__init__"
            )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What examples call `run`."""
    return rnnlab.train(*SMALL, folder=tmp_path_factory.mktemp("docs") / "run", quiet=True)


@pytest.mark.parametrize("name", list(examples()))
def test_examples(name, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said = []
    for test in finder.find(module, name, extraglobs={"run": run}):
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).attempted > 0
    assert "".join(said) == ""


def public():
    """What must have one: what `import rnnlab` gives, what it answers with, and every cell."""
    yield from (getattr(rnnlab, name) for name in rnnlab.__all__ if name != "__version__")
    yield from (Predictor, Predictor.predict)
    yield from (locate(read_yaml(file)["_target_"]) for file in choices("cell").values())


@pytest.mark.parametrize("thing", list(public()), ids=lambda thing: thing.__qualname__)
def test_what_is_public_has_an_example(thing):
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    assert ">>>" in inspect.getdoc(thing)


def test_no_example_is_only_read():
    for path in FILES:
        for after in re.findall(r"^ *Examples?:\n(.*)$", path.read_text(encoding="utf-8"), re.M):
            assert after.strip().startswith(">>>"), path
