"""Fixtures for all tests."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tiny import Run, train

# repeatable, and without time limits: machines are shared
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several processes are a job of the faults; reports (`--junitxml`) name what a test needs."""
    for item in items:
        if item.get_closest_marker("ddp"):
            item.add_marker("faults")
        for name in ("data", "browser"):
            if item.get_closest_marker(name):
                item.user_properties.append(("needs", name))


@pytest.fixture(autouse=True, scope="session")
def derived_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Caches go to a folder of the session's own, for subprocesses as well."""
    folder = tmp_path_factory.mktemp("derived")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNLAB_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the real data sets; skips where there is none."""
    chosen = os.environ.get("RNNLAB_DATA")
    if not chosen:
        pytest.skip("RNNLAB_DATA is not set: no real data sets")
    root = Path(chosen).resolve()
    if not root.is_dir():
        pytest.skip(f"RNNLAB_DATA={chosen} is not a folder")
    return root


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """From a task to a finished run on its tiny corpus; trained once a session."""

    @cache
    def run(task: str) -> Run:
        return train(
            tmp_path_factory.mktemp(task), task, "trainer.max_epochs=4", "optimizer.lr=0.03"
        )

    return run
