"""The IDX reader: what is well-formed is read exactly, everything else is one clear error."""

import contextlib
import errno
import gzip
import hashlib
import io
import itertools
import os
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.idx_files import idx_bytes

from fashion_compare.data.idx import looks_like_a_web_page, read_idx
from fashion_compare.errors import DataError


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def refused(path: Path, content: bytes, shape: tuple[int, ...] = (3, 2), maximum: int = 5) -> str:
    """Return the message with which `content` is refused; it is one line and names the file."""
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path, shape, maximum)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture(scope="module")
def scratch_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "file"


@given(
    count=st.integers(0, 4),
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    zipped=st.booleans(),
    data=st.data(),
)
@settings(deadline=None)
def test_what_is_written_is_read(scratch_file, count, shape, zipped, data):
    """Any shape comes back bit for bit, raw or gzipped, with the hash of the uncompressed bytes."""
    length = count * int(np.prod(shape))
    content = data.draw(st.binary(min_size=length, max_size=length))
    array = np.frombuffer(content, np.uint8).reshape(count, *shape)
    whole = idx_bytes(array)
    scratch_file.write_bytes(gzip.compress(whole) if zipped else whole)
    found = read_idx(scratch_file, shape, 4)
    assert found.array.dtype == np.uint8
    np.testing.assert_array_equal(found.array, array)
    assert found.sha256 == hashlib.sha256(whole).hexdigest()


def test_larger_than_one_piece(path):
    """A file of several internal pieces is read whole, gzipped or not."""
    array = pixels(1000, 28, 28)
    for content in (idx_bytes(array), gzip.compress(idx_bytes(array), 1)):
        path.write_bytes(content)
        np.testing.assert_array_equal(read_idx(path, (28, 28), 1000).array, array)


@given(cut=st.integers(0, 10_000), zipped=st.booleans())
@settings(deadline=None)
def test_every_truncation_is_refused(scratch_file, cut, zipped):
    """A file cut off at any byte is refused, whether raw or gzipped."""
    whole = idx_bytes(pixels(5, 3, 2))
    whole = gzip.compress(whole) if zipped else whole
    refused(scratch_file, whole[: cut % len(whole)])


def test_a_gzip_cut_off_says_so(path):
    """In its header, its content and its checksum; a raw file says how much is missing."""
    whole = idx_bytes(np.random.default_rng(0).integers(0, 256, (5, 3, 2), np.uint8))
    for cut in (3, 30, -5, -1):
        assert refused(path, gzip.compress(whole)[:cut]) == (
            f"{path} is a gzip file cut off before its end; delete it and get it again"
        )
    assert refused(path, whole[:-7]) == f"{path} is cut off: 7 bytes are missing; delete it and get it again"


@given(content=st.binary(max_size=200), start=st.sampled_from([b"", b"\x1f\x8b\x08", b"\0\0\x08\x03"]))
@settings(deadline=None)
def test_arbitrary_bytes_never_crash(scratch_file, content, start):
    """Whatever a file holds, reading it gives an array or a DataError, nothing else."""
    scratch_file.write_bytes(start + content)
    with contextlib.suppress(DataError):
        assert read_idx(scratch_file, (1, 1), 2).array.shape[1:] == (1, 1)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(deadline=None)
def test_a_flipped_bit_in_a_gzip_is_never_read_as_other_pixels(scratch_file, position, bit):
    """Any one flipped bit is refused, or (in the gzip header's date and such) changes nothing."""
    array = pixels(5, 3, 2)
    content = bytearray(gzip.compress(idx_bytes(array)))
    content[position % len(content)] ^= 1 << bit
    scratch_file.write_bytes(content)
    with contextlib.suppress(DataError):
        np.testing.assert_array_equal(read_idx(scratch_file, (3, 2), 5).array, array)


def test_trailing_bytes(path):
    """One byte too many is refused: raw, inside the gzip, after it, or in a second gzip member."""
    whole = idx_bytes(pixels(5, 3, 2))
    assert "bytes after its 5 items" in refused(path, whole + b"\0")
    assert "bytes after its 5 items" in refused(path, gzip.compress(whole + b"\0"))
    assert f"{path} has bytes after its gzip content;" in refused(path, gzip.compress(whole) + b"\0")
    assert f"{path} has bytes after its gzip content;" in refused(path, gzip.compress(whole) + b"\x1f")
    assert f"{path} has bytes after its gzip content;" in refused(path, gzip.compress(whole) + whole)
    assert "bytes after its 5 items" in refused(path, gzip.compress(whole) + gzip.compress(b"\0"))
    assert "bytes after its 5 items" in refused(path, gzip.compress(whole) + gzip.compress(whole))
    for cut in range(1, 20):
        assert "cut off before its end" in refused(path, gzip.compress(whole[:20]) + gzip.compress(whole[20:])[:-cut])


