"""Any picture becomes an image of the data set's kind, or one clear line."""

import struct
import warnings
import zlib
from pathlib import Path

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
    """Around a dark garment what is transparent counts as white paper; colours become grey."""
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


def a_bomb(path, side=100_000):
    """A PNG that declares 100,000 × 100,000 pixels, or as many as asked for."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def with_a_broken_piece(path):
    """A PNG whose pixels come in two pieces, the second of no known kind."""
    saved(path, np.random.default_rng(0).integers(0, 256, (400, 400), dtype=np.uint8))
    content = path.read_bytes()
    second = content.rindex(b"IDAT")
    assert second > content.index(b"IDAT")
    path.write_bytes(content[:second] + bytes(4) + content[second + 4 :])


def cut_off(path):
    saved(path, np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_every_kind_that_is_named_is_read(kind, garment, tmp_path):
    """By what is in the file, whatever its name ends in; what a kind loses of the pixels is little."""
    Image.fromarray(garment).convert("RGB").save(tmp_path / "picture", format=kind)
    found, _ = read_picture(tmp_path / "picture")
    assert np.abs(found.astype(int) - garment).mean() < 4


def test_colours_become_grey_by_their_brightness(garment, tmp_path):
    """ITU-R 601's weights: red counts 0.299, green 0.587, blue 0.114."""
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        colours = np.zeros((28, 28, 3), np.uint8)
        colours[..., channel] = garment
        found, _ = read_picture(saved(tmp_path / "a.png", colours))
        np.testing.assert_allclose(found, weight * garment, atol=1)


def test_half_transparent_is_half_white(tmp_path):
    """Black at half strength on white paper is mid-grey, and the paper around it makes it a dark garment."""
    layers = np.zeros((28, 28, 4), np.uint8)
    layers[10:20, 10:20, 3] = 128
    found, inverted = read_picture(saved(tmp_path / "a.png", layers))
    assert inverted
    assert found[15, 15] == 128
    assert not found[0].any()


@pytest.mark.parametrize("bright", [200, 90], ids=["on white", "on grey"])
def test_the_background_continues_at_the_sides(bright, tmp_path):
    """A high dark garment is inverted, and what is added beside it is as dark as its own background became."""
    tall = np.full((56, 28), bright, np.uint8)
    tall[12:44, 8:20] = 10
    found, inverted = read_picture(saved(tmp_path / "a.png", tall))
    assert inverted
    assert set(np.unique(found)) == {255 - bright, 245}
    # 32 × 12 of 56 × 28 pixels are 16 × 6 of 28 × 14, in the middle.
    rows, columns = np.nonzero(found == 245)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 21, 11, 16)


def test_a_square_stays_square(tmp_path):
    """However wide the picture, nothing in it is stretched."""
    wide = np.zeros((140, 280), np.uint8)
    wide[40:100, 90:150] = 255
    found, _ = read_picture(saved(tmp_path / "a.png", wide))
    rows, columns = np.nonzero(found)
    assert np.ptp(rows) == np.ptp(columns) == 5
    assert (rows.min(), columns.min()) == (7 + 4, 9)


def test_what_a_pixel_covers_is_averaged(tmp_path):
    """Of a fine pattern, half black and half white, mid-grey is left: no pixel is picked."""
    image = np.zeros((280, 280), np.uint8)
    image[90:190, 90:190] = 254 * (np.indices((100, 100)).sum(axis=0) % 2)
    found, inverted = read_picture(saved(tmp_path / "a.png", image))
    assert not inverted
    assert set(np.unique(found)) == {0, 127}
    assert (found == 127).sum() == 100


def test_a_garment_may_reach_the_rim(tmp_path):
    """Trousers cut off above and below are no background; nor is one bright edge."""
    image = np.zeros((28, 28), np.uint8)
    image[:, 6:22] = 220
    assert not read_picture(saved(tmp_path / "a.png", image))[1]
    assert read_picture(saved(tmp_path / "a.png", 255 - image))[1]
    image = np.zeros((28, 28), np.uint8)
    image[0], image[10:18, 10:18] = 255, 90
    assert not read_picture(saved(tmp_path / "a.png", image))[1]


