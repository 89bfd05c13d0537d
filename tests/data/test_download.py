"""`fetch` against a real server on this machine that misbehaves in every way it knows."""

import hashlib
import io
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rnnlab.data.download import ATTEMPTS, fetch
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.errors import DataError

BODY = os.urandom(300_000)
GOOD = hashlib.sha256(BODY).hexdigest()


@dataclass
class Server:
    """Serves `BODY` at /good/..., and trouble elsewhere; counts what it was asked for."""

    address: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    encodings: set[str | None] = field(default_factory=set)

    def url(self, way: str) -> str:
        return f"{self.address}/{way}/file.bin"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            way = self.path.split("/")[1]
            state.asked[way] += 1
            state.encodings.add(self.headers["Accept-Encoding"])
            if way == "missing":
                self.send_error(404)
                return
            body = BODY if way != "wrong" else b"<html>log in first</html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = way == "cut" or (way == "cut_once" and state.asked[way] == 1)
            self.wfile.write(body[: len(body) // 2] if cut else body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


Fetch = Callable[..., list[Path]]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def get(server: Server, tmp_path: Path, said: list[str]) -> Fetch:
    def run(*ways: str) -> list[Path]:
        remote = RemoteFile(
            "corpus/file.bin", tuple(server.url(way) for way in ways), GOOD, len(BODY)
        )
        about = DatasetInfo("a corpus", "none", (remote,))
        return fetch("corpus", about, tmp_path, say=said.append)

    return run


def files(root: Path) -> list[str]:
    """Every file below a folder: there must be no forgotten temporary one."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_good_address_gives_the_file(get: Fetch, server: Server, tmp_path: Path) -> None:
    [path] = get("good")
    assert path == tmp_path / "corpus/file.bin"
    assert path.read_bytes() == BODY
    assert files(tmp_path) == ["corpus/file.bin"]
    assert path.stat().st_mode & 0o777 == 0o644
    assert server.encodings == {"identity"}


@pytest.mark.parametrize("bad", ["missing", "wrong", "cut"])
def test_the_next_mirror_is_asked(get: Fetch, server: Server, tmp_path: Path, bad: str) -> None:
    [path] = get(bad, "good", "missing")
    assert path.read_bytes() == BODY
    assert server.asked == {bad: ATTEMPTS if bad == "cut" else 1, "good": 1}
    assert files(tmp_path) == ["corpus/file.bin"]


def test_a_cut_connection_starts_again(get: Fetch, server: Server) -> None:
    [path] = get("cut_once", "good")
    assert path.read_bytes() == BODY
    assert server.asked == {"cut_once": 2}


def test_every_failure_is_told_in_one_line_and_leaves_nothing(
    get: Fetch, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        get("missing", "wrong", "cut")
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path / "corpus/file.bin") in message
    assert f"{server.url('missing')} (404 Not Found)" in message
    assert f"{server.url('wrong')} (serves another file: wrong sha256)" in message
    assert f"{server.url('cut')} (the connection was cut)" in message
    assert files(tmp_path) == []


def test_no_server_at_all(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as http:
        port = http.server_address[1]  # closed again below: nobody listens there
    remote = RemoteFile("corpus/file.bin", (f"http://127.0.0.1:{port}/file.bin",), GOOD)
    with pytest.raises(DataError, match=r"\(no connection\)$"):
        fetch("corpus", DatasetInfo("a corpus", "none", (remote,)), tmp_path)


def test_a_good_file_is_not_downloaded_again(
    get: Fetch, server: Server, tmp_path: Path, said: list[str]
) -> None:
    get("good")
    before = (tmp_path / "corpus/file.bin").stat().st_mtime_ns
    [path] = get("good")
    assert server.asked == {"good": 1}
    assert path.stat().st_mtime_ns == before
    assert "is there" in said[-1]


def test_many_files_that_are_there_are_one_line(tmp_path: Path, said: list[str]) -> None:
    remotes = [RemoteFile(f"corpus/{name}.bin", ("http://nowhere",), GOOD) for name in "abc"]
    (tmp_path / "corpus").mkdir()
    for remote in remotes:
        (tmp_path / remote.path).write_bytes(BODY)
    about = DatasetInfo("a corpus", "none", tuple(remotes))
    assert len(fetch("corpus", about, tmp_path, say=said.append)) == 3
    assert said == [f"corpus: 3 files are there, below {tmp_path / 'corpus'}"]


def test_another_file_is_replaced_and_that_is_said(
    get: Fetch, tmp_path: Path, said: list[str]
) -> None:
    path = tmp_path / "corpus/file.bin"
    path.parent.mkdir()
    path.write_bytes(b"old")
    get("good")
    assert path.read_bytes() == BODY
    assert any("another file" in line and "replaced" in line for line in said)


def test_another_file_stays_when_no_mirror_works(get: Fetch, tmp_path: Path) -> None:
    path = tmp_path / "corpus/file.bin"
    path.parent.mkdir()
    path.write_bytes(b"old")
    with pytest.raises(DataError):
        get("missing", "cut")
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["corpus/file.bin"]


def test_a_folder_that_cannot_be_made(get: Fetch, server: Server, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_text("a file, not a folder")
    with pytest.raises(DataError, match="cannot write"):
        get("good")
    assert server.asked == {}


def test_nothing_to_download(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no public address"):
        fetch("corpus", DatasetInfo("a corpus", "none"), tmp_path)


def test_several_files_come_in_order(server: Server, tmp_path: Path, said: list[str]) -> None:
    remotes = tuple(RemoteFile(f"corpus/{i}.bin", (server.url("good"),), GOOD) for i in range(3))
    about = DatasetInfo("a corpus", "none", remotes)
    paths = fetch("corpus", about, tmp_path, say=said.append)
    assert paths == [tmp_path / f"corpus/{i}.bin" for i in range(3)]
    assert len(said) == 3


def test_the_progress_bar_counts_bytes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal is what decides whether tqdm shows anything; here standard error claims to be."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    about = DatasetInfo("a corpus", "none", (RemoteFile("file.bin", (server.url("good"),), GOOD),))
    fetch("corpus", about, tmp_path, say=lambda line: None)
    assert "file.bin" in screen.getvalue()
    assert "300k/300k" in screen.getvalue()
