"""Where a corpus comes from: its files, addresses, checksums, licence and known counts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from platformdirs import user_cache_path

from rnnlab.data.base import Configurable
from rnnlab.errors import DataError


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    Attributes:
        path: Where it belongs below the data root, such as "imdb/aclImdb_v1.tar.gz".
        urls: Addresses in the order to try them: canonical first, then mirrors. None where no
            address serves the file as it is.
        sha256: Of the file as served.
        size: Bytes, for the progress bar and for `rnnlab data list`.
    """

    path: str
    urls: tuple[str, ...]
    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a corpus or a vector file before it is read.

    Attributes:
        title: A few words for `rnnlab data list`.
        licence: Of the data, in a few words.
        files: What `rnnlab data fetch` downloads.
        counts: Known numbers of examples by split ("train", "val", "test"), for `data verify`.
        by_hand: What to put where, if no address serves the files as they are.
    """

    title: str
    licence: str
    files: tuple[RemoteFile, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    by_hand: str = ""


def remote_files(folder: str, listing: str, *urls: str) -> tuple[RemoteFile, ...]:
    """Files that are served under their own names.

    Args:
        folder: Where they belong below the data root.
        listing: A line for each: `SHA256 BYTES NAME`.
        urls: Addresses of their folder, canonical first, then mirrors.
    """
    rows = [line.split() for line in listing.strip().splitlines()]
    return tuple(
        RemoteFile(f"{folder}/{name}", tuple(f"{url}/{name}" for url in urls), digest, int(size))
        for digest, size, name in rows
    )


def data_root(root: str | None) -> Path:
    """The folder of the original files: as given, else `$RNNLAB_DATA`, else the user's cache."""
    chosen = root or os.environ.get("RNNLAB_DATA")
    return Path(chosen).expanduser() if chosen else user_cache_path("rnnlab") / "data"


def find(root: Path, name: str, about: DatasetInfo, candidates: list[str]) -> Path:
    """The first of several possible places of a file that exists.

    Args:
        root: The data root.
        name: The corpus, as on the command line.
        about: Its description, for the message.
        candidates: Paths below the root, best first.

    Raises:
        DataError: None exists; names the folder, the files and how to get them.
    """
    for candidate in candidates:
        if (root / candidate).exists():
            return root / candidate
    urls = ", ".join(
        remote.urls[0] for remote in about.files if remote.urls and remote.path in candidates
    )
    hint = f"; run 'rnnlab data fetch {name}' (from {urls})" if urls else ""
    hint = f"; {about.by_hand}" if about.by_hand else hint
    raise DataError(f"{name}: no {' or '.join(candidates)} below {root}{hint}")


class DownloadedData(Configurable):
    """A published data set, whose files can be downloaded.

    Args:
        root: Folder of the original files; null for `$RNNLAB_DATA`, else the user's cache.

    Attributes:
        corpus: Its name on the command line.
        about: Where its files come from, and what is known of them.
    """

    corpus: ClassVar[str]
    about: ClassVar[DatasetInfo]

    root: str | None = None

    @property
    def folder(self) -> Path:
        """The data root."""
        return data_root(self.root)

    def find(self, *candidates: str) -> Path:
        """The first of several places below the data root that exists.

        Raises:
            DataError: None does; says how to get the files.
        """
        return find(self.folder, self.corpus, self.about, list(candidates))

    def shown(self, name: str) -> str:
        """The path below the data root."""
        return Path(name).relative_to(self.folder).as_posix()
