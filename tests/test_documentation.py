"""What README and docs say is true: commands compose, links lead somewhere, the cell trains."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import docs_tables
from rnnlab.config.compose import compose_words, override_problems
from rnnlab.config.files import config_dir
from rnnlab.config.overrides import each_value, parse
from rnnlab.config.validate import find_problems
from rnnlab.errors import ConfigError

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(page for page in ROOT.glob("docs/**/*.md") if "_build" not in page.parts),
]


def blocks(page):
    """Language and text of each block of code."""
    return re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def shell_lines(page):
    """The commands of blocks without a language."""
    return [
        line.split("  #")[0].strip()
        for language, block in blocks(page)
        if language in ("", "sh", "bash") and not block.startswith("$ ")
        for line in block.replace("\\\n", " ").splitlines()
    ]


def commands(page):
    """What a page tells to type, in blocks or as `rnnlab ...` in its text."""
    lines = shell_lines(page)
    lines += re.findall(r"`((?:rnnlab|make) [^`\n]*)`", page.read_text(encoding="utf-8"))
    return [line.split(" | ")[-1] for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_valid(page):
    assert [problem for line in commands(page) for problem in mistakes(line)] == []


LIMITS = {
    "trainer.max_epochs": 1,
    "trainer.limit_train_batches": 3,
    "trainer.limit_val_batches": 2,
    "trainer.limit_test_batches": 2,
    "trainer.enable_progress_bar": "false",
}


@pytest.mark.data
@pytest.mark.slow
def test_the_commands_of_start_run_one_after_the_other(tmp_path, data_root):
    program = tmp_path / "bin" / "rnnlab"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rnnlab "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    lines = [line for line in shell_lines(ROOT / "docs/start.md") if "rnnlab" in line]
    assert len(lines) > 6
    for line in lines:
        if line.startswith("rnnlab train"):
            given = [word for word in line.split() if word.split("=")[0] not in LIMITS]
            line = " ".join([*given, *(f"{key}={value}" for key, value in LIMITS.items())])
        line = line.replace("data fetch", "data verify")  # needs no network
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert (tmp_path / "outputs/comparison/compare.html").is_file()


TRANSCRIPTS = [
    pytest.param(block, id=f"{page.stem}-{block.splitlines()[0][2:40]}")
    for page in PAGES
    for language, block in blocks(page)
    if language == "" and block.startswith("$ ")
]


@pytest.mark.parametrize("block", TRANSCRIPTS)
def test_what_a_command_is_said_to_print(block, tmp_path):
    command, *printed = block.splitlines()
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command.removeprefix("$ "))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout + done.stderr).splitlines() == printed


def test_every_command_is_shown_somewhere():
    shown = {tuple(line.split()[:2]) for page in PAGES for line in commands(page)}
    for name in ("train", "check", "evaluate", "predict", "analyze", "compare", "embed", "data"):
        assert ("rnnlab", name) in shown


def mistakes(line):
    """What is wrong with a command, as far as that shows without data or a trained model."""
    name, *words = re.sub(r"^(\w+=\S+ )+", "", line).split(" ", 1) if line else [""]
    rest = " ".join(words)
    if name == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        wanted = [word for word in shlex.split(rest) if "=" not in word]
        yield from (f"make {word}: no such target" for word in wanted if word not in targets)
    elif name in ("python", "bash"):
        file = next((word for word in rest.split() if "/" in word), None)
        exported = file is not None and file.endswith("/runner.py")
        if file and "." in file and not exported and not (ROOT / file).is_file():
            yield f"{line}: no such file"
    elif name == "rnnlab":
        yield from (f"{line}: {problem}" for problem in rnnlab_mistakes(rest))


def rnnlab_mistakes(rest):
    """Of a command of rnnlab."""
    name, *words = shlex.split(rest)
    words = [word for word in words if word not in ("-m", "--help", "...")]
    words = [word for word in words if not re.fullmatch(r"(.*=)?[A-Z]+", word)]  # to be filled in
    if not re.fullmatch("train|check|evaluate|analyze|embed|predict", name):
        return
    if {"--config-dir", "--schema", "--reference"} & {*words}:
        return
    if name in ("train", "check") and not any(word.startswith("resume=") for word in words):
        try:
            for run in each_value(words):
                composed = compose_words("train", run)
                yield from find_problems(composed.cfg, composed.choices)
        except ConfigError as error:
            yield str(error)
    else:
        given = [word for word in words if not word.startswith("prompt=")]
        command = "train" if name == "check" else name
        for run in each_value(given) if command == "train" else [given]:  # of a sweep that goes on
            yield from override_problems(command, parse(run), [config_dir()])


def test_generated_parts_are_current(capsys):
    stale = docs_tables.main(["--check"])
    assert (stale, capsys.readouterr().out) == (0, "")
    overview = (ROOT / "docs/options.md").read_text(encoding="utf-8")
    for folder in (path for path in config_dir().iterdir() if path.is_dir()):
        (row,) = [line for line in overview.splitlines() if line.startswith(f"| [{folder.name}](")]
        assert row.split("`")[-2].split() == sorted(file.stem for file in folder.glob("*.yaml"))


def test_readme_is_short_and_its_links_and_badges_are_right():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= 8192
    targets = {link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)}
    files = {link for link in targets if not link.startswith("../../actions/workflows/")}
    assert {link for link in files if not (ROOT / link).exists()} == set()
    (ci,) = {link.removesuffix("/badge.svg") for link in targets - files}
    assert (ROOT / ".github/workflows" / Path(ci).name).is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    badges = {file.stem: file.read_text() for file in (ROOT / "docs/_static/badges").iterdir()}
    assert f"licence: {project['license']}" in badges["licence"]
    assert f"python: {project['requires-python'].removeprefix('>=')} or newer" in badges["python"]


def test_the_loop_of_ones_own_learns(capsys):
    names = {}
    for language, text in blocks(ROOT / "docs/guides/own_loop.md"):
        if language == "python":
            exec(text, names)
    assert names["loss"].item() < 0.3
    assert names["norms"].shape == (64, 50)


@pytest.mark.slow
def test_the_cell_of_ones_own_trains(tmp_path):
    page = ROOT / "docs/guides/own_cell.md"
    (python,) = [text for language, text in blocks(page) if language == "python"]
    (yaml,) = [text for language, text in blocks(page) if language == "yaml"]
    (command,) = {line for line in commands(page) if "--config-dir" in line}
    (tmp_path / "mycell.py").write_text(python)
    (tmp_path / "my/cell").mkdir(parents=True)
    (tmp_path / "my/cell/leaky.yaml").write_text(yaml)
    small = ["data.train_size=128", "data.val_size=32", "data.test_size=32"]
    result = subprocess.run(
        [
            *(sys.executable, "-m", *shlex.split(command), *small),
            *("trainer.max_epochs=1", "trainer.accelerator=cpu"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.glob("outputs/delayed_recall-leaky/*/metrics.json"))
