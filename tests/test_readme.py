"""What the README says is true: its commands compose, its cell trains."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import readme_tables
from rnnlab.config.compose import compose_words
from rnnlab.config.files import config_dir
from rnnlab.config.overrides import each_value
from rnnlab.config.validate import find_problems

pytestmark = pytest.mark.docs

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
COMMANDS = [
    line.split("  #")[0].split("   # ")[0].strip()
    for language, block in BLOCKS
    if not language
    for line in block.splitlines()
    if line.startswith("rnnlab train")
]


def test_there_are_commands():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", [c for c in COMMANDS if "resume=" not in c])
def test_train_commands_are_valid(command):
    words = [w for w in shlex.split(command)[2:] if w != "-m"]
    if "--config-dir" in words:
        return  # the cell of one's own: below
    for run in each_value(words):
        composed = compose_words("train", run)
        assert list(find_problems(composed.cfg, composed.choices)) == []


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
    (command,) = [c for c in COMMANDS if "--config-dir" in c]
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
