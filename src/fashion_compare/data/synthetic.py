"""The embedded synthetic data: clothes drawn by code, for a first study where Fashion-MNIST cannot be had.

Every garment is a stack of spans: on each line of the image, cloth lies between two edges. Clothes and bags
are stacked from the collar down, shoes from the toe to the heel. The edges are polylines whose corners vary
from image to image, so no two images are the same.

The classes are Fashion-MNIST's, in its order, and as there some differ in details more than in outlines: a
shirt is a T-shirt, pullover or coat with a collar and buttons, more or less visible. Arithmetic and square
roots alone make the pixels: all machines round those alike, so a seed gives the same images on each.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Edge = float | FloatArray
# pick(low, high) is a random number between the two for each of k images, (k, 1, 1).
Pick = Callable[[float, float], FloatArray]
# A garment takes pick and the coordinates along (k, 28, 1) and across (k, 28, 28) its stack of spans; it
# returns images (k, 28, 28): 1 where there is plain cloth, 0 where there is none, other shades at details.
Garment = Callable[[Pick, FloatArray, FloatArray], FloatArray]

SIDE = 28
# Their float32 pixels take 100 kB: they stay in a core's cache, and below the 128 kB from which on the C
# library may fetch every array afresh from the system, which doubles the time.
_IMAGES_AT_ONCE = 32


def draw(images: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a shuffled data set with the ten classes as evenly filled as `images` allows.

    Args:
        images: how many to draw, n.
        seed: decides every pixel and the order; not negative.

    Returns:
        The images, (n, 28, 28) uint8, light garments on a background of 0; their classes, (n,) uint8.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(images) % len(_GARMENTS)).astype(np.uint8)
    drawn = np.empty((images, SIDE, SIDE), np.uint8)
    for label, garment in enumerate(_GARMENTS):
        places = np.flatnonzero(labels == label)
        for start in range(0, len(places), _IMAGES_AT_ONCE):
            some = places[start : start + _IMAGES_AT_ONCE]
            drawn[some] = _photograph(garment, len(some), rng)
    return drawn, labels


def _photograph(garment: Garment, k: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay `k` examples of a garment before the camera, cut from cloth of many shades and prints."""

    def pick(low: float, high: float) -> FloatArray:
        return low + (high - low) * rng.random((k, 1, 1), dtype=np.float32)

    # Coordinates of the garment, about -13 to 13: moved by up to two pixels, scaled, and sheared, which is
    # what a slight rotation looks like.
    pixel = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    line = pixel[:, None]
    along = (line + pick(-2, 2)) * pick(0.93, 1.1)  # (k, 28, 1)
    across = (pixel + (line * pick(-0.08, 0.08) + pick(-2, 2))) * pick(0.9, 1.08)  # (k, 28, 28)
    image = garment(pick, along, across)

    # One garment in four has broad stripes, one in six narrow ones the other way; two of those make checks.
    broad = (pick(0, 1) < 1 / 4) * pick(0.1, 0.5) * _stripes(along, pick(1.5, 4))
    narrow = (pick(0, 1) < 1 / 6) * pick(0.1, 0.4) * _stripes(pixel, pick(1.5, 3))
    image *= 240 * np.sqrt(pick(0.1, 1)) * (1 - broad) * (1 + pick(-0.015, 0.015) * line)
    image *= (1 - narrow) * (1 + pick(-0.015, 0.015) * pixel)
    grain = np.frombuffer(rng.bytes(image.size), np.int8).reshape(image.shape).astype(np.float32)
    grain *= pick(0.02, 0.2) / 128
    grain += 1
    image *= grain
    np.minimum(image, 255, out=image)
    return (image.swapaxes(1, 2) if garment in _SHOES else image).astype(np.uint8)


def _stripes(position: FloatArray, width: FloatArray) -> NDArray[np.bool_]:
    """Return which positions lie in every other stripe of a width."""
    striped: NDArray[np.bool_] = position / width % 2 < 1
    return striped


def _between(position: FloatArray, low: Edge, high: Edge) -> FloatArray:
    """Return how much of each pixel lies between two edges, 0 to 1: edges are soft, as in a photograph."""
    inside: FloatArray = np.minimum(position - low, high - position)
    inside += np.float32(0.5)
    np.clip(inside, 0, 1, out=inside)
    return inside


def _line(along: FloatArray, *corners: tuple[Edge, Edge]) -> FloatArray:
    """Return an edge: the polyline through corners (position, value), level beyond its ends."""
    value = np.zeros_like(along) + corners[0][1]
    for (start, before), (end, after) in pairwise(corners):
        value += (after - before) * np.clip((along - start) / (end - start), 0, 1)
    return value


