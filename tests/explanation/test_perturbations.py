"""Changed images against other ways of changing them, and curves of answers that read one pixel."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from fashion_compare.explanation.perturbations import PERTURBATIONS, accuracy_under, shift_map

BY_NAME = {p.name: p for p in PERTURBATIONS}
VARIANTS = {"shift": 8, "rotation": 2, "scale": 1, "noise": 2, "blur": 1, "contrast": 1, "occlusion": 9}
CHANGED = [(p, amount) for p in PERTURBATIONS for amount in p.amounts if amount != p.unchanged]


@pytest.fixture(scope="module")
def images():
    """Four images without structure, bright up to their rims."""
    return np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)


def changed(name, images, amount):
    return list(BY_NAME[name].variants(images, amount))


def rolled(images, down, right):
    """Shift by np.roll, and blacken what came round."""
    out = np.roll(images, (down, right), axis=(1, 2))
    rows, columns = np.arange(28) - down, np.arange(28) - right
    out[:, (rows < 0) | (rows > 27)] = 0
    out[:, :, (columns < 0) | (columns > 27)] = 0
    return out


def interpolated(image, matrix):
    """Read the image, with black around it, at `matrix` times each place, in float64."""
    places = np.arange(-20, 48)
    read = RegularGridInterpolator((places, places), np.pad(image.astype(float), 20))
    grid = np.stack(np.meshgrid(np.arange(28), np.arange(28), indexing="ij"), axis=-1) - 13.5
    return read(grid @ np.asarray(matrix).T + 13.5)


@pytest.mark.parametrize("p", PERTURBATIONS, ids=VARIANTS)
def test_the_unchanged_amount_is_the_images_themselves_once(p, images):
    """One variant with the same bytes; and the amount is among those of the probe."""
    assert p.unchanged in p.amounts
    assert [variant.tobytes() for variant in p.variants(images, p.unchanged)] == [images.tobytes()]


@pytest.mark.parametrize(("p", "amount"), CHANGED, ids=lambda value: getattr(value, "name", value))
def test_variants_are_images_that_differ_and_repeat(p, amount, images):
    """As many as promised, uint8, no two alike, the same at the next call; the given images are left alone."""
    before = images.copy()
    variants = list(p.variants(images, amount))
    assert len(variants) == VARIANTS[p.name]
    assert all(variant.dtype == np.uint8 and variant.shape == images.shape for variant in variants)
    assert len({variant.tobytes() for variant in [images, *variants]}) == len(variants) + 1
    for first, second in zip(variants, p.variants(images, amount), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(("p", "amount"), CHANGED, ids=lambda value: getattr(value, "name", value))
def test_an_image_is_changed_alike_whatever_follows_it(p, amount, images):
    """The first image alone gives the first of the changed images; this holds for noise too."""
    for alone, among in zip(p.variants(images[:1], amount), p.variants(images, amount), strict=True):
        np.testing.assert_array_equal(alone[0], among[0])


@pytest.mark.parametrize("name", sorted(VARIANTS.keys() - {"noise"}))
def test_black_stays_black(name):
    """Nothing but noise puts light where there was none."""
    black = np.zeros((1, 28, 28), np.uint8)
    assert not any(variant.any() for amount in BY_NAME[name].amounts for variant in changed(name, black, amount))


@pytest.mark.parametrize("pixels", [1, 2, 3, 4, 5, 6])
def test_shifts_are_rolls_with_black_borders(pixels, images):
    """Each of the eight directions once, diagonals by that many pixels along both axes."""
    directions = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
    expected = {rolled(images, pixels * down, pixels * right).tobytes() for down, right in directions}
    assert {variant.tobytes() for variant in changed("shift", images, pixels)} == expected


def test_a_quarter_turn_is_rot90(images):
    """90 degrees anticlockwise, then clockwise, to the last grey level, rims included."""
    for turned, quarters in zip(changed("rotation", images, 90), (1, -1), strict=True):
        np.testing.assert_array_equal(turned, np.rot90(images, quarters, axes=(1, 2)))


def test_a_turned_square_by_hand():
    """A square 8 pixels right of the centre goes up by 8·sin 30° = 4, or down, and is 8·cos 30° right of the centre."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 12:16, 20:24] = 240
    for turned, row in zip(changed("rotation", image, 30), (13.5 - 4, 13.5 + 4), strict=True):
        weights = turned[0] / turned.sum()
        assert weights.sum(axis=1) @ np.arange(28) == pytest.approx(row, abs=0.05)
        assert weights.sum(axis=0) @ np.arange(28) == pytest.approx(13.5 + 8 * np.cos(np.pi / 6), abs=0.05)


