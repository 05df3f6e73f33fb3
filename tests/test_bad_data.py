"""Data files that are not what they should be: each is one line that says what, where and what was expected."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fashion_compare.data.sources import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from tests.refusal import refused

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and links are made")


def idx(dimensions: tuple[int, ...], body: bytes = b"", kind: int = 8) -> bytes:
    """Return a header, and what is to follow it."""
    return bytes([0, 0, kind, len(dimensions)]) + struct.pack(f">{len(dimensions)}I", *dimensions) + body


def images(count: int) -> bytes:
    return idx((count, 28, 28), bytes(count * 784))


def labels(*values: int) -> bytes:
    return idx((len(values),), bytes(values))


def member(
    content: bytes, *, crc: int | None = None, size: int | None = None, flags: int = 0, method: int = 8
) -> bytes:
    """Return a gzip member, right or with something in it changed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(content) + packer.flush()
    crc, size = zlib.crc32(content) if crc is None else crc, len(content) if size is None else size
    return bytes([0x1F, 0x8B, method, flags, 0, 0, 0, 0, 0, 3]) + body + struct.pack("<II", crc, size)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, x_train=np.zeros((2, 28, 28), np.uint8))
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(TRAIN_IMAGES, content)
    return file.getvalue()


def bomb(dimensions: tuple[int, ...]) -> bytes:
    """Return 400 MB of zeros behind a header, in 400 kB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(idx(dimensions))] + [packer.compress(bytes(4 << 20)) for _ in range(100)]
    return b"".join([*pieces, packer.flush()])


GOOD = images(4)
NOISE = idx((4, 28, 28), np.random.default_rng(0).bytes(4 * 784))
PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>"
MAGIC = "is not an IDX file of unsigned bytes of rank 3: it starts with 0x"

# In place of the training images: content, what the line says. Plain and packed alike are told by the content.
IMAGES: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "empty": (b"", "is empty"),
    "one byte": (b"\0", "cut off: 3 bytes are missing"),
    "half a magic number": (GOOD[:2], "cut off: 2 bytes are missing"),
    "half a header": (GOOD[:10], "cut off: 6 bytes are missing"),
    "header alone": (GOOD[:16], "cut off: 3136 bytes are missing"),
    "one byte short": (GOOD[:-1], "cut off: 1 bytes are missing"),
    "one byte long": (GOOD + b"\0", "bytes after its 4 items"),
    "twice": (GOOD + GOOD, "bytes after its 4 items"),
    "signed bytes": (idx((4, 28, 28), bytes(3136), kind=9), f"{MAGIC}00000903, expected 0x00000803"),
    "floats": (idx((4, 28, 28), bytes(12544), kind=0x0D), f"{MAGIC}00000d03"),
    "doubles": (idx((4, 28, 28), bytes(25088), kind=0x0E), f"{MAGIC}00000e03"),
    "little-endian": (b"\x03\x08\0\0" + GOOD[4:], f"{MAGIC}03080000"),
    "first bytes not zero": (b"\1" + GOOD[1:], f"{MAGIC}01000803"),
    "labels": (labels(0, 1, 2, 3), f"{MAGIC}00000801"),
    "rank 2": (idx((4, 784), bytes(3136)), f"{MAGIC}00000802"),
    "rank 4": (idx((4, 28, 28, 1), bytes(3136)), f"{MAGIC}00000804"),
    "rank 0": (idx(()), f"{MAGIC}00000800"),
    "rank 255": (b"\0\0\x08\xff" + bytes(1020), f"{MAGIC}000008ff"),
    "32×32": (idx((4, 32, 32), bytes(4096)), r"items of shape \(32, 32\), expected \(28, 28\)"),
    "28×27": (idx((4, 28, 27), bytes(3024)), r"items of shape \(28, 27\), expected \(28, 28\)"),
    "no rows": (idx((4, 0, 28)), r"items of shape \(0, 28\), expected \(28, 28\)"),
    "4 billion columns": (idx((4, 28, 2**32 - 1)), r"items of shape \(28, 4294967295\), expected"),
    "4 billion images": (idx((2**32 - 1, 28, 28)), "declares 4294967295 items, expected at most 60000"),
    "an image too many": (idx((60_001, 28, 28), bytes(100)), "declares 60001 items, expected at most 60000"),
    "no image": (images(0), "is not Fashion-MNIST: SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}"),
    "other images": (GOOD, "is not Fashion-MNIST: SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}"),
    "other images, packed": (lambda: gzip.compress(GOOD), "is not Fashion-MNIST: SHA-256"),
    "a web page": (PAGE, "is a web page, not an IDX file"),
    "a web page behind a byte order mark": (b"\xef\xbb\xbf\r\n" + PAGE, "is a web page"),
    "a packed web page": (lambda: gzip.compress(PAGE), MAGIC),
    "text": (b"label,pixel1,pixel2\n9,0,0\n", MAGIC),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:3aed\n", MAGIC),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), MAGIC),
    "a pickle": (pickle.dumps([0] * 100), MAGIC),
    "an array of NumPy's": (b"\x93NUMPY\x01\0" + bytes(100), MAGIC),
    "an .npz": (npz, MAGIC),
    "a zip archive": (lambda: zipped(GOOD), MAGIC),
    "bzip2": (lambda: bz2.compress(GOOD), MAGIC),
    "xz": (lambda: lzma.compress(GOOD), MAGIC),
    "gzip of nothing": (lambda: gzip.compress(b""), "cut off: 4 bytes are missing"),
    "gzip's first bytes alone": (b"\x1f\x8b", "gzip file cut off before its end"),
    "gzip cut in its header": (lambda: member(GOOD)[:9], "gzip file cut off before its end"),
    "gzip cut in the middle": (lambda: member(NOISE)[:1000], "gzip file cut off before its end"),
    "gzip cut before its checksum": (lambda: member(GOOD)[:-8], "gzip file cut off before its end"),
    "gzip cut in its checksum": (lambda: member(GOOD)[:-5], "gzip file cut off before its end"),
    "gzip with a wrong checksum": (lambda: member(GOOD, crc=1), "damaged gzip file .*incorrect data check"),
    "gzip with a wrong length": (lambda: member(GOOD, size=9), "damaged gzip file .*incorrect length check"),
    "gzip with bytes behind it": (lambda: member(GOOD) + b"\0", "bytes after its gzip content"),
    "gzip with half a member behind it": (
        lambda: member(GOOD) + member(GOOD)[:5],
        "cut off before its end",
    ),
    "gzip of two members": (lambda: member(GOOD) + member(GOOD), "bytes after its 4 items"),
    "gzip of other images in two members": (lambda: member(GOOD[:99]) + member(GOOD[99:]), "is not Fashion-MNIST: SHA"),
    "gzip of two members, the second damaged": (
        lambda: member(GOOD[:99]) + member(GOOD[99:], crc=1),
        "damaged gzip file .*incorrect data check",
    ),
    "gzip of too few images in two members": (lambda: member(GOOD[:99]) + member(GOOD[99:-1]), "1 bytes are missing"),
    "gzip of gzip": (lambda: member(member(GOOD)), MAGIC),
    "gzip with an unknown method": (lambda: member(GOOD, method=7), "damaged gzip file .*unknown compression method"),
    "gzip with unknown flags": (lambda: member(GOOD, flags=0xE0), "damaged gzip file .*unknown header flags"),
    "gzip of more than it declares": (lambda: bomb((4, 28, 28)), "bytes after its 4 items"),
    "gzip of 400 MB": (lambda: bomb((2**31, 28, 28)), "declares 2147483648 items"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images(name: str, tmp_path: Path) -> None:
    """Each file in place of the training images is refused before anything else is read."""
    content, line = IMAGES[name]
    data = tmp_path / "data"
    data.mkdir()
    (data / TRAIN_IMAGES).write_bytes(content if isinstance(content, bytes) else content())
    for other in (TRAIN_LABELS, TEST_IMAGES, TEST_LABELS):
        (data / other).touch()
    said = refused(["data", "--data", "data"], tmp_path, line=line)
    assert str(data / TRAIN_IMAGES) in said
    assert "; delete it" in said


# A file of otherwise good data of another kind, of which every part is looked at.
SPLITS: dict[str, tuple[str, bytes, str]] = {
    "label 10": (TRAIN_LABELS, labels(0, 0, 1, 10), "train-labels-idx1-ubyte holds label 10, expected 0 to 9"),
    "label 255": (TEST_LABELS, labels(0, 255), "t10k-labels-idx1-ubyte holds label 255, expected 0 to 9"),
    "a label too few": (TRAIN_LABELS, labels(0, 0, 1), "holds 4 images, train-labels-idx1-ubyte 3 labels; expected"),
    "a label too many": (TEST_LABELS, labels(0, 1, 1), "holds 2 images, t10k-labels-idx1-ubyte 3 labels; expected"),
    "no test images": (TEST_IMAGES, images(0), "holds 0 images, t10k-labels-idx1-ubyte 2 labels; expected"),
    "one class": (TEST_LABELS, labels(1, 1), "holds one class alone, expected two or more"),
    "a class that cannot be split": (TRAIN_LABELS, labels(0, 0, 0, 1), "class 1 has 1 training image, expected two"),
    "images as labels": (TEST_LABELS, images(2), "rank 1: it starts with 0x00000803, expected 0x00000801"),
    "labels cut off": (TEST_LABELS, labels(0, 1)[:-1], "cut off: 1 bytes are missing"),
    "labels and more": (TEST_LABELS, labels(0, 1) + b"\n", "bytes after its 2 items"),
    "400 million labels": (TRAIN_LABELS, idx((400_000_000,)), "declares 400000000 items, expected at most 300000"),
    "a web page": (TEST_IMAGES, PAGE, "is a web page, not an IDX file"),
}


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("command", ["data", "run"])
def test_parts_that_do_not_fit(name: str, command: str, tmp_path: Path) -> None:
    """Other data, asked for: counts, labels and classes are checked against each other, before torch is imported."""
    damaged, content, line = SPLITS[name]
    data = tmp_path / "data"
    data.mkdir()
    good = {TRAIN_IMAGES: GOOD, TRAIN_LABELS: labels(0, 0, 1, 1), TEST_IMAGES: images(2), TEST_LABELS: labels(0, 1)}
    for part, held in (good | {damaged: content}).items():
        (data / part).write_bytes(held)
    words = ["data"] if command == "data" else ["run", "quick", "--out", "out"]
    refused([*words, "--data", "data", "--any-idx"], tmp_path, line=line)


def made(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return what makes that in place of the training images, beside three files that are never looked at."""

    def fill(data: Path) -> None:
        data.mkdir()
        make(data / TRAIN_IMAGES)
        for other in (TRAIN_LABELS, TEST_IMAGES, TEST_LABELS):
            (data / other).touch()

    return fill


LACKS = f"lacks {TRAIN_IMAGES}; expected the four files"
PLACES: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing": (lambda _: None, "is not a directory that can be read; expected the four files"),
    "a file": (lambda path: path.write_bytes(GOOD) and None, "is not a directory that can be read"),
    "an empty directory": (lambda path: path.mkdir(), f"lacks {TRAIN_IMAGES}, {TRAIN_LABELS}, "),
    "a directory in a file's place": (made(lambda path: path.mkdir()), LACKS),
    "a pipe": (made(os.mkfifo), LACKS),
    "an endless device": (made(lambda path: path.symlink_to("/dev/zero")), LACKS),
    "a link to nothing": (made(lambda path: path.symlink_to("nowhere")), LACKS),
    "a link to itself": (made(lambda path: path.symlink_to(TRAIN_IMAGES)), LACKS),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_without_the_files(name: str, tmp_path: Path) -> None:
    """A directory that is none, or where something else stands in a file's place."""
    make, line = PLACES[name]
    make(tmp_path / "data")
    refused(["data", "--data", "data"], tmp_path, line=line)