def _top(pick: Pick, down: FloatArray, side: FloatArray, *, waist: FloatArray, bottom: Edge, cuff: Edge) -> FloatArray:
    """A body from -12 to `bottom` and two sleeves down to `cuff`: short ones stand out, long ones hang."""
    shoulder, hem = pick(6.5, 8.5), waist + pick(-0.5, 1)
    edge = _line(down, (-12, pick(3, 4)), (-10, shoulder), (-5, waist + 0.5), (2, waist), (bottom, hem))
    body = _between(side, -1, edge) * _between(down, -12, bottom)
    reach = pick(10.5, 13)
    outer = _line(down, (-11.5, 4), (-9, shoulder + 1.2), (cuff, reach))
    inner = _line(down, (-6.5, waist - 0.5), (cuff, reach - pick(2.5, 4.5)))
    sleeves = _between(side, inner, outer) * (_between(down, -11.5, cuff) * pick(0.8, 1))
    np.maximum(body, sleeves, out=body)
    return body


def _neck(down: FloatArray, side: FloatArray, width: Edge, depth: Edge) -> FloatArray:
    return _between(side, -1, _line(down, (-12, width), (depth - 12, -1)))


def _tshirt(pick: Pick, down: FloatArray, across: FloatArray) -> FloatArray:
    side = np.abs(across)
    cuff = np.where(pick(0, 1) < 0.08, pick(6, 11), pick(-6, 1))  # long sleeves are rare
    image = _top(pick, down, side, waist=pick(5.5, 8), bottom=pick(9, 12.5), cuff=cuff)
    image *= 1 - pick(0.2, 0.9) * _neck(down, side, pick(2, 4), pick(1.5, 4))
    picture = (pick(0, 1) < 0.3) * pick(-0.6, 0.4)
    image *= 1 + picture * _between(side, -1, pick(1, 4)) * _between(down, pick(-6, -3), pick(-2, 3))
    return image


def _pullover(pick: Pick, down: FloatArray, across: FloatArray) -> FloatArray:
    side = np.abs(across)
    image = _top(pick, down, side, waist=pick(5.5, 8.5), bottom=pick(9, 12.5), cuff=pick(6, 11))
    image *= 1 - pick(0, 0.7) * _neck(down, side, pick(1.5, 3.5), pick(1, 4))
    image *= 1 - pick(0, 0.4) * _between(down, pick(6.5, 8.5), 13)  # the ribbed hem
    return image


def _coat(pick: Pick, down: FloatArray, across: FloatArray) -> FloatArray:
    side = np.abs(across)
    image = _top(pick, down, side, waist=pick(5.5, 8.5), bottom=pick(10.5, 13), cuff=pick(6, 11))
    # A quarter show neither lapels nor front and could be pullovers: no model shall be perfect.
    shown = np.maximum(pick(-0.3, 1), 0)
    image *= 1 - pick(0.1, 0.7) * _neck(down, side, pick(1.5, 3.5), 1 + 8 * shown * pick(0, 1))
    front = np.abs(across - pick(-1.5, 1.5))
    image *= 1 - shown * pick(-0.2, 0.9) * _between(front, -1, pick(0.1, 0.6))
    return image


def _shirt(pick: Pick, down: FloatArray, across: FloatArray) -> FloatArray:
    side = np.abs(across)
    cuff = np.where(pick(0, 1) < 0.3, pick(-6, 1), pick(6, 11))
    image = _top(pick, down, side, waist=pick(5, 7.5), bottom=pick(10, 13), cuff=cuff)
    shown = np.maximum(pick(-0.3, 1), 0)  # collar and buttons together, as a coat's details
    tips = pick(2, 4) - 12
    collar = np.abs(side - _line(down, (-12, 0.5), (tips, pick(2.5, 4))))
    image *= 1 - shown * pick(0, 0.9) * _between(collar, -1, 0.4) * _between(down, -12, tips)
    buttons = shown * pick(-0.2, 0.9) * _stripes(down + pick(0, 3), pick(1.2, 1.9))
    image *= 1 - buttons * _between(np.abs(across - pick(-0.5, 0.5)), -1, 0.3)
    return image


def _dress(pick: Pick, down: FloatArray, across: FloatArray) -> FloatArray:
    side = np.abs(across)
    bottom, waist = pick(10, 13), pick(2.5, 5)
    straps, bust = (-13, pick(1.5, 3)), (-10, pick(3, 5))
    edge = _line(down, straps, bust, (pick(-4, -1), waist), (bottom, waist + pick(0, 5)))
    image = _between(side, -1, edge) * _between(down, -13, bottom)
    cuff = np.where(pick(0, 1) < 0.4, pick(-8, 6), -13)  # at -13 there are no sleeves
    outer = _line(down, (-12, 3), (cuff, waist + pick(2, 5)))
    sleeves = _between(side, outer - pick(1.5, 3), outer) * _between(down, -12, cuff)
    np.maximum(image, sleeves, out=image)
    image *= 1 - pick(0.2, 1) * _neck(down + 1, side, pick(1, 3), pick(1, 5))
    return image


