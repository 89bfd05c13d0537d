"""A checkpoint as a file: torch's archive, sealed with a checksum so that damage shows."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from rnnlab.files import replacing

SEAL = b"rnnlab sha256 "
"""Starts the archive's comment, the last bytes of the file; the digest of all others follows."""

_LENGTH = len(SEAL) + 2 * hashlib.sha256().digest_size
_AT_ONCE = 1 << 20


class SealedCheckpoints(TorchCheckpointIO):
    """How Lightning writes checkpoints."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """See `write_archive`."""
        write_archive(checkpoint, Path(path))


def write_archive(content: Any, path: Path) -> None:
    """Write a sealed checkpoint, which `torch.load` reads as any other.

    Raises:
        OSError: It cannot be written; names the file.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getbuffer()
    data[-2:] = _LENGTH.to_bytes(2, "little")  # of the comment: the last field of a zip archive
    with replacing(path) as stream:
        stream.write(data)
        stream.write(SEAL + hashlib.sha256(data).hexdigest().encode())


def damage(path: Path) -> str | None:
    """What shows that a file is not as it was written, in a few words; None where nothing does.

    A sealed file is compared with its seal. One of an earlier version, or of another program, has
    the archive's own checksums.
    """
    if not zipfile.is_zipfile(path):
        return "not an archive"
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            return "compressed, which torch's are not"
        seal = archive.comment
        if not seal:
            broken = archive.testzip()
            return None if broken is None else f"checksum of {broken}"
    end = path.stat().st_size - len(seal)
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(min(_AT_ONCE, end - stream.tell())):
            digest.update(block)
    sound = seal.removeprefix(SEAL) == digest.hexdigest().encode()
    return None if sound else "its checksum is another"
