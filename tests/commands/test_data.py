"""`rnnlab data`: found by walking configurations, told as a table, checked against the known."""

import gzip
import hashlib
import os
import pkgutil
import shutil
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread

import pytest

import rnnlab.data
import rnnlab.nn
from rnnlab.commands.data import (
    CatalogueEntry,
    Check,
    choose,
    data_words,
    download_size,
    entries,
    table,
    verify,
)
from rnnlab.config.files import config_dir
from rnnlab.data.download import fetch
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.errors import DataError

TEXT = b"u\tone two\nv\tthree\nu\tfour\n"

CORPUS = '''
from pathlib import Path
from rnnlab.data.base import SequenceData
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.source import DatasetInfo, RemoteFile, find
from rnnlab.data.spec import Spec
import numpy as np

class Tiny(SequenceData):
    """A corpus of a few lines; all splits are the same file."""
    kind = "label"
    about = DatasetInfo(
        "tiny talk", "MIT", (RemoteFile("tiny/a.tsv", ("{url}",), "{sha}", {size}),),
        {{"train": 3, "val": 3, "test": 3}},
    )

    def __init__(self, *, batch_size: int, seed: int, root: str | None = None, skip: int = 0):
        super().__init__(batch_size=batch_size, seed=seed)
        self.root, self.skip = Path(root), skip

    def files(self, split):
        return [find(self.root, "tiny", self.about, ["tiny/a.tsv", "tiny/b.tsv"])]

    def spec(self):
        return Spec(2, 2, self.kind)

    def examples(self, split):
        lines = self.files(split)[0].read_text().splitlines()[self.skip:]
        return Examples(Ragged.from_lists([[2]] * len(lines)), np.zeros(len(lines), np.int64))
'''

