"""What the images and labels say about themselves, before any model: class balance, copies, near copies.

A test image that the training set holds too, or all but holds, measures memory and not generalisation. And where two
images that are all but equal carry different labels, no model can be right about both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.linalg import eigh

from fashion_compare.data.dataset import Dataset
from fashion_compare.json_record import JsonRecord

Images = NDArray[np.uint8]
Move = tuple[int, int]

# Grey levels, 3% of their range. Between different garments of Fashion-MNIST, the number of test images with a
# neighbour closer than d grows as d to the sixth: 41 are closer than 12, 171 than 15, 966 than 20. Carried on below,
# that leaves 3 closer than 8, and there are 12: most of those are the same product once more.
NEAR = 8.0

_AXES = 48
_IMAGES_FOR_AXES = 10_000


@dataclass(frozen=True)
class DuplicatePair:
    """An image that repeats an earlier one, in the order train, validation, test.

    Attributes:
        parts: of the earlier image and of the one that repeats it.
        indices: of both, each within its part.
        labels: of both.
        mirrored: whether the second is the first with left and right exchanged, rather than the first itself.
    """

    parts: tuple[str, str]
    indices: tuple[int, int]
    labels: tuple[int, int]
    mirrored: bool


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For each image of a part, in its order, the nearest image that may be trained on.

    Attributes:
        part: (n,) "train" or "validation", where the neighbour is.
        index: (n,) int64, of the neighbour within that part.
        shift: (n, 2) int64, pixels down and to the right by which the neighbour has to move to lie on the image.
        distance: (n,) float64, root mean square difference per pixel in grey levels, 0 … 255.
        labels_agree: (n,) bool, whether image and neighbour have the same label.
    """

    part: NDArray[np.str_]
    index: NDArray[np.int64]
    shift: NDArray[np.int64]
    distance: NDArray[np.float64]
    labels_agree: NDArray[np.bool_]


class NearSummary(JsonRecord):
    """How many images of a split have a near neighbour among those that may be trained on."""

    images: int
    threshold: Annotated[float, Field(description="root mean square difference a pixel, in grey levels")]
    near: int
    share_near: float
    labels_differ: int
    share_differing: Annotated[float | None, Field(description="of those near; None where none is")]
    median_distance: Annotated[float, Field(description="of all images")]


def class_counts(dataset: Dataset) -> dict[str, list[int]]:
    """Return how many images of each class, index is the label, each part has."""
    classes = len(dataset.class_names)
    return {part: np.bincount(labels, minlength=classes).tolist() for part, (_, labels) in _parts(dataset).items()}


def duplicates(dataset: Dataset) -> list[DuplicatePair]:
    """Return the images of all parts that repeat an earlier one, to the last grey level, plain or mirrored.

    An image is paired with the first of those it equals, and with the first of those it mirrors, so k equal images make
    k - 1 pairs. Since training images come first, a test image that any of them equals is paired with one of them. An
    image that is its own mirror counts as equal only.
    """
    found = []
    # Keys are the pixels themselves: looked up by their hash, and compared byte by byte where hashes agree.
    first: dict[bytes, tuple[str, int, int]] = {}
    for part, (images, labels) in _parts(dataset).items():
        for index, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
            plain, mirror = image.tobytes(), image[:, ::-1].tobytes()
            for pixels, mirrored in ((plain, False), (mirror, True)):
                if pixels in first and not (mirrored and mirror == plain):
                    other, where, its_label = first[pixels]
                    found.append(DuplicatePair((other, part), (where, index), (its_label, label), mirrored))
            first.setdefault(plain, (part, index, label))
    return found


def near_neighbours(
    dataset: Dataset, *, part: Literal["test", "validation"] = "test", shift: int = 2, candidates: int = 100
) -> Neighbours:
    """Return the nearest training or validation image of each test image, where one of the two may move a little.

    The distance is the root mean square over all pixels of the frame, after the image or its neighbour moved by at most
    `shift` pixels down or up and right or left, whichever fits best; what leaves the frame is gone, zeros move in.

    Distances are exact, but computed for `candidates` images alone: those whose middle, without a rim as wide as
    `shift`, is nearest to a part of the image in 48 principal components. Of 200 test images of Fashion-MNIST, 197 have
    the nearest of all 60,000 images among their 100 candidates, the other three one at most 1.1 grey levels further
    away; and of 400 copies moved by up to two pixels, all are found. Half a minute on one thread.

    Args:
        dataset: the images.
        part: "validation" looks for the validation images' neighbours, in the training images alone. They were drawn
            from the same 60,000, so this is what distances look like between images of one set.
        shift: pixels, at most; less than half the frame.
        candidates: images for which distances are computed.
    """
    parts = _parts(dataset)
    images, labels = parts[part]
    others = ("train",) if part == "validation" else ("train", "validation")
    known = np.concatenate([parts[other][0] for other in others])
    known_labels = np.concatenate([parts[other][1] for other in others])
    chosen = _prefilter(images, known, shift, min(candidates, len(known)))
    index, moves, distance = _nearest(images, known, chosen, shift)
    trained = len(dataset.train_images)
    return Neighbours(
        part=np.where(index < trained, "train", "validation"),
        index=np.where(index < trained, index, index - trained),
        shift=moves,
        distance=distance,
        labels_agree=known_labels[index] == labels,
    )