@pytest.mark.parametrize("degrees", [5, 20, 45, 60])
def test_rotations_are_bilinear(degrees, images):
    """The inverse turn of each place, read by another interpolator and rounded to a grey level."""
    for turned, angle in zip(changed("rotation", images, degrees), np.radians([degrees, -degrees]), strict=True):
        matrix = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        for one, image in zip(turned, images, strict=True):
            np.testing.assert_allclose(one, interpolated(image, matrix), rtol=0, atol=0.5 + 1e-9)


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.9, 1.1, 1.5])
def test_scales_are_bilinear(factor, images):
    """Each place divided by the factor, seen from the centre, read by another interpolator."""
    (scaled,) = changed("scale", images, factor)
    for one, image in zip(scaled, images, strict=True):
        np.testing.assert_allclose(one, interpolated(image, np.eye(2) / factor), rtol=0, atol=0.5 + 1e-9)


def test_half_the_size_by_hand(images):
    """Each pixel is the mean of a 2×2 block, in the middle half of an image that is black elsewhere."""
    (half,) = changed("scale", images, 0.5)
    blocks = images.reshape(4, 14, 2, 14, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(half[:, 7:21, 7:21], blocks, rtol=0, atol=0.5)
    assert half.sum() == half[:, 7:21, 7:21].sum()


@pytest.mark.parametrize("sd", [8, 16, 32])
def test_noise_has_the_stated_deviation_around_the_image(sd):
    """On grey, where nothing is cut off: mean 0, the deviation, independent between draws, pixels and images."""
    grey = np.full((50, 28, 28), 128, np.uint8)
    first, second = ((variant - 128.0) / sd for variant in changed("noise", grey, sd))
    for noise in (first, second):
        assert noise.mean() == pytest.approx(0, abs=0.02)
        assert noise.std() == pytest.approx(1, abs=0.02)
    for other in (second, np.roll(first, 1, axis=0), np.roll(first, 1, axis=1), np.roll(first, 1, axis=2)):
        assert np.mean(first * other) == pytest.approx(0, abs=0.02)


def test_noise_of_different_amounts_is_independent():
    """No amount's noise is another's, larger."""
    grey = np.full((50, 28, 28), 128, np.uint8)
    draws = [variant.ravel() for amount in (8, 16, 32) for variant in changed("noise", grey, amount)]
    np.testing.assert_allclose(np.corrcoef(draws), np.eye(6), rtol=0, atol=0.02)


def test_noise_ends_at_black_and_white():
    """Half of black pixels stay black and half of white ones white, for no grey level is beyond them."""
    for grey in (0, 255):
        image = np.full((50, 28, 28), grey, np.uint8)
        for variant in changed("noise", image, 96):
            assert np.mean(variant == grey) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("sigma", [0.5, 1, 1.5, 2, 3])
def test_blur_is_a_gaussian_over_black_surroundings(sigma, images):
    """Rows and columns multiplied by the Gaussian's weights, written as a matrix; what leaves the image is lost."""
    distance = np.subtract.outer(np.arange(28), np.arange(28))
    reach = int(4 * sigma + 0.5)
    total = sum(np.exp(-(d**2) / (2 * sigma**2)) for d in range(-reach, reach + 1))
    weights = np.where(abs(distance) <= reach, np.exp(-(distance**2) / (2 * sigma**2)), 0) / total
    (blurred,) = changed("blur", images, sigma)
    np.testing.assert_allclose(blurred, weights @ images @ weights.T, rtol=0, atol=0.5 + 1e-4)


def test_contrast_by_hand():
    """Grey levels are multiplied: a fifth of 0, 10, 101 and 255 is 0, 2, 20 and 51."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 5, :4] = 0, 10, 101, 255
    (faint,) = changed("contrast", image, 0.2)
    assert faint[0, 5, :4].tolist() == [0, 2, 20, 51]
    assert faint.sum() == 73


@pytest.mark.parametrize(("side", "starts"), [(4, (3, 12, 21)), (8, (1, 10, 19)), (12, (0, 8, 16)), (16, (0, 6, 12))])
def test_covered_squares_by_hand(side, starts):
    """Nine whole squares, in the middle of each ninth of the image or as near to it as the rim allows."""
    white = np.full((2, 28, 28), 255, np.uint8)
    corners = []
    for variant in changed("occlusion", white, side):
        black = variant == 0
        assert black.sum(axis=(1, 2)).tolist() == [side**2, side**2]
        row, column = (int(np.flatnonzero(black[0].any(axis=axis))[0]) for axis in (1, 0))
        assert black[:, row : row + side, column : column + side].all()
        corners.append((row, column))
    assert sorted(corners) == [(row, column) for row in starts for column in starts]


def pixel_is_lit(images):
    """Class 1 where the pixel (14, 14) is at least 128."""
    return (images[:, 14, 14] >= 128).astype(np.int64)


def lit(rows, columns):
    image = np.zeros((28, 28), np.uint8)
    image[rows, columns] = 255
    return image


def test_shares_of_answers_that_read_one_pixel():
    """Known curves: a 3×3 square leaves the pixel after one step, an upper half does in 3 of 8 directions.

    Image 2 is image 1 with the other label: what is right for one is wrong for the other.
    """
    square = lit(slice(13, 16), slice(13, 16))
    half = lit(slice(0, 15), slice(None))
    shares = accuracy_under(pixel_is_lit, np.stack([square, half, half]), np.array([1, 1, 0]), BY_NAME["shift"])
    assert shares.dtype == np.float32
    assert shares.T.tolist() == [[1, 1, 0, 0, 0, 0, 0], [1] + 6 * [5 / 8], [0] + 6 * [3 / 8]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # White at 0.6 is 153, at 0.4 it is 102.
        ("contrast", [1, 1, 1, 0, 0, 0]),
        # The pixel lies in the middle square alone, until all squares of 16 pixels reach it.
        ("occlusion", [1, 8 / 9, 8 / 9, 8 / 9, 0]),
        # 4×4 pixels from 12 to 15 become 2×2 from 13 to 14, so the pixel is lit at every size.
        ("scale", [1] * 11),
    ],
)
def test_curves_by_hand(name, expected):
    """A white 4×4 square in the middle, and the share of variants in which its pixel (14, 14) is still lit."""
    image = lit(slice(12, 16), slice(12, 16))[None]
    shares = accuracy_under(pixel_is_lit, image, np.array([1]), BY_NAME[name])
    np.testing.assert_allclose(shares[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("p", PERTURBATIONS, ids=VARIANTS)
def test_answers_are_asked_once_per_variant(p, images):
    """The unchanged images are answered once; every other amount costs as many answers as it has variants."""
    asked = []

    def answers(given):
        asked.append(given.tobytes())
        return np.zeros(len(given), np.int64)

    shares = accuracy_under(answers, images, np.zeros(4, np.int64), p)
    assert shares.shape == (len(p.amounts), 4)
    assert len(asked) == 1 + VARIANTS[p.name] * (len(p.amounts) - 1)
    assert asked.count(images.tobytes()) == 1


def test_the_shift_map_by_hand():
    """A pixel at (10, 12) reaches (14, 14) by 4 down and 2 right; a black image is right at every shift."""
    images = np.stack([lit(10, 12), lit(14, 14), np.zeros((28, 28), np.uint8)])
    accuracy = shift_map(pixel_is_lit, images, np.array([1, 1, 0]))
    expected = np.full((13, 13), 1 / 3)
    expected[6 + 4, 6 + 2] = expected[6, 6] = 2 / 3
    np.testing.assert_allclose(accuracy, expected)


def test_the_shift_map_against_rolls(images):
    """Each entry is the accuracy on images rolled that way with black borders; the middle is the images' own."""
    labels = np.array([0, 1, 1, 0])
    accuracy = shift_map(pixel_is_lit, images, labels, reach=3)
    expected = [
        [np.mean(pixel_is_lit(rolled(images, down, right)) == labels) for right in range(-3, 4)]
        for down in range(-3, 4)
    ]
    np.testing.assert_array_equal(accuracy, expected)
    assert accuracy[3, 3] == np.mean(pixel_is_lit(images) == labels)
