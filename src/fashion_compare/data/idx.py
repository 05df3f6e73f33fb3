"""Read the IDX format strictly, so that a damaged or foreign file is named and never trained on.

IDX (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type (0x08: unsigned byte), the rank, each
dimension as a big-endian 32-bit number, then the bytes. Raw or gzipped is told by the content, not by the
name: browsers unpack a ``.gz`` and keep its name.
"""

import hashlib
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from fashion_compare.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08
# Read and inflated in pieces that stay in the processor's cache.
_PIECE_BYTES = 1 << 18
# Less of what is packed: what lies behind the end of a member is copied, and there may be a million members.
_PACKED_BYTES = 1 << 14
_GZIP_BITS = zlib.MAX_WBITS | 16


@dataclass(frozen=True, eq=False)
class IdxFile:
    """What an IDX file holds.

    Attributes:
        array: uint8, shape (count, *item_shape).
        sha256: of the uncompressed bytes, header included.
    """

    array: np.ndarray
    sha256: str


def read_idx(path: Path, item_shape: tuple[int, ...], maximum_count: int) -> IdxFile:
    """Read an IDX file of unsigned bytes, raw or gzipped.

    Memory is bounded by `maximum_count` whatever the file holds: dimensions are checked before anything is
    allocated, and no more than one byte beyond them is ever inflated.

    Args:
        path: the file.
        item_shape: every dimension but the first: (28, 28) for images, () for labels.
        maximum_count: the largest first dimension accepted.

    Raises:
        DataError: the file cannot be read, is damaged, or is not such an IDX file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
            file.seek(0)
            return _read(_reader(file, start), item_shape, maximum_count)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; check the file and its rights") from error
    except (EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} {error or 'ends too early'}; delete it and get it again") from error


def looks_like_a_web_page(start: bytes) -> bool:
    """Say whether a file's first bytes are HTML: what proxies and sign-in pages send instead of a file."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Gzip:
    """The content of a gzip file's members, one behind another (RFC 1952); zlib checks the CRC and length of each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(wbits=_GZIP_BITS)

    def read(self, size: int, /) -> bytes:
        """Return 1 to `size` bytes, or none after the last member with nothing behind it."""
        compressed = self._inflater.unconsumed_tail
        while True:
            if self._inflater.eof:
                compressed = self._inflater.unused_data or self._file.read(_PACKED_BYTES)
                if not compressed:
                    return b""
                # One byte may be all that is left of a piece.
                compressed += self._file.read(1) if len(compressed) == 1 else b""
                if not compressed.startswith(GZIP_MAGIC):
                    raise ValueError("has bytes after its gzip content")
                self._inflater = zlib.decompressobj(wbits=_GZIP_BITS)
            compressed = compressed or self._file.read(_PACKED_BYTES)
            if not compressed:
                raise EOFError("is a gzip file cut off before its end")
            try:
                piece = self._inflater.decompress(compressed, size)
            except zlib.error as error:
                raise zlib.error(f"is a damaged gzip file ({error})") from error
            if piece:
                return piece
            compressed = self._inflater.unconsumed_tail


def _reader(file: BinaryIO, start: bytes) -> _Reader:
    if not start:
        raise EOFError("is empty")
    if looks_like_a_web_page(start):
        raise ValueError("is a web page, not an IDX file")
    return _Gzip(file) if start.startswith(GZIP_MAGIC) else file


def _read(reader: _Reader, item_shape: tuple[int, ...], maximum_count: int) -> IdxFile:
    rank = 1 + len(item_shape)
    expected_magic = bytes([0, 0, _UNSIGNED_BYTE, rank])
    header = np.empty(4 + 4 * rank, np.uint8)
    digest = hashlib.sha256()
    # The magic first: a foreign file may be shorter than the header.
    _fill(reader, header[:4], digest.update)
    magic = header[:4].tobytes()
    if magic != expected_magic:
        raise ValueError(
            f"is not an IDX file of unsigned bytes of rank {rank}: it starts with 0x{magic.hex()}, "
            f"expected 0x{expected_magic.hex()}"
        )
    _fill(reader, header[4:], digest.update)
    count, *dimensions = (int(dimension) for dimension in header[4:].view(">u4"))
    if tuple(dimensions) != item_shape:
        raise ValueError(f"holds items of shape {tuple(dimensions)}, expected {item_shape}")
    if count > maximum_count:
        raise ValueError(f"declares {count} items, expected at most {maximum_count}")
    body = np.empty(count * math.prod(item_shape), np.uint8)
    _fill(reader, body, digest.update)
    if reader.read(1):
        raise ValueError(f"has bytes after its {count} items")
    return IdxFile(body.reshape(count, *item_shape), digest.hexdigest())


def _fill(reader: _Reader, array: np.ndarray, hash_update: Callable[[bytes], None]) -> None:
    """Fill the flat uint8 `array` from `reader`, hashing each piece while it is in the cache."""
    target = array.data
    filled = 0
    while filled < len(target):
        piece = reader.read(min(_PIECE_BYTES, len(target) - filled))
        if not piece:
            raise EOFError(f"is cut off: {len(target) - filled} bytes are missing")
        target[filled : filled + len(piece)] = piece
        hash_update(piece)
        filled += len(piece)
