import json
import logging
import subprocess
import sys
import zipfile

import pytest

from rnnlab.data.cache import cached


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def ask(key, make):
    return cached(
        "demo/train",
        key,
        make,
        write=lambda stream, value: stream.write(json.dumps(value).encode()),
        read=json.load,
    )


def never():
    raise AssertionError("must come from the cache")


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_made_once_for_a_key(folder):
    assert ask(["a", 1], lambda: [1, 2]) == [1, 2]
    assert ask(["a", 1], never) == [1, 2]
    assert ask(["a", 2], lambda: [3]) == [3]
    assert len(files(folder)) == 2
    assert ask(["a", 1], never) == [1, 2]


def test_a_broken_file_is_made_anew(folder, caplog):
    ask("key", lambda: [1])
    (path,) = files(folder)
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        assert ask("key", lambda: [2]) == [2]
    assert "broken" in caplog.text
    assert ask("key", never) == [2]
    assert files(folder) == [path]


def test_a_broken_archive_is_made_anew(folder):
    def read(stream):
        with zipfile.ZipFile(stream) as archive:
            return archive.read("a")

    def write(stream, value):
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a", value)

    assert cached("demo", "key", lambda: b"one", write, read) == b"one"
    (path,) = files(folder)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"one", b"two"))  # the checksum is wrong now
    assert cached("demo", "key", lambda: b"one", write, read) == b"one"
    assert path.read_bytes() == whole


def test_a_failure_leaves_nothing_behind(folder):
    with pytest.raises(RuntimeError, match="source"):
        ask("key", lambda: (_ for _ in ()).throw(RuntimeError("source")))

    def half(stream, _value):
        stream.write(b"half")
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        cached("demo/train", "key", lambda: [1], half, json.load)
    assert files(folder) == []


def test_without_a_writable_folder_the_value_is_still_made(folder, caplog):
    folder.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert ask("key", lambda: [1]) == [1]
        assert ask("key", lambda: [2]) == [2]
    assert "RNNLAB_CACHE" in caplog.text


PROGRAM = """
import hashlib, json, sys, time
from rnnlab.data.cache import cached
time.sleep(max(0, float(sys.argv[1]) - time.time()))
seen = []
for key in range(20):
    value = cached(
        "demo/train", key, lambda: [key] * 50_000,
        write=lambda stream, value: stream.write(json.dumps(value).encode()), read=json.load,
    )
    assert value == [key] * 50_000, key
"""


def test_several_processes_may_make_the_same_files_at_once(folder):
    import time

    start = str(time.time() + 1.5)
    jobs = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, start], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for job in jobs:
        _, errors = job.communicate(timeout=60)
        assert job.returncode == 0, errors.decode()
        assert b"broken" not in errors
    assert len(files(folder)) == 20
