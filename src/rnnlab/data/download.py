"""Downloads: checked by sha256, from the first mirror that works, never half a file."""

import os
from collections.abc import Callable
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from rnnlab.data.reading import sha256
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.errors import DataError

CUT = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)
"""A connection that broke: worth another try at the same address."""

ATTEMPTS = 2
TIMEOUT = 30.0
"""Seconds without a byte after which an address counts as dead."""


def fetch(
    name: str,
    about: DatasetInfo,
    root: Path,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Download the files of a corpus that are not there yet.

    A file that is there with the right sha256 is left alone; one with another is replaced, once
    its successor has arrived whole. A file gets its name only after its sha256 was checked. The
    addresses of a file are tried in their order; at one whose connection breaks, the download
    starts again from the beginning, `ATTEMPTS` times in all.

    Args:
        name: The corpus, as on the command line.
        about: Its description, with its files.
        root: The data root; made where it does not exist.
        say: Takes a line about each file that arrives, and one about those that are there.

    Returns:
        The files, in the order of `about.files`.

    Raises:
        DataError: There is nothing to download, a folder cannot be written, or no address serves
            a file; then it lists each address and why.
    """
    if not about.files:
        raise DataError(f"{name}: has no public address; put its files below {root / name}")
    if about.by_hand and not all((root / remote.path).is_file() for remote in about.files):
        raise DataError(f"{name}: cannot be downloaded as it is; {about.by_hand}, below {root}")
    there = []
    for remote in about.files:
        path = root / remote.path
        found = sha256(path) if path.is_file() else None
        if found == remote.sha256:
            there.append(path)
            continue
        if found is not None:
            say(f"{name}: {path} is another file (sha256 {found[:12]}...), it will be replaced")
        _fetch_one(name, remote, path, say)
    if len(there) == 1:
        say(f"{name}: {there[0]} is there")
    elif there:
        folder = os.path.commonpath([path.parent for path in there])
        say(f"{name}: {len(there)} files are there, below {folder}")
    return [root / remote.path for remote in about.files]


def _fetch_one(name: str, remote: RemoteFile, path: Path, say: Callable[[str], None]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{name}: cannot write {path.parent}: {error.strerror}") from None
    failures = {}
    for url in remote.urls:
        for _ in range(ATTEMPTS):
            try:
                _download(url, path, remote)
            except (OSError, ValueError) as error:  # OSError: also all errors of requests
                failures[url] = f"{url} ({_reason(error)})"
                if not isinstance(error, CUT):
                    break
            else:
                say(f"{name}: {path} from {url}")
                return
    raise DataError(f"{name}: cannot download {path}: {'; '.join(failures.values())}")


def _download(url: str, path: Path, remote: RemoteFile) -> None:
    pooch.get_logger().setLevel("WARNING")
    # pooch asks for the bar's truth, which without a total is an error
    total = remote.size or 1
    with tqdm(desc=path.name, total=total, unit="B", unit_scale=True, disable=None) as bar:
        # a server must not wrap the file in a compression that requests would take off
        plain = {"Accept-Encoding": "identity"}
        downloader = pooch.HTTPDownloader(
            progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT, headers=plain
        )
        known_hash = f"sha256:{remote.sha256}"
        pooch.retrieve(url, known_hash, path.name, path.parent, downloader=downloader)
    path.chmod(0o644)  # the temporary file was the owner's alone


def _reason(error: Exception) -> str:
    """A few words on why a download failed."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT:.0f} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, ValueError) and "hash" in str(error):
        return "serves another file: wrong sha256"
    return str(error).splitlines()[0]
