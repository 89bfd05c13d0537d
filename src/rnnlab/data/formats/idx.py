"""IDX files: arrays of bytes behind a short header, as MNIST is given."""

from math import prod
from pathlib import Path

import numpy as np

from rnnlab.data.reading import broken_files, opened
from rnnlab.errors import DataError

BYTES = 8
"""The code of unsigned bytes in the header's third byte."""


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """An array of unsigned bytes.

    Args:
        path: A plain or gzipped IDX file.
        dimensions: Number of dimensions that the array must have.

    Raises:
        DataError: Missing or damaged, no such header, or of another size than it says.
    """
    with broken_files(path), opened(path) as stream:
        data = stream.read()
    if data[:4] != bytes([0, 0, BYTES, dimensions]):
        raise DataError(f"{path}: not an IDX file of bytes in {dimensions} dimensions")
    start = 4 + 4 * dimensions
    shape = np.frombuffer(data[4:start], dtype=">u4").tolist() if len(data) >= start else []
    if not shape or len(data) - start != prod(shape):
        raise DataError(f"{path}: {len(data):,} bytes, the header says {start + prod(shape):,}")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)