def near_summary(found: Neighbours, threshold: float = NEAR) -> NearSummary:
    """Return how many images have a neighbour closer than `threshold`, and another label than it.

    Args:
        found: from `near_neighbours`.
        threshold: grey levels; see `NEAR`.
    """
    near = found.distance < threshold
    differ = int((near & ~found.labels_agree).sum())
    return NearSummary(
        images=len(near),
        threshold=threshold,
        near=int(near.sum()),
        share_near=float(near.mean()),
        labels_differ=differ,
        share_differing=differ / int(near.sum()) if near.any() else None,
        median_distance=float(np.median(found.distance)),
    )


def _parts(dataset: Dataset) -> dict[str, tuple[Images, NDArray[np.int64]]]:
    return {
        "train": (dataset.train_images, dataset.train_labels),
        "validation": (dataset.validation_images, dataset.validation_labels),
        "test": (dataset.test_images, dataset.test_labels),
    }


def _moves(most: int) -> list[Move]:
    """Return all (down, right) of at most so many pixels, the shortest first: none wins ties against any."""
    steps = range(-most, most + 1)
    return sorted(((down, right) for down in steps for right in steps), key=lambda move: move[0] ** 2 + move[1] ** 2)


def _moved(images: Images, move: Move) -> Images:
    """Return (n, height, width) images moved (down, right): what leaves the frame is gone, zeros move in."""
    moved = np.zeros_like(images)
    (to_rows, from_rows), (to_columns, from_columns) = (
        (slice(max(step, 0), size + min(step, 0)), slice(max(-step, 0), size + min(-step, 0)))
        for step, size in zip(move, images.shape[1:], strict=True)
    )
    moved[:, to_rows, to_columns] = images[:, from_rows, from_columns]
    return moved


def _window(images: Images, rim: int, move: Move) -> Images:
    """Return (n, height - 2·rim, width - 2·rim), the middles of the images or what lies (down, right) of them."""
    height, width = images.shape[1:]
    down, right = move
    return images[:, rim + down : height - rim + down, rim + right : width - rim + right]


def _prefilter(images: Images, known: Images, shift: int, count: int) -> NDArray[np.int64]:
    """Return (n, count), sorted, the known images whose middles look most like a part of each image.

    The middle is what no move takes out of the frame, so a copy that moved has exactly such a part, whichever of the
    two lost its rim. Compared in principal components, |x|² - 2·x·y + |y|² from one matrix product: x and y carry their
    squares as further components.
    """
    middles = _flat(_window(known, shift, (0, 0)))
    sample = middles[:: max(1, len(known) // _IMAGES_FOR_AXES)].astype(np.float32)
    sample -= sample.mean(axis=0)
    pixels = sample.shape[1]
    _, axes = eigh(sample.T @ sample, subset_by_index=[max(pixels - _AXES, 0), pixels - 1])
    y = np.concatenate([middles[block].astype(np.float32) @ axes for block in _blocks(len(known), 1000)])
    y = np.column_stack([y, np.square(y).sum(axis=1), np.ones(len(y), np.float32)])
    moves = _moves(shift)
    chosen = np.empty((len(images), count), np.int64)
    for chunk in _blocks(len(images), 50):
        x = np.concatenate([_flat(_window(images[chunk], shift, move)) for move in moves]).astype(np.float32) @ axes
        x = np.column_stack([-2 * x, np.ones(len(x), np.float32), np.square(x).sum(axis=1)])
        squared = np.empty((len(images[chunk]), len(known)), np.float32)
        # A block's products, for all moves, still are in the cache when their minimum is taken.
        for block in _blocks(len(known), 1000):
            squared[:, block] = (x @ y[block].T).reshape(len(moves), len(squared), -1).min(axis=0)
        chosen[chunk] = np.sort(np.argpartition(squared, count - 1, axis=1)[:, :count], axis=1)
    return chosen


def _nearest(
    images: Images, known: Images, chosen: NDArray[np.int64], shift: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the nearest of the `chosen` (n, count) known images: its index, its move, its distance.

    float64, in which the sums of squared grey levels are exact: copies have distance 0, and ties are ties.
    """
    moves = _moves(shift)
    # (moves, pixels), 0 where a pixel of the known image leaves the frame as it moves the other way.
    stays = _flat(np.concatenate([_moved(np.ones_like(known[:1]), move) for move in moves])).astype(np.float64)
    best, distance = np.empty((2, len(images)), np.int64), np.empty(len(images))
    for chunk in _blocks(len(images), 50):
        # (chunk, moves, pixels), no move being the first, and (chunk, count, pixels).
        x = np.stack([_flat(_moved(images[chunk], move)) for move in moves], axis=1).astype(np.float64)
        y = _flat(known[chosen[chunk].ravel()]).reshape(*chosen[chunk].shape, -1).astype(np.float64)
        xx, yy = np.square(x).sum(axis=2), np.square(y)
        # Moving y the other way instead lays the same pixels on each other, so x·y is the same; but it is y that loses
        # what leaves the frame, and x stays whole.
        x_moves = xx[:, None, :] + yy.sum(axis=2, keepdims=True)
        y_moves = xx[:, None, :1] + yy @ stays.T
        squared = (np.minimum(x_moves, y_moves) - 2 * y @ x.transpose(0, 2, 1)).reshape(len(x), -1)
        place = squared.argmin(axis=1)
        best[:, chunk] = np.divmod(place, len(moves))
        distance[chunk] = np.sqrt(squared[np.arange(len(x)), place] / x.shape[2])
    return chosen[np.arange(len(images)), best[0]], -np.array(moves)[best[1]], distance


def _flat(images: Images) -> Images:
    return images.reshape(len(images), -1)


def _blocks(count: int, size: int) -> Iterable[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
