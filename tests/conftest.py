"""Fixtures for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# repeatable, and without time limits: machines are shared
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


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