YAML = (
    "_target_: tiny_corpus.Tiny\nroot: ${oc.env:RNNLAB_DATA,null}\nbatch_size: 4\nseed: ${seed}\n"
)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[CatalogueEntry]]:
    """Entries of a configuration folder with one corpus, served from this machine."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "a.tsv").write_bytes(TEXT)

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(served))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{http.server_address[1]}/a.tsv"
        sha = hashlib.sha256(TEXT).hexdigest()
        code = CORPUS.format(url=url, sha=sha, size=len(TEXT))
        (tmp_path / "tiny_corpus.py").write_text(code)
        configs = tmp_path / "configs" / "data"
        configs.mkdir(parents=True)
        (configs / "tiny.yaml").write_text(YAML)
        (configs / "parity.yaml").write_text(
            "_target_: rnnlab.data.datasets.parity.Parity\nlag: 3\n"
        )
        (configs / "none.yaml").write_text("")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "tiny_corpus", raising=False)
        yield [entry for entry in entries(tmp_path / "configs") if entry.group == "data"]
        http.shutdown()
        thread.join()


def test_only_what_has_a_source_is_an_entry(tiny: list[CatalogueEntry]) -> None:
    [entry] = tiny
    assert (entry.name, entry.group, entry.kind) == ("tiny", "data", "label")
    assert entry.options == {"batch_size": 4, "seed": 0}


def test_every_class_with_a_source_is_found() -> None:
    """Brute force: all classes of all modules, against the walk over the configurations."""
    classes = set()
    for package in (rnnlab.data, rnnlab.nn):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            members = vars(import_module(info.name)).values()
            classes |= {m for m in members if isinstance(getattr(m, "about", None), DatasetInfo)}
    found = entries(config_dir())
    assert {entry.target for entry in found} == {m for m in classes if isinstance(m, type)}
    assert {"imdb", "conll2003", "multi30k", "glove"} <= {entry.name for entry in found}


def test_every_entry_is_made_from_its_configuration(tmp_path: Path) -> None:
    for entry in entries(config_dir()):
        assert not entry.present(tmp_path)
        for remote in entry.about.files:
            assert not Path(remote.path).is_absolute()
            assert len(remote.sha256) == 64
            assert remote.urls or (remote.path and entry.about.by_hand)


def test_the_table_is_aligned_and_says_what_is_there(
    tiny: list[CatalogueEntry], tmp_path: Path
) -> None:
    before = table(tiny, tmp_path / "root").splitlines()
    assert before[1].split() == ["tiny", "label", "25.0B", "no", "tiny", "talk", "MIT"]
    (tmp_path / "root/tiny").mkdir(parents=True)
    (tmp_path / "root/tiny/b.tsv").write_bytes(TEXT)  # another form that can be read
    after = table(tiny, tmp_path / "root").splitlines()
    assert after[1].split()[3] == "yes"
    for word, cell in (("kind", "label"), ("present", "yes"), ("licence", "MIT")):
        assert after[0].index(word) == after[1].index(cell)
    assert str(tmp_path / "root") in after[-1]


def test_fetch_then_verify(tiny: list[CatalogueEntry], tmp_path: Path) -> None:
    said: list[str] = []
    [path] = fetch("tiny", tiny[0].about, tmp_path / "root", say=said.append)
    assert path.read_bytes() == TEXT
    assert len(said) == 1
    checks = verify("tiny", tiny, tmp_path / "root")
    assert [check.what for check in checks] == ["tiny/a.tsv", "train", "val", "test"]
    assert all(check.ok for check in checks)
    assert str(checks[1]) == "ok     train: 3"


def test_verify_sees_another_file(tiny: list[CatalogueEntry], tmp_path: Path) -> None:
    [path] = fetch("tiny", tiny[0].about, tmp_path, say=lambda _: None)
    path.write_bytes(TEXT[:-1] + b"!")
    [check] = verify("tiny", tiny, tmp_path)
    assert not check.ok
    assert check.found == hashlib.sha256(path.read_bytes()).hexdigest()


def test_verify_sees_other_numbers(tiny: list[CatalogueEntry], tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/b.tsv").write_bytes(TEXT + b"w\tfive\n")
    checks = verify("tiny", tiny, tmp_path)
    assert checks == [Check(split, "3", "4") for split in ("train", "val", "test")]
    assert str(checks[0]) == "WRONG  train: 4 instead of 3"


def test_verify_without_files(tiny: list[CatalogueEntry], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="rnnlab data fetch tiny"):
        verify("tiny", tiny, tmp_path)


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    known = entries(config_dir())
    for word in ("verify", "fetch"):
        with pytest.raises(DataError) as caught:
            data_words([word, "imbd", f"root={tmp_path}"])
        assert str(caught.value) == "imbd: no such data set; did you mean 'imdb'?"
    choices = ", ".join(sorted(entry.name for entry in known))
    with pytest.raises(DataError, match=f"there are: {choices}$"):
        choose("zzz", known)


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ([], "-"),
        ([5, None], "?"),
        ([0], "0.00B"),
        ([999], "999B"),
        ([1000], "1.00kB"),
        ([84_125_825], "84.1MB"),
        ([999_600], "1.00MB"),
        ([500_000, 700_000], "1.20MB"),
        ([862_182_613, 862_182_613], "1.72GB"),
    ],
)
def test_sizes_for_people(sizes: list[int | None], shown: str) -> None:
    files = tuple(RemoteFile("a", ("b",), "c", size) for size in sizes)
    assert download_size(DatasetInfo("d", "e", files)) == shown


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    root = os.environ.get("RNNLAB_DATA")
    if not root:
        pytest.skip("RNNLAB_DATA names no folder with the real data sets")
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    return Path(root)


@pytest.mark.data
def test_the_real_corpora_are_seen(real: Path) -> None:
    for entry in entries(config_dir()):
        folders = {Path(remote.path).parts[0] for remote in entry.about.files}
        assert entry.present(real) == any((real / folder).is_dir() for folder in folders)


@pytest.mark.data
def test_the_tests_of_word_vectors_are_verified(real: Path) -> None:
    if not (real / "word2vec_eval").is_dir():
        pytest.skip("RNNLAB_DATA has no word2vec_eval")
    checks = verify("word2vec_eval", entries(config_dir()), real)
    assert [check.what for check in checks[-3:]] == ["analogies", "wordsim353", "simlex999"]
    assert [str(check) for check in checks if not check.ok] == []


@pytest.mark.data
def test_a_real_corpus_is_what_is_known_of_it(real: Path, tmp_path: Path) -> None:
    packed = real / "conll2003" / "iob1"
    if not packed.is_dir():
        pytest.skip("RNNLAB_DATA has no conll2003/iob1")
    folder = tmp_path / "root" / "conll2003" / "iob1"
    folder.mkdir(parents=True)
    for path in packed.glob("*.gz"):  # as `rnnlab data fetch` would leave them
        with gzip.open(path) as source, (folder / path.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    checks = verify("conll2003", entries(config_dir()), tmp_path / "root")
    assert len(checks) == 6
    assert [str(check) for check in checks if not check.ok] == []
