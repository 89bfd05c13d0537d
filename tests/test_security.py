"""What a file from anywhere cannot do: run code, write elsewhere, or take all memory.

Classes that a configuration names: tests/config/test_trust.py. What a stored configuration may
do: tests/training/test_checkpoint.py. Pages: tests/commands/compare.
"""

import gzip
import io
import json
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlab.commands.compare.reading import HalfWritten, read_lags, read_run
from rnnlab.config.files import plain_yaml
from rnnlab.data import reading
from rnnlab.data.encoded import EncodedCorpus
from rnnlab.data.formats.idx import read_idx
from rnnlab.data.reading import lines, members
from rnnlab.errors import CheckpointError, DataError
from rnnlab.files import read_arrays
from rnnlab.training.archive import write_archive
from rnnlab.training.checkpoint import load_plain


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


MEBIBYTE = bytes(1 << 20)


@pytest.fixture
def bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gzipped file that unpacks to more than `ROOMY`."""
    monkeypatch.setattr(reading, "ROOMY", 16 << 20)
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=6) as file:
        for _ in range(20):
            file.write(MEBIBYTE)
    return path


def test_a_bomb_is_refused_before_it_fills_memory(bomb: Path):
    with pytest.raises(DataError, match=r"bomb\.gz: refused, it unpacks to more than 250 times"):
        list(lines(bomb))
    with pytest.raises(DataError, match="refused"):
        read_idx(bomb, 3)
    with pytest.raises(DataError, match="refused"):
        list(members(bomb, re.compile("never")))


def test_a_bomb_in_a_zip_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "ROOMY", 16 << 20)
    path = tmp_path / "vectors.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.txt", "w") as member,
    ):
        for _ in range(20):
            member.write(MEBIBYTE)
    with pytest.raises(DataError, match="refused"):
        list(lines(path, "a.txt"))


def test_what_unpacks_to_little_may_be_packed_well(tmp_path: Path):
    path = tmp_path / "even.txt.gz"
    with gzip.open(path, "wt") as file:
        file.write("the same\n" * 200_000)
    assert path.stat().st_size * reading.RATIO < 9 * 200_000
    assert sum(1 for _ in lines(path)) == 200_000


def test_members_of_a_tar_ball_are_regular_files_and_stay_in_memory(tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    path = tmp_path / "texts.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, kind, link in (
            ("../escaped.txt", tarfile.REGTYPE, ""),
            ("/escaped.txt", tarfile.REGTYPE, ""),
            ("soft.txt", tarfile.SYMTYPE, str(secret)),
            ("hard.txt", tarfile.LNKTYPE, str(secret)),
            ("device.txt", tarfile.CHRTYPE, ""),
            ("pipe.txt", tarfile.FIFOTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"text") if info.size else None)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*")}
    found = dict(members(path, re.compile(r".*\.txt")))
    assert found == {"../escaped.txt": b"text", "/escaped.txt": b"text"}
    for name in ("soft.txt", "hard.txt", "device.txt", "pipe.txt"):
        with pytest.raises(DataError, match=f"no member {name}"):
            list(lines(path, name))
    assert {file: file.read_bytes() for file in tmp_path.rglob("*")} == before
    assert not Path("/escaped.txt").exists()
    assert not (tmp_path.parent / "escaped.txt").exists()


def arrays(path: Path, compressed: bool = False, **content: np.ndarray) -> Path:
    with path.open("wb") as stream:
        (np.savez_compressed if compressed else np.savez)(stream, **content)
    return path


def test_arrays_are_neither_objects_nor_compressed(tmp_path: Path):
    made = tmp_path / "made"
    evil = np.array([Evil(made)], dtype=object)
    path = arrays(tmp_path / "a.npz", layers=evil, decades=evil)
    with pytest.raises(DataError, match="not rnnlab's curves"):
        read_lags(path)
    packed = arrays(tmp_path / "b.npz", compressed=True, layers=np.zeros(1 << 22))
    assert packed.stat().st_size < 1 << 16
    with packed.open("rb") as stream, pytest.raises(ValueError, match="compressed"):
        read_arrays(stream)
    with pytest.raises(DataError, match="not rnnlab's curves"):
        read_lags(packed)
    with packed.open("rb") as stream, pytest.raises(ValueError, match="compressed"):
        EncodedCorpus.read(stream)
    assert not made.exists()


def test_an_array_that_announces_more_than_the_file_holds_is_damaged(tmp_path: Path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        size = len(header).to_bytes(2, "little")
        archive.writestr("layers.npy", b"\x93NUMPY\x01\x00" + size + header)
    with path.open("rb") as stream, pytest.raises(ValueError, match=r"damaged|EOF|read"):
        read_arrays(stream)
    with pytest.raises(DataError, match="not rnnlab's curves"):
        read_lags(path)


def test_a_checkpoint_runs_nothing(tmp_path: Path):
    made, path = tmp_path / "made", tmp_path / "evil.ckpt"
    write_archive({"state_dict": {}, "rnnlab": Evil(made)}, path)
    with pytest.raises(CheckpointError, match="refused, nothing of it was run"):
        load_plain(path)
    path.write_bytes(pickle.dumps(Evil(made)))
    with pytest.raises(CheckpointError, match="nothing of it was run"):
        load_plain(path)
    assert not made.exists()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**9, 10**9),
        torch.sparse_coo_tensor([[0], [0]], [1.0], (10**9, 10**9), check_invariants=True),
        torch.empty(10**6, 10**6, device="meta"),
    ],
    ids=["expanded", "sparse", "meta"],
)
def test_a_tensor_is_no_larger_than_the_file(tmp_path: Path, tensor: torch.Tensor):
    for content in ({"state_dict": {"weight": tensor}}, {"rnnlab": [{"prior": (tensor,)}]}):
        path = tmp_path / "large.ckpt"
        write_archive(content, path)
        assert path.stat().st_size < 1 << 14
        with pytest.raises(CheckpointError, match=r"large\.ckpt: broken"):
            load_plain(path)


def test_a_compressed_checkpoint_is_refused(tmp_path: Path):
    path, packed = tmp_path / "a.ckpt", tmp_path / "packed.ckpt"
    torch.save({"state_dict": {"weight": torch.zeros(1 << 22)}}, path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(CheckpointError, match="compressed"):
        load_plain(packed)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def test_yaml_of_a_run_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "hunter2")
    assert plain_yaml("key: ${oc.env:SECRET}\nglob: '*.txt'") == {
        "key": "${oc.env:SECRET}",
        "glob": "*.txt",
    }
    with pytest.raises(ValueError, match="aliases"):
        plain_yaml(LAUGHS)
    with pytest.raises(Exception, match="python"):
        plain_yaml("a: !!python/object/apply:os.system ['true']")
    (tmp_path / "config.yaml").write_text(LAUGHS)
    with pytest.raises(HalfWritten, match=r"config\.yaml cannot be read"):
        read_run(tmp_path)


def test_a_secret_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A stored configuration names an environment variable: compare does not show its value."""
    monkeypatch.setenv("SECRET", "hunter2")
    config = ["seed: 1", "cell: ${oc.env:SECRET}", "data: {}", "trainer: {}", "task: {}"]
    (tmp_path / "config.yaml").write_text("\n".join(config))
    record = {"status": "completed", "steps": 1, "monitor": "loss", "val": {}, "test": {}}
    (tmp_path / "metrics.json").write_text(json.dumps(record))
    assert "hunter2" not in str(read_run(tmp_path))


def test_a_sound_file_is_no_bomb(tmp_path: Path):
    soundfile = pytest.importorskip("soundfile")
    from rnnlab.data.sound_files import read_sound

    file = io.BytesIO()
    soundfile.write(file, np.zeros(8000, dtype=np.int16), 8000, format="FLAC")
    raw = bytearray(file.getvalue())
    raw[21] |= 0x0F  # 36 bits of the header: how many samples follow
    raw[22:26] = b"\xff" * 4
    (tmp_path / "a.flac").write_bytes(raw)
    with pytest.raises(DataError, match=r"a\.flac: 68,719,476,735 samples of 1"):
        read_sound(tmp_path / "a.flac")
