import gzip
import struct

import numpy as np
import pytest

from rnnlab.data.datasets.sequential_mnist import SequentialMNIST
from rnnlab.data.formats.idx import read_idx
from rnnlab.errors import ConfigError, DataError


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def digits():
    """Pictures that tell who they are by their first pixel, and labels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28))
    images[:, 0, 0] = np.arange(40)
    return images, np.arange(40) % 10


@pytest.fixture
def root(tmp_path, digits):
    (tmp_path / "mnist").mkdir()
    for part, rows in (("train", slice(30)), ("t10k", slice(30, 40))):
        images, labels = (array[rows] for array in digits)
        write(tmp_path, f"{part}-images-idx3-ubyte.gz", gzip.compress(idx(images)))
        write(tmp_path, f"{part}-labels-idx1-ubyte", idx(labels))
    return tmp_path


def write(root, name, content):
    (root / "mnist" / name).write_bytes(content)


def small(root, **options):
    return SequentialMNIST(root=str(root), **{"val_size": 10} | options)


def test_pixels_and_rows(root, digits):
    pixels = small(root).examples("test")
    assert pixels.inputs.shape == (10, 784, 1)
    expected = (digits[0][30:] / 255).astype(np.float32)
    np.testing.assert_allclose(pixels.inputs[:, :, 0], expected.reshape(10, -1))
    assert pixels.target.tolist() == digits[1][30:].tolist()
    rows = small(root, rows=True)
    np.testing.assert_allclose(rows.examples("test").inputs, expected)
    assert (rows.spec().source, small(root).spec().source) == (28, 1)
    flat = small(root, flat=True)
    np.testing.assert_allclose(flat.examples("test").inputs, expected.reshape(10, 1, 784))
    assert flat.spec().source == 784
    with pytest.raises(ConfigError, match=r"^data\.rows, data\.flat: a step is a row or the whole"):
        small(root, flat=True, rows=True).spec()
    batch = next(iter(rows.train_dataloader()))
    assert batch.inputs.shape[1:] == (28, 28)
    assert batch.lengths.unique().tolist() == [28]


def test_one_permutation_for_all_digits_and_all_seeds(root):
    plain, permuted = small(root).examples("test"), small(root, permuted=True).examples("test")
    assert not np.array_equal(plain.inputs, permuted.inputs)
    # the same order everywhere: columns of pixels are the same set of columns
    columns = {row.tobytes() for row in plain.inputs[:, :, 0].T}
    assert {row.tobytes() for row in permuted.inputs[:, :, 0].T} == columns
    again = small(root, permuted=True, seed=5).examples("test")
    assert np.array_equal(permuted.inputs, again.inputs)
    other = small(root, permuted=True, split_seed=5).examples("test")
    assert not np.array_equal(permuted.inputs, other.inputs)


def test_validation_is_held_out_of_training(root):
    data = small(root)
    who = {
        split: set(np.rint(data.examples(split).inputs[:, 0, 0] * 255).astype(int).tolist())
        for split in ("train", "val", "test")
    }
    assert (len(who["train"]), len(who["val"])) == (20, 10)
    assert who["train"] | who["val"] == set(range(30))
    assert len(data.checksums()) == 4
    with pytest.raises(ConfigError, match=r"^data\.val_size: 30 of 30 leave none"):
        small(root, val_size=30).examples("train")


def test_a_model_of_rows_does_not_read_pixels(root):
    data = small(root)
    data.reuse(small(root, permuted=True).spec())
    with pytest.raises(DataError, match="other inputs or targets"):
        data.reuse(small(root, rows=True).spec())


def test_broken_files(root, digits):
    images = idx(digits[0])
    name = "t10k-images-idx3-ubyte"
    (root / "mnist" / f"{name}.gz").unlink()
    for content, message in (
        (images[:-1], "bytes, the header says 31,376"),
        (images[:9], "9 bytes, the header says"),
        (idx(digits[1]), "not an IDX file of bytes in 3 dimensions"),
        (b"", "not an IDX file"),
        (images, r"pictures \(40, 28, 28\), 10 labels"),
        (idx(digits[0][:10, :20]), r"pictures \(10, 20, 28\), 10 labels"),
    ):
        write(root, name, content)
        with pytest.raises(DataError, match=rf"{name}: .*{message}"):
            small(root).examples("test")
    write(root, f"{name}.gz", gzip.compress(images)[:-9])
    with pytest.raises(DataError, match="truncated or damaged"):
        read_idx(root / "mnist" / f"{name}.gz", 3)


@pytest.mark.data
def test_counts_of_the_real_digits(data_root):
    if not (data_root / "mnist").is_dir():
        pytest.skip(f"no mnist below {data_root}")
    data = SequentialMNIST(root=str(data_root), rows=True)
    parts = [data.examples(split) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == list(data.about.counts.values())
    official = np.concatenate([parts[0].inputs, parts[1].inputs])
    assert official.mean() == pytest.approx(0.1307, abs=1e-4)
    assert official.std() == pytest.approx(0.3081, abs=1e-4)
    assert np.bincount(parts[2].target).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # fmt: skip
