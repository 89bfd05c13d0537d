"""What the README says is true: its commands compose, its cell trains."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import readme_tables
from rnnlab.config.compose import compose_words, override_problems
from rnnlab.config.files import config_dir
from rnnlab.config.overrides import each_value, parse
from rnnlab.config.validate import find_problems

pytestmark = pytest.mark.docs

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, flags=re.DOTALL)
LINES = [
    *(line for language, block in BLOCKS if not language for line in block.splitlines()),
    *re.findall(r"`(rnnlab [^`\n]*)`", TEXT),
]
COMMANDS = [
    match[1]
    for line in LINES
    if (match := re.match(r"(?:echo .*\| )?(rnnlab \w+ .+)", line.split("  #")[0].strip()))
]


def test_commands_are_valid():
    names = [shlex.split(command)[1] for command in COMMANDS]
    for name in ("train", "check", "evaluate", "predict", "analyze", "compare", "embed", "data"):
        assert name in names
    problems = {command: found for command in COMMANDS if (found := list(mistakes(command)))}
    assert problems == {}


def mistakes(command):
    """What is wrong with a command, as far as that shows without data or a trained model."""
    name, *words = shlex.split(command)[1:]
    words = [word for word in words if word not in ("-m", "--help", "OVERRIDES")]
    if name in ("compare", "data", "COMMAND") or "--config-dir" in words or "--schema" in words:
        return
    if name in ("train", "check") and not any(word.startswith("resume=") for word in words):
        for run in each_value(words):
            composed = compose_words("train", run)
            yield from find_problems(composed.cfg, composed.choices)
    else:
        given = parse([word for word in words if not word.startswith("prompt=")])
        yield from override_problems("train" if name == "check" else name, given, [config_dir()])


def test_tables_of_choices_and_options_are_current(capsys):
    stale = readme_tables.main(["--check"])
    assert (stale, capsys.readouterr().out) == (0, "")
    text = README.read_text(encoding="utf-8")
    (overview,) = re.findall(r"<!-- groups -->\n(.*?)<!-- end -->", text, flags=re.DOTALL)
    for folder in (path for path in config_dir().iterdir() if path.is_dir()):
        (row,) = [line for line in overview.splitlines() if line.startswith(f"| `{folder.name}` |")]
        assert row.split("`")[-2].split() == sorted(file.stem for file in folder.glob("*.yaml"))


@pytest.mark.slow
def test_the_cell_of_ones_own_trains(tmp_path):
    (python,) = [block for language, block in BLOCKS if language == "python" and "Leaky" in block]
    (yaml,) = [block for language, block in BLOCKS if language == "yaml"]
    (command,) = {c for c in COMMANDS if "--config-dir" in c}
    (tmp_path / "mycell.py").write_text(python)
    (tmp_path / "my/cell").mkdir(parents=True)
    (tmp_path / "my/cell/leaky.yaml").write_text(yaml)
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            *shlex.split(command),
            "data.train_size=128",
            "data.val_size=32",
            "data.test_size=32",
            "trainer.max_epochs=1",
            "trainer.accelerator=cpu",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.glob("outputs/delayed_recall-leaky/*/metrics.json"))