@given(cuts=st.lists(st.integers(0, 46), max_size=6), level=st.integers(0, 9))
@settings(deadline=None)
def test_gzip_members_one_behind_another_are_one_file(scratch_file, cuts, level):
    """As parallel packers write them, wherever they cut, empty ones too (RFC 1952, 2.2)."""
    array = pixels(5, 3, 2)
    whole = idx_bytes(array)
    bounds = [0, *sorted(cuts), len(whole)]
    members = [gzip.compress(whole[a:b], level) for a, b in itertools.pairwise(bounds)]
    scratch_file.write_bytes(b"".join(members))
    assert gzip.decompress(b"".join(members)) == whole
    found = read_idx(scratch_file, (3, 2), 5)
    np.testing.assert_array_equal(found.array, array)
    assert found.sha256 == hashlib.sha256(whole).hexdigest()


def test_gzip_members_longer_and_shorter_than_a_piece(path):
    """Wherever a member ends in what is read at once, its last byte, or its first, alone in a piece."""
    array = pixels(200, 28, 28)
    whole = idx_bytes(array)
    for first in range(16_350, 16_400):
        # Stored, not packed: a member of so many bytes is 23 longer.
        path.write_bytes(gzip.compress(whole[:first], 0) + gzip.compress(whole[first:], 0))
        np.testing.assert_array_equal(read_idx(path, (28, 28), 200).array, array)


def test_a_million_empty_gzip_members_take_no_time(path):
    """Each is a new beginning; what lies behind is not copied for each of them."""
    path.write_bytes(gzip.compress(b"") * 200_000 + gzip.compress(idx_bytes(pixels(5, 3, 2))))
    began = time.process_time()
    assert len(read_idx(path, (3, 2), 5).array) == 5
    assert time.process_time() - began < 3


@pytest.mark.parametrize("magic", [b"\1\0\x08\3", b"\0\1\x08\3", b"\0\0\x09\3", b"\0\0\x0d\3"])
def test_wrong_magic(path, magic):
    """Other first bytes and other element types are refused, and what was expected is named."""
    message = refused(path, magic + idx_bytes(pixels(5, 3, 2))[4:])
    assert f"0x{magic.hex()}" in message
    assert "expected 0x00000803" in message


def test_wrong_rank_and_dimensions(path):
    """Labels in the place of images, images of another size and too many images are refused."""
    assert "rank 3" in refused(path, idx_bytes(pixels(5)))
    assert "rank 3" in refused(path, idx_bytes(pixels(5, 3, 2, 1)))
    assert "shape (2, 3), expected (3, 2)" in refused(path, idx_bytes(pixels(5, 2, 3)))
    assert "6 items, expected at most 5" in refused(path, idx_bytes(pixels(6, 3, 2)))


def test_a_declared_size_allocates_nothing(path):
    """A header that declares 2**32 - 1 items is refused before memory is asked for."""
    assert "4294967295 items" in refused(path, b"\0\0\x08\3" + struct.pack(">3I", 2**32 - 1, 3, 2))


def test_gzip_bomb(path):
    """A gzip that would inflate to 64 MiB is refused after one byte too many, in little memory."""
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as file:
        file.write(idx_bytes(pixels(5, 3, 2)))
        for _ in range(64):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        message = refused(path, buffer.getvalue())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "bytes after its 5 items" in message
    assert peak < 4 << 20


@pytest.mark.parametrize("back", [1, 5])
def test_wrong_crc_or_length(path, back):
    """A gzip whose stored length (last four bytes) or CRC (the four before) is wrong is refused."""
    content = bytearray(gzip.compress(idx_bytes(pixels(5, 3, 2))))
    content[-back] ^= 0xFF
    assert "damaged gzip" in refused(path, bytes(content))


def test_web_page_and_empty_file(path):
    """What a sign-in page or a full disk leaves behind is named."""
    page = b"\xef\xbb\xbf \t\r\n<!DOCTYPE html><title>Sign in</title>"
    assert refused(path, page) == f"{path} is a web page, not an IDX file; delete it and get it again"
    assert refused(path, b"") == f"{path} is empty; delete it and get it again"
    assert not looks_like_a_web_page(b"X<")


def test_unreadable(tmp_path):
    """A missing file and a directory are one clear line too."""
    for path, reason in ((tmp_path / "none", errno.ENOENT), (tmp_path, errno.EISDIR)):
        with pytest.raises(DataError) as caught:
            read_idx(path, (), 1)
        assert str(caught.value) == f"cannot read {path}: {os.strerror(reason)}; check the file and its rights"
