"""Every file of a run is written whole or not at all, and an error names it."""

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlab import files
from rnnlab.cli import main
from rnnlab.data import cache
from rnnlab.diagnostics.curve_history import CurveHistory
from rnnlab.diagnostics.stats import curve_of
from rnnlab.files import replacing
from rnnlab.runs.metrics_json import write_json
from rnnlab.runs.tables import write_csv
from rnnlab.training.archive import write_archive
from tiny import file_limit


def curves(path, size):
    history = CurveHistory(path)
    history.add(1, {"x": curve_of(np.random.default_rng(0).random((1, size)))})
    history.save()


def stream(path, size):
    with replacing(path, shared=True) as file:
        for _ in range(size):
            file.write(b"eight by")


WRITERS = {
    "archive": lambda path, size: write_archive(torch.zeros(size), path),
    "json": lambda path, size: write_json(path, {"values": [0] * size}),
    "csv": lambda path, size: write_csv(path, [{"value": 0}] * size),
    "curves": curves,
    "stream": stream,
}


@pytest.mark.parametrize("name", WRITERS)
def test_where_there_is_no_room_the_former_file_stays_and_is_named(name, tmp_path):
    path = tmp_path / "folder" / "file"
    WRITERS[name](path, 1)
    before = path.read_bytes()
    with (
        file_limit(max(3000, len(before))),
        pytest.raises(OSError, match="File too large") as failed,
    ):
        WRITERS[name](path, 4000)
    assert (failed.value.errno, failed.value.filename) == (errno.EFBIG, str(path))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    WRITERS[name](path, 4000)
    assert path.stat().st_size > 3000
    assert list(path.parent.iterdir()) == [path]


def test_a_place_where_nothing_can_be_written_is_named_by_the_file(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "below", tmp_path):
        with pytest.raises(OSError, match=str(tmp_path)), replacing(path):
            pass


def test_a_block_that_fails_leaves_nothing(tmp_path):
    def interrupted():
        with replacing(tmp_path / "file") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def never(stream):
    raise AssertionError("there is nothing to read")


def test_a_cache_without_room_is_made_every_time(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path))
    for _ in range(2):
        with file_limit(10):
            value = cache.cached("x", 1, lambda: b"a" * 99, lambda f, v: f.write(v), never)
        assert value == b"a" * 99
    assert caplog.text.count("cannot keep a cache") == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a"), "a: Permission denied"),
        (OSError(errno.ENOSPC, "No space left", "a"), "cannot write a: No space left"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("no number"), "no number"),
    ],
)
def test_an_error_without_a_handler_is_one_line(error, line, monkeypatch, capsys):
    def fail(words):
        raise error

    monkeypatch.setattr("rnnlab.commands.check.check_words", fail)
    with pytest.raises(SystemExit) as stopped:
        main(["check"])
    assert (stopped.value.code, capsys.readouterr().err) == (2, f"rnnlab: {line}\n")


def test_no_other_code_replaces_files():
    source = Path(files.__file__).parent
    others = [
        file.name
        for file in source.rglob("*.py")
        if "os.replace(" in file.read_text() or '.part"' in file.read_text()
    ]
    assert sorted(others) == ["files.py", "ledger.py"]  # a database is no stream
