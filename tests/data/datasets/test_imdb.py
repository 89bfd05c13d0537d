import hashlib
import io
import re
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest

from rnnlab.data.datasets.imdb import IMDb
from rnnlab.data.reading import members
from rnnlab.data.vocab import UNK
from rnnlab.errors import DataError

ARCHIVE = "imdb/aclImdb_v1-labelled.tar.gz"


def reviews():
    """A small copy of the corpus, with all its traps."""
    tree = {
        "aclImdb/README": b"read me",
        "aclImdb/train/labeledBow.feat": b"9 0:9",
        "aclImdb/train/urls_pos.txt": b"http://",
        "aclImdb/train/unsup/0_0.txt": b"unlabelled",
        "aclImdb/train/pos/._0_9.txt": b"\x00\x05\x16\x07\xff",
        "aclImdb/train/pos/0_9.txt": "Fine \x96 one\x85two.<br /><br />Three\there".encode(),
        "aclImdb/test/neg/0_1.txt": b"Awful.",
        "aclImdb/test/pos/0_9.txt": "Café\u2028fine".encode(),
    }
    for number in range(40):
        # every text stands twice in the training data
        label = "neg" if number % 2 else "pos"
        for copy in range(2):
            text = f"review number {number}"
            tree[f"aclImdb/train/{label}/{number + 1 + 100 * copy}_1.txt"] = text.encode()
    return tree


def pack(path, tree, order=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo("aclImdb")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in list(tree.items())[::order]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def texts(data, split):
    tokens, inputs = data.spec().source.tokens, data.examples(split).inputs
    return [" ".join(tokens[at] for at in inputs[row]) for row in range(len(inputs))]


def small(root, **options):
    return IMDb(root=str(root), **{"min_freq": 1, "val_fraction": 0.3} | options)


def test_reviews_and_labels_of_an_archive(root):
    pack(root / "imdb/aclImdb_v1.tar.gz", reviews())
    data = small(root, val_fraction=0.0)
    assert data.spec().target.tokens == ("neg", "pos")
    found = dict(zip(texts(data, "train"), data.examples("train").target.tolist(), strict=True))
    assert len(found) == 41
    assert found["review number 7"] == 0
    assert found["fine \x96 one two . three here"] == 1
    assert texts(data, "test") == [f"{UNK} .", f"{UNK} fine"]
    assert data.examples("test").target.tolist() == [0, 1]


def test_the_validation_split_shares_no_text_and_ignores_the_seed(root):
    pack(root / "imdb/aclImdb_v1.tar.gz", reviews())
    data = small(root, min_freq=1)
    train, val = texts(data, "train"), texts(data, "val")
    assert len(train) + len(val) == 81
    # unknown words would hide a repeat
    held = {one.split()[-1] for one in val if UNK not in one}
    assert not held & {one.split()[-1] for one in train}
    assert len(data.examples("val")) >= 20
    rows = [small(root, seed=seed).holds("val")[1].tolist() for seed in (1, 2)]
    assert rows[0] == rows[1]
    assert small(root, split_seed=1).holds("val")[1].tolist() != rows[0]


def test_every_packaging_gives_the_same_splits(root):
    digests = []
    for number, order in enumerate((1, -1, None)):
        below = root / str(number)
        if order is None:
            for name, data in reviews().items():
                path = below / "imdb" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        else:
            pack(below / f"imdb/aclImdb_v1{'-labelled' * number}.tar.gz", reviews(), order)
            pack(below / "imdb/aclImdb_v1-unsup.tar.gz", {"a": b""})
        data = small(below)
        held = {split: data.holds(split)[1] for split in ("train", "val")}
        kept = {s: sorted(data.encoded("train").digest[rows]) for s, rows in held.items()}
        digests.append((kept, sorted(data.encoded("test").digest), len(data.spec().source)))
    assert digests[0] == digests[1] == digests[2]


def test_checksums_are_of_the_files_below_the_root(root):
    pack(root / "imdb/aclImdb_v1.tar.gz", reviews())
    data = small(root)
    data.spec()
    digest = hashlib.sha256((root / "imdb/aclImdb_v1.tar.gz").read_bytes()).hexdigest()
    assert data.checksums() == {"imdb/aclImdb_v1.tar.gz": digest}


def test_checksums_of_unpacked_folders(root):
    for name, data in reviews().items():
        path = root / "imdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    data = small(root)
    data.examples("test")
    expected = {}
    for label, name, text in (
        ("neg", "aclImdb/test/neg/0_1.txt", b"Awful."),
        ("pos", "aclImdb/test/pos/0_9.txt", "Café\u2028fine".encode()),
    ):
        line = f"{hashlib.sha256(text).hexdigest()}  {name.rpartition('/')[2]}\n"
        expected[f"imdb/aclImdb/test/{label}"] = hashlib.sha256(line.encode()).hexdigest()
    found = data.checksums()
    assert {name: found[name] for name in expected} == expected
    assert len(found) == 4
    first = data.examples("test").inputs.values.tolist()
    (root / "imdb/aclImdb/test/neg/0_1.txt").write_bytes(b"review number")
    assert small(root).examples("test").inputs.values.tolist() != first


def test_a_missing_corpus_names_folder_file_and_address(root):
    with pytest.raises(DataError) as error:
        small(root).spec()
    for part in (str(root), "imdb/aclImdb_v1.tar.gz", "rnnlab data fetch imdb", "ai.stanford.edu"):
        assert part in str(error.value)


def test_broken_files_are_named(root):
    path = root / "imdb/aclImdb_v1.tar.gz"
    pack(path, {"aclImdb/train/pos/3_7.txt": b"caf\xe9"})
    with pytest.raises(DataError, match=r"train/pos/3_7\.txt: not UTF-8 \(byte 0xe9"):
        small(root).spec()
    pack(path, reviews())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"aclImdb_v1\.tar\.gz: truncated or damaged"):
        small(root).spec()
    pack(path, {"aclImdb/README": b""})
    with pytest.raises(DataError, match="no reviews in train/neg, train/pos"):
        small(root).spec()


