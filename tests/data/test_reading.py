import gzip
import hashlib
import io
import random
import re
import tarfile

import pytest

from rnnlab.data.reading import lines, members, sha256
from rnnlab.errors import DataError


def write_tar(path, content):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_only_line_feeds_end_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\x85still\r\ntwo\x0cstill\u2028\n\nlast".encode())
    expected = [(1, "one\x85still"), (2, "two\x0cstill\u2028"), (3, ""), (4, "last")]
    assert list(lines(path)) == expected
    zipped = tmp_path / "a.txt.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert list(lines(zipped)) == expected
    ball = write_tar(tmp_path / "a.tar.gz", {"._a.txt": b"\xff", "x/a.txt": path.read_bytes()})
    assert list(lines(ball, "a.txt")) == expected


def test_bytes_that_are_not_utf8_name_file_and_line(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"fine\nf\xfcr\n")
    with pytest.raises(DataError, match=r"latin\.txt:2: not UTF-8 \(byte 0xfc at column 2\)$"):
        list(lines(path))


def test_a_missing_file_is_named(tmp_path):
    for name in ("no.txt", "no.txt.gz"):
        with pytest.raises(DataError, match=f"{name}: no such file"):
            list(lines(tmp_path / name))
    with pytest.raises(DataError, match="no such file"):
        sha256(tmp_path / "no.txt")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}: Is a directory"):
        list(lines(tmp_path))


@pytest.mark.parametrize("damage", ["cut", "flip", "text"])
def test_a_damaged_gz_is_named(tmp_path, damage):
    path = tmp_path / "a.txt.gz"
    whole = gzip.compress(b"".join(b"line %d\n" % number for number in range(5000)))
    broken = {
        "cut": whole[: len(whole) // 2],
        "flip": whole[:-6] + bytes(6),
        "text": b"not gzipped\n",
    }
    path.write_bytes(broken[damage])
    with pytest.raises(DataError, match=r"a\.txt\.gz: truncated or damaged"):
        list(lines(path))


def test_a_damaged_tar_ball_is_named(tmp_path):
    path = tmp_path / "a.tar.gz"
    files = {f"{number}.txt": random.Random(number).randbytes(600) for number in range(9)}
    whole = write_tar(path, files).read_bytes()
    # cut at every place: nowhere may a part of the files pass for all of them
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"a\.tar\.gz: truncated or damaged"):
            list(members(path, re.compile(".*")))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.tar\.gz: truncated or damaged"):
        list(lines(path, "8.txt"))


def test_a_missing_member_is_named(tmp_path):
    path = write_tar(tmp_path / "a.tar.gz", {"._train.de": b"", "train.en": b""})
    with pytest.raises(DataError, match=r"a\.tar\.gz: no member train\.de"):
        list(lines(path, "train.de"))


def test_members_skip_apple_double_and_folders(tmp_path):
    path = write_tar(tmp_path / "a.tar.gz", {"x/._a.txt": b"1", "x/a.txt": b"2", "b.txt": b"3"})
    assert dict(members(path, re.compile(".*"))) == {"x/a.txt": b"2", "b.txt": b"3"}
    assert dict(members(path, re.compile("x/.*"))) == {"x/a.txt": b"2"}


def test_checksum_follows_the_file(tmp_path):
    path = tmp_path / "a"
    for content in (b"one", b"three"):
        path.write_bytes(content)
        assert sha256(path) == hashlib.sha256(content).hexdigest()
