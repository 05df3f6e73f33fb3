"""Any picture becomes an image of the data set's kind, or one clear line."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fashion_compare.data.picture import read_picture
from fashion_compare.errors import UserError


@pytest.fixture
def garment():
    """A bright square, off the middle, on black."""
    image = np.zeros((28, 28), np.uint8)
    image[5:15, 8:20] = 200
    return image


def saved(path, array, mode=None):
    Image.fromarray(array, mode).save(path) if mode else Image.fromarray(array).save(path)
    return path


def test_a_garment_on_black_is_kept(garment, tmp_path):
    """28×28 grey comes back pixel by pixel."""
    found, inverted = read_picture(saved(tmp_path / "a.png", garment))
    np.testing.assert_array_equal(found, garment)
    assert found.dtype == np.uint8
    assert not inverted


def test_a_photograph_on_white_is_inverted(garment, tmp_path):
    """Dark on white becomes bright on black, and says so."""
    found, inverted = read_picture(saved(tmp_path / "a.png", 255 - garment))
    np.testing.assert_array_equal(found, garment)
    assert inverted


def test_colour_and_transparency(garment, tmp_path):
    """What is transparent counts as white paper; colours become grey."""
    layers = np.zeros((28, 28, 4), np.uint8)
    layers[garment > 0] = (55, 55, 55, 255)
    found, inverted = read_picture(saved(tmp_path / "a.png", layers))
    np.testing.assert_array_equal(found, garment)
    assert inverted


def test_shape_is_kept_not_stretched(garment, tmp_path):
    """A picture twice as wide as high fills the width, with background above and below."""
    wide = np.zeros((56, 112), np.uint8)
    wide[:, 30:80] = 255
    found, _ = read_picture(saved(tmp_path / "a.png", wide))
    assert not found[:7].any()
    assert not found[21:].any()
    assert found[10, 10] == 255


def test_a_larger_picture_is_averaged(garment, tmp_path):
    """Ten times as large in both directions, the same image comes out."""
    found, _ = read_picture(saved(tmp_path / "a.png", np.kron(garment, np.ones((10, 10), np.uint8))))
    np.testing.assert_array_equal(found, garment)


def a_bomb(path):
    """A PNG that declares 100,000 × 100,000 pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def cut_off(path):
    saved(path, np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    "make",
    [
        lambda _: None,
        lambda path: path.mkdir(),
        lambda path: path.write_text("no picture"),
        lambda path: path.write_bytes(b""),
        cut_off,
        a_bomb,
        lambda path: Image.fromarray(np.zeros((9, 9), np.uint8)).save(path, format="TIFF"),
    ],
    ids=["missing", "a directory", "text", "empty", "cut off", "a bomb", "another format"],
)
def test_what_cannot_be_read_is_one_line(make, tmp_path):
    """It names the file and what is expected, and nothing is expanded in memory."""
    path = tmp_path / "picture.png"
    make(path)
    with pytest.raises(UserError) as caught:
        read_picture(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "PNG" in str(caught.value)