# --- the real corpus


@pytest.fixture(scope="module")
def peak(data_root):
    """Largest memory, in bytes, of a process that made the cache which the tests below read."""
    if not (data_root / ARCHIVE).exists():
        pytest.skip(f"no {ARCHIVE} below {data_root}")
    code = """
import sys
from rnnlab.data.datasets.imdb import IMDb
from rnnlab.diagnostics.throughput import peak_memory_mb
data = IMDb(root=sys.argv[1])
for split in ("train", "val", "test"):
    data.examples(split)
print(peak_memory_mb())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(data_root)], check=True, capture_output=True
    )
    return float(done.stdout) * 2**20


@pytest.fixture(scope="module")
def real(peak, data_root):
    return IMDb(root=str(data_root))


@pytest.mark.data
def test_counts(real):
    counts = {split: len(real.examples(split)) for split in ("train", "val", "test")}
    assert counts == dict(real.about.counts)
    assert counts["train"] + counts["val"] == 25_000
    for split in counts:
        share = real.examples(split).target.mean()
        assert share == 0.5 if split == "test" else abs(share - 0.5) < 0.02


@pytest.mark.data
def test_no_text_in_train_and_val(real):
    digest = real.encoded("train").digest
    sides = [set(digest[real.holds(split)[1]].tolist()) for split in ("train", "val")]
    assert not sides[0] & sides[1]
    # 24,904 distinct texts; case and white space of some repeats differ
    assert 24_880 < len(sides[0] | sides[1]) <= 24_904
    both = (sides[0] | sides[1]) & set(real.encoded("test").digest.tolist())
    assert 123 <= len(both) < 150


@pytest.mark.data
def test_tokens(real):
    types = real.encoded("train").source_types
    assert len(real.spec().source) == 30_002
    assert not [one for one in types if re.search(r"[\s\x85]", one) or one != one.lower()]
    assert "br" not in real.spec().source.tokens[:1000]
    assert "\x96" in types
    # nothing was cut at U+0085: the longest review has more than 2,470 blank-separated words
    assert real.encoded("train").source.lengths.max() > 2_470
    assert real.encoded("train").source.lengths.min() >= 4
    assert real.examples("train").lengths.max() == 400
    unknown = np.mean(real.examples("test").inputs.values == 1)
    assert unknown < 0.03


@pytest.mark.data
def test_members_are_the_canonical_ones(real, data_root):
    """The digests of the folders, as recorded when the files were compared with the original."""
    known = {
        "test/neg": "41006e123cbae39aa99e53cb099fd039c7bb3b7e05e7e6089490cc59c7647513",
        "test/pos": "96bf5150fc4a4be4fdd49416f4f81c23336d0c22a59d8f82310f6aa94d3da369",
    }
    wanted = re.compile(r"aclImdb/test/(?:neg|pos)/.*\.txt")
    sums = sorted(
        (name, hashlib.sha256(text).hexdigest())
        for name, text in members(data_root / ARCHIVE, wanted)
    )
    for folder, digest in known.items():
        rows = "".join(f"{one}  {name}\n" for name, one in sums if f"/{folder}/" in name)
        assert hashlib.sha256(rows.encode()).hexdigest() == digest


@pytest.mark.data
def test_the_first_batch_comes_soon_from_the_cache(real, data_root):
    start = time.process_time()  # of this process: machines are shared
    batch = next(iter(IMDb(root=str(data_root)).train_dataloader()))
    assert time.process_time() - start < 2
    assert batch.inputs.shape[0] == 64


@pytest.mark.data
def test_memory_while_the_cache_is_made(peak):
    assert peak < 1.2e9