def test_dark_is_darker_than_the_rim_not_darker_than_grey(tmp_path):
    """A black garment on dark grey is inverted, a white one on light grey is not."""
    image = np.full((28, 28), 80, np.uint8)
    image[9:19, 9:19] = 0
    assert read_picture(saved(tmp_path / "a.png", image))[1]
    image = np.full((28, 28), 180, np.uint8)
    image[9:19, 9:19] = 255
    assert not read_picture(saved(tmp_path / "a.png", image))[1]


def test_a_photograph_stands_upright(garment, tmp_path):
    """A camera's note of how it was held is followed."""
    how_it_was_held = Image.Exif()
    # Orientation 6: to be turned by a quarter clockwise.
    how_it_was_held[0x0112] = 6
    Image.fromarray(np.rot90(garment)).save(tmp_path / "a.png", exif=how_it_was_held)
    found, _ = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(found, garment)


def test_sixteen_bits_a_pixel_are_scaled_not_cut_off(garment, tmp_path):
    """A grey PNG with 16 bits a pixel, as scanners write, is the same picture."""
    found, inverted = read_picture(saved(tmp_path / "a.png", garment.astype(np.uint16) * 257))
    assert not inverted
    np.testing.assert_allclose(found, garment, atol=1)


@pytest.mark.parametrize(("high", "wide"), [(280, 10), (10, 280)])
def test_what_keeps_a_pixel_of_width_is_read(high, wide, tmp_path):
    """At one to twenty-eight the garment is a line of one pixel; only what is narrower may be refused."""
    bright = np.zeros((high, wide), np.uint8)
    if high > wide:
        bright[90:190] = 255
    else:
        bright[:, 90:190] = 255
    found, _ = read_picture(saved(tmp_path / "a.png", bright))
    assert (found == 255).sum() == 10


@pytest.mark.parametrize("shape", [(60, 1), (1, 60)])
def test_a_picture_as_thin_as_a_thread_is_not_lost(shape, tmp_path):
    """Its garment is in the image, or one line says that there is no room for it."""
    thread = np.zeros(60, np.uint8)
    thread[20:40] = 255
    try:
        found, _ = read_picture(saved(tmp_path / "a.png", thread.reshape(shape)))
    except UserError:
        return
    assert found.any()


@pytest.mark.parametrize(
    "make",
    [
        lambda _: None,
        lambda path: path.mkdir(),
        lambda path: path.write_text("no picture"),
        lambda path: path.write_bytes(b""),
        cut_off,
        with_a_broken_piece,
        a_bomb,
        lambda path: a_bomb(path, 10_000),
        lambda path: Image.fromarray(np.zeros((9, 9), np.uint8)).save(path, format="TIFF"),
    ],
    ids=["missing", "a directory", "text", "empty", "cut off", "damaged", "a bomb", "a smaller bomb", "another format"],
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


def test_a_file_too_large_is_not_opened(garment, tmp_path):
    """Above 64 MiB one line says so, though a picture may lie in its beginning."""
    path = saved(tmp_path / "a.png", garment)
    with path.open("r+b") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(UserError, match="larger than 64 MiB") as caught:
        read_picture(path)
    assert str(path) in str(caught.value)
    with path.open("r+b") as file:
        file.truncate(64 << 20)
    np.testing.assert_array_equal(read_picture(path)[0], garment)


def test_a_name_that_cannot_be_is_one_line():
    """A path with a zero byte in it is no file's."""
    with pytest.raises(UserError, match="embedded null byte"):
        read_picture(Path("a\0b.png"))


def test_a_smaller_bomb_is_refused_by_its_size_without_a_warning(tmp_path):
    """What Pillow would warn of, and then expand to gigabytes, is the same one line, and nothing else is printed."""
    a_bomb(tmp_path / "a.png", 10_000)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(UserError, match="100000000 pixels"):
            read_picture(tmp_path / "a.png")
    assert said == []
