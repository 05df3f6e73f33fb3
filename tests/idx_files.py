"""Data of one's own in Fashion-MNIST's format: few images, so that what is tested is not their number."""

import struct
from pathlib import Path

import numpy as np

from fashion_compare.data.sources import FILE_NAMES
from fashion_compare.data.synthetic import draw


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an IDX file of unsigned bytes."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_drawn(directory: Path, train: int, test: int) -> None:
    """Write drawn images and their labels, so many for training and validation, and so many to test."""
    directory.mkdir()
    arrays = [*draw(train, 1), *draw(test, 2)]
    for name, array in zip(FILE_NAMES, arrays, strict=True):
        (directory / name).write_bytes(idx_bytes(array.astype(np.uint8)))
