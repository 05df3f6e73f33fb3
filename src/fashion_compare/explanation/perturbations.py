"""How a network's answers change when the images do: shifted, turned, scaled, noisy, blurred, fainter, covered.

A probe changes images by one amount after another. An amount has a variant for each direction, place or draw, and an
image counts by the share of them that is answered right: no direction is favoured, and there is one number an image, as
intervals by resampling images need it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fashion_compare.classifier.interface import Images, Labels

Answers = Callable[[Images], Labels]


@dataclass(frozen=True)
class Perturbation:
    """One way to change images.

    Attributes:
        name: what is done to them.
        unit: of the amounts.
        amounts: in the order in which a curve goes through them.
        unchanged: the one of the amounts that leaves images as they are.
        change: from (n, height, width) images and any other amount to the variants, of the same shape, background 0.
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    unchanged: float
    change: Callable[[Images, float], Iterator[Images]]

    def variants(self, images: Images, amount: float) -> Iterator[Images]:
        """Yield the changed images, a variant at a time; for the unchanged amount once the images themselves."""
        if amount == self.unchanged:
            yield images
        else:
            yield from self.change(images, amount)


def accuracy_under(answers: Answers, images: Images, labels: Labels, perturbation: Perturbation) -> NDArray[np.float32]:
    """Return the share of variants that is answered right, for each amount and image.

    Args:
        answers: from (n, 28, 28) uint8 images to the (n,) classes that a network gives them.
        images: (n, 28, 28) uint8.
        labels: (n,) the right classes.
        perturbation: what is done to the images.

    Returns:
        (amounts, n), from 0 to 1. The mean over images is the accuracy at that amount.
    """
    return np.stack(
        [
            np.mean([answers(variant) == labels for variant in perturbation.variants(images, amount)], axis=0)
            for amount in perturbation.amounts
        ]
    ).astype(np.float32)


def shift_map(answers: Answers, images: Images, labels: Labels, reach: int = 6) -> NDArray[np.float64]:
    """Return the accuracy on images shifted by each (down, right) of -reach … reach pixels.

    Returns:
        (2·reach + 1, 2·reach + 1), rows from up to down, columns from left to right; the middle is unchanged.
    """
    steps = range(-reach, reach + 1)
    return np.array([[np.mean(answers(_shifted(images, down, right)) == labels) for right in steps] for down in steps])


def _shifted(images: Images, down: int, right: int) -> Images:
    height, width = images.shape[1:]
    reach = max(abs(down), abs(right))
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)))
    top, left = reach - down, reach - right
    return np.ascontiguousarray(padded[:, top : top + height, left : left + width])


def _mapped(images: Images, matrix: NDArray[np.float64]) -> Images:
    """Give each pixel the value at `matrix` times its place, both seen from the image's centre, bilinearly.

    The images go on in black beyond their rims ("grid-constant"), so that a rim fades into it like any other edge;
    scipy's plain "constant" is black from the outermost pixels' centres on, which rounding errors may put anywhere.
    """
    among_images = np.eye(3)
    among_images[1:, 1:] = matrix
    centre = (np.array(images.shape) - 1) / 2
    mapped: Images = ndimage.affine_transform(
        images, among_images, centre - among_images @ centre, order=1, mode="grid-constant"
    )
    return mapped


def _shift(images: Images, amount: float) -> Iterator[Images]:
    """Go that many pixels in each of eight directions; a diagonal goes as many down or up and as many sideways."""
    pixels = int(amount)
    for down, right in product((-pixels, 0, pixels), repeat=2):
        if down or right:
            yield _shifted(images, down, right)


def _rotation(images: Images, amount: float) -> Iterator[Images]:
    """Turn anticlockwise, then clockwise."""
    for angle in (np.radians(amount), -np.radians(amount)):
        yield _mapped(images, np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]))


def _scale(images: Images, amount: float) -> Iterator[Images]:
    yield _mapped(images, np.eye(2) / amount)


def _noise(images: Images, amount: float) -> Iterator[Images]:
    """Add two draws of noise, independent between amounts.

    The seeds are fixed so that every network sees the same noise; that of an image depends on its position alone, not
    on how many images follow.
    """
    for draw in range(2):
        noise = np.random.default_rng([draw, int(amount)]).normal(0, amount, images.shape)
        yield np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def _blur(images: Images, amount: float) -> Iterator[Images]:
    # In float32, for scipy would cut to whole grey levels after each axis.
    blurred = ndimage.gaussian_filter(images, (0, amount, amount), output=np.float32, mode="constant")
    yield np.rint(blurred).astype(np.uint8)


def _contrast(images: Images, amount: float) -> Iterator[Images]:
    yield np.rint(images * amount).astype(np.uint8)


def _occlusion(images: Images, amount: float) -> Iterator[Images]:
    """Cover a square in the middle of each ninth of the image, moved inwards where it would stick out."""
    side = int(amount)
    starts = [
        np.clip(np.rint((np.arange(3) + 0.5) * length / 3 - side / 2), 0, length - side).astype(int)
        for length in images.shape[1:]
    ]
    for top, left in product(*starts):
        covered = images.copy()
        covered[:, top : top + side, left : left + side] = 0
        yield covered


PERTURBATIONS = (
    Perturbation("shift", "pixels", (0, 1, 2, 3, 4, 5, 6), 0, _shift),
    Perturbation("rotation", "degrees", (0, 5, 10, 15, 20, 30, 45, 60, 90), 0, _rotation),
    Perturbation("scale", "factor", (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5), 1, _scale),
    Perturbation("noise", "grey levels (standard deviation)", (0, 8, 16, 32, 64, 96), 0, _noise),
    Perturbation("blur", "pixels (standard deviation)", (0, 0.5, 1, 1.5, 2, 3), 0, _blur),
    Perturbation("contrast", "factor", (1, 0.8, 0.6, 0.4, 0.2, 0.1), 1, _contrast),
    Perturbation("occlusion", "pixels (side of the square)", (0, 4, 8, 12, 16), 0, _occlusion),
)