def _trouser(pick: Pick, down: FloatArray, across: FloatArray) -> FloatArray:
    side = np.abs(across)
    bottom, waist = pick(10, 13), pick(3, 5)
    outer = _line(down, (-13, waist), (-8, waist + pick(0.2, 1.2)), (bottom, pick(3, 6)))
    gap = _line(down, (pick(-8, -3), -1), (bottom, pick(-0.5, 2.5)))
    return _between(side, gap, outer) * _between(down, -13, bottom)


def _bag(pick: Pick, down: FloatArray, across: FloatArray) -> FloatArray:
    side = np.abs(across)
    top, bottom, width = pick(-8, 0), pick(7, 11), pick(7, 12.5)
    edge = _line(down, (top, width - pick(0, 3)), (bottom, width))
    image = _between(side, -1, edge) * _between(down, top, bottom)
    arch = pick(3, 8) * np.sqrt(np.maximum(1 - ((down - top) / pick(1, 8)) ** 2, 0))
    handle = _between(side, arch - pick(0.8, 2), arch) * (pick(0.5, 1) * ((arch > 0) & (down < top + 1)))
    np.maximum(image, handle, out=image)
    flap = top + pick(1, 6)
    image *= 1 - pick(0, 0.5) * _between(down, flap, flap + 0.6)
    image *= 1 + pick(-0.5, 0.3) * _between(side, -1, pick(0.5, 2)) * _between(down, flap, flap + 2)
    return image


def _sandal(pick: Pick, along: FloatArray, height: FloatArray) -> FloatArray:
    ground, heel = pick(4, 7), np.maximum(pick(-6, 6), 0)
    sole = _line(along, (-4, ground), (8, ground - heel))
    image = _between(height, sole - pick(0, 1.5), sole + pick(0.5, 1.5)) * _between(along, -12.5, 11.5)
    upper = sole - _line(along, (-12, pick(1, 4)), (-3, pick(5, 7)), (3, pick(3, 8)), (11, pick(4, 9)))
    rim = _between(height, upper, upper + pick(0.3, 2)) * _between(along, pick(-10, 4), pick(6, 10))
    np.maximum(image, rim, out=image)
    for place in (pick(-9, -6), pick(-4, 1), pick(3, 8)):
        strap = np.abs(along + pick(-1, 1) * (height - sole) - place)
        strap = _between(strap, -1, np.maximum(pick(-4, 4), 0.2)) * _between(height, upper, sole)
        np.maximum(image, strap, out=image)
    block = _between(height, sole, ground + 1) * _between(along, pick(6, 9), 11.5)  # under the heel
    np.maximum(image, block, out=image)
    return image


def _sneaker(pick: Pick, along: FloatArray, height: FloatArray) -> FloatArray:
    top = pick(7.5, 12.5)
    ground, toe, tongue = 0.5 * top + pick(0, 1), pick(3, 4.5), (pick(-2, 1), top)
    opening, heel = (4, top - pick(0, 2)), (11, top)
    upper = _line(along, (-13, 1), (-12, toe), (-8, toe + 1), tongue, opening, heel, (12.5, 4))
    image = _between(height, ground - upper, ground) * _between(along, -12.5, 12)
    image *= 1 + pick(-0.5, 0.4) * _between(height, ground - pick(1, 2.5), ground + 1)  # the sole
    laces = _stripes(along, pick(0.9, 1.5)) * _between(along, pick(-8, -5), pick(-2, 3))
    image *= 1 - (pick(0, 0.7) * laces) * _between(height, -13, ground - pick(3, 5))
    return image


def _boot(pick: Pick, along: FloatArray, height: FloatArray) -> FloatArray:
    top, ankle = pick(9, 19), pick(-3, 2)
    ground, toe, instep = 0.5 * top + pick(0, 1), pick(3, 5), (ankle, pick(7, 9))
    upper = _line(along, (-13, 1), (-12, toe), (-8, toe + 1), instep, (ankle + pick(1.5, 4), top))
    image = _between(height, ground - upper, ground) * _between(along, -12.5, pick(9, 12))
    block = _between(height, ground, ground + np.maximum(pick(-1, 2.5), 0)) * _between(along, pick(3, 7), 11)
    np.maximum(image, block, out=image)
    image *= 1 + pick(-0.5, 0.4) * _between(height, ground - pick(0.5, 1.5), ground + 3)  # the sole
    return image


# A shoe's stack runs from left to right, and its spans down: the finished images are transposed.
_SHOES = (_sandal, _sneaker, _boot)
_GARMENTS = (_tshirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _boot)
