"""Pictures whose garment is an outline in the alpha channel, and pictures that show nothing."""

import numpy as np
import pytest
from PIL import Image

from fashion_compare.data.picture import read_picture
from fashion_compare.errors import UserError

OUTLINE = np.zeros((28, 28), bool)
OUTLINE[5:15, 8:20] = True


def cut_out(grey, outline=OUTLINE, *, hidden=0, alpha=255):
    """Return RGBA pixels of a garment of one grey; `hidden` is the grey of what is transparent."""
    layers = np.full((*outline.shape, 4), (hidden, hidden, hidden, 0), np.uint8)
    layers[outline] = (grey, grey, grey, alpha)
    return layers


def saved(path, array, **how):
    Image.fromarray(array).save(path, **how)
    return path


@pytest.mark.parametrize("hidden", [0, 128, 255])
@pytest.mark.parametrize("grey", [0, 20, 100, 127, 128, 200, 235, 255])
def test_a_cut_out_is_bright_on_black_whatever_its_grey(tmp_path, grey, hidden):
    """A bright garment as it is, a dark one inverted, on black; what is hidden under the transparency has no say."""
    found, inverted = read_picture(saved(tmp_path / "a.png", cut_out(grey, hidden=hidden)))
    assert inverted == (grey < 128)
    np.testing.assert_array_equal(found, np.where(OUTLINE, max(grey, 255 - grey), 0))


def test_a_white_garment_on_transparency_is_the_one_on_black(tmp_path):
    """In every kind of file that has transparency."""
    expected, _ = read_picture(saved(tmp_path / "black.png", np.where(OUTLINE, 255, 0).astype(np.uint8)))
    picture = Image.fromarray(cut_out(255))
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.webp", lossless=True)
    picture.save(tmp_path / "a.gif")
    picture.convert("LA").save(tmp_path / "grey.png")
    picture.quantize(4).save(tmp_path / "palette.png")
    for name in ("a.png", "a.webp", "a.gif", "grey.png", "palette.png"):
        found, inverted = read_picture(tmp_path / name)
        assert not inverted, name
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("grey", [10, 245])
def test_a_cut_out_may_be_trimmed_to_its_garment(tmp_path, grey):
    """A pullover whose sleeves and hem make most of the rim, with what is around the neck transparent."""
    outline = np.ones((56, 56), bool)
    outline[:12, 20:36] = outline[24:, 10:14] = outline[24:, 42:46] = False
    found, _ = read_picture(saved(tmp_path / "a.png", cut_out(grey, outline)))
    np.testing.assert_array_equal(found, 245 * outline[::2, ::2])


def test_a_tall_cut_out_is_padded_with_black(tmp_path):
    """Its ground goes on at both sides."""
    outline = np.zeros((56, 28), bool)
    outline[8:48, 6:22] = True
    for grey in (0, 255):
        found, _ = read_picture(saved(tmp_path / "a.png", cut_out(grey, outline)))
        rows, columns = np.nonzero(found)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 23, 10, 17)
        assert set(np.unique(found)) == {0, 255}


@pytest.mark.parametrize(("paper", "ink"), [(255, 40), (200, 0), (0, 255), (60, 220)])
def test_rounded_corners_are_no_garment(tmp_path, paper, ink):
    """A photograph with transparent corners is read as the one without: they take its background's grey."""
    plain = np.full((112, 112), paper, np.uint8)
    plain[20:90, 30:80] = ink
    layers = np.dstack([plain, plain, plain, np.full_like(plain, 255)])
    down, right = np.indices(plain.shape)
    distance = np.minimum(down, 111 - down) + np.minimum(right, 111 - right)
    layers[distance < 12] = 0
    assert 0.01 < (distance < 12).mean() < 0.05
    expected, was_inverted = read_picture(saved(tmp_path / "plain.png", plain))
    found, inverted = read_picture(saved(tmp_path / "a.png", layers))
    assert inverted == was_inverted
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("paper", "ink"), [(255, 40), (0, 255)])
def test_a_picture_that_is_half_transparent_all_over_has_no_outline(tmp_path, paper, ink):
    """Its own background is the background."""
    grey = np.where(OUTLINE, ink, paper).astype(np.uint8)
    layers = np.dstack([grey, grey, grey, np.full_like(grey, 120)])
    found, inverted = read_picture(saved(tmp_path / "a.png", layers))
    assert inverted == (paper > ink)
    assert found[OUTLINE].min() > found[~OUTLINE].max() + 90


def faint(contrast):
    return np.where(OUTLINE, 100 + contrast, 100).astype(np.uint8)


BLANK = {
    "white": np.full((280, 280), 255, np.uint8),
    "black": np.zeros((280, 280), np.uint8),
    "grey": np.full((90, 60), 127, np.uint8),
    "one pixel": np.full((1, 1), 9, np.uint8),
    "nothing but transparency": np.zeros((28, 28, 4), np.uint8),
    "transparency over a hidden garment": np.dstack([np.where(OUTLINE, 255, 0).astype(np.uint8)] * 3 + [0 * OUTLINE]),
    "a garment fainter than one can see": cut_out(255, alpha=10),
    "noise": np.random.default_rng(0).normal(200, 12, (280, 280)).clip(0, 255).astype(np.uint8),
    "a chessboard finer than a pixel": (255 * (np.indices((280, 280)).sum(axis=0) % 2)).astype(np.uint8),
    "colours of one brightness": np.dstack([np.where(OUTLINE, 100, 0), np.where(OUTLINE, 0, 51), 0 * OUTLINE]),
    "15 of 255": faint(15),
    "15 of 255, darker": faint(-15),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_picture_without_contrast_is_refused(tmp_path, name):
    """In one line that says how much there is and how much is expected."""
    path = saved(tmp_path / "a.png", BLANK[name].astype(np.uint8))
    with pytest.raises(
        UserError, match=r"has no contrast: .* differ by (\d|1[0-5]) of 255; expected a garment"
    ) as caught:
        read_picture(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("contrast", [16, -16])
def test_little_contrast_is_some(tmp_path, contrast):
    """From 16 of 255 on it is read."""
    found, inverted = read_picture(saved(tmp_path / "a.png", faint(contrast)))
    assert inverted == (contrast < 0)
    assert np.ptp(found) == 16
