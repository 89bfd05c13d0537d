"""Real runs, TensorBoard on them, and a browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import Browser, missing, opened
from runs import CELLS_SHOWN, small_run

WORDS = (
    *("logger=tensorboard", "trainer.log_every_n_steps=2", "diagnostics=full"),
    *(
        "encoder.bidirectional=true",
        "encoder.num_layers=2",
        "diagnostics.time_flow.every_n_steps=2",
    ),
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium; skips where there is none."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    yield from opened(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of each of two cells."""
    base = tmp_path_factory.mktemp("logs")
    for cell in CELLS_SHOWN:
        assert small_run(base / cell, *WORDS, f"cell={cell}").status == "completed"
    return base


@pytest.fixture(scope="session")
def dashboard(browser: Browser, logs: Path) -> Iterator[str]:
    """The address of TensorBoard on the runs."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs)]
    command += ["--host", "127.0.0.1", "--port", "0", "--load_fast", "false"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return found.group()
    raise AssertionError(f"TensorBoard did not start: {''.join(said)}")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: `RNNLAB_SCREENSHOTS`, else the test's own folder."""
    chosen = os.environ.get("RNNLAB_SCREENSHOTS")
    return Path(chosen) if chosen else tmp_path
