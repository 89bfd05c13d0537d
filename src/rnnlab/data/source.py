"""Where a corpus comes from: its files, addresses, checksums, licence and known counts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_path

from rnnlab.errors import DataError


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    Attributes:
        path: Where it belongs below the data root, such as "imdb/aclImdb_v1.tar.gz".
        urls: Addresses in the order to try them: canonical first, then mirrors.
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
    """

    title: str
    licence: str
    files: tuple[RemoteFile, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def data_root(root: str | None) -> Path:
    """The folder of the original files: as given, else `$RNNLAB_DATA`, else the user's cache."""
    chosen = root or os.environ.get("RNNLAB_DATA")
    return Path(chosen).expanduser() if chosen else user_cache_path("rnnlab") / "data"


def cache_root() -> Path:
    """The folder of derived files: `$RNNLAB_CACHE`, else the user's cache."""
    chosen = os.environ.get("RNNLAB_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("rnnlab") / "derived"


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
    urls = ", ".join(remote.urls[0] for remote in about.files if remote.path in candidates)
    hint = f"; run 'rnnlab data fetch {name}' (from {urls})" if urls else ""
    raise DataError(f"{name}: no {' or '.join(candidates)} below {root}{hint}")
