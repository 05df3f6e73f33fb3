"""Any picture as an image of the data set's kind: 28×28 grey, a bright garment on black."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fashion_compare.errors import UserError
from fashion_compare.store import check_file

_SIZE = 28
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
_MAXIMUM_BYTES = 64 << 20
# Of a picture's pixels; rounded corners are less.
OUTLINED_SHARE = 0.05
# Of 255. Dimmed to that, 2,000 test images were all given one class, by both networks of a short study.
LEAST_CONTRAST = 16


def read_picture(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """Return the picture as (28, 28) uint8, its longer side fitted, and whether its greys were inverted.

    Fashion-MNIST shows bright garments on black. A picture whose rim is brighter than its middle has it the other way
    round, as photographs on white have, and is inverted. Of a picture that is transparent around the garment, the
    outline is the garment's, which is inverted if it is dark.

    Raises:
        UserError: it cannot be read, is no picture, or shows nothing.
    """
    picture = _opened(path)
    if min(picture.size) * _SIZE < max(picture.size):
        size = f"{picture.width}×{picture.height}"
        raise UserError(f"{path} is too narrow ({size}); expected a picture of one garment, whole")
    grey, background = _on_ground(picture)
    inverted = bool(background > np.asarray(grey).mean())
    if inverted:
        grey, background = ImageOps.invert(grey), 255 - background
    fitted = ImageOps.pad(grey, (_SIZE, _SIZE), method=Image.Resampling.BOX, color=background)
    pixels = np.asarray(fitted, np.uint8)
    contrast = np.ptp(pixels)
    if contrast < LEAST_CONTRAST:
        raise UserError(
            f"{path} has no contrast: at 28×28 pixels its greys differ by {contrast} of 255; expected a garment that "
            f"differs from its background by {LEAST_CONTRAST} or more"
        )
    return pixels, inverted


def _opened(path: Path) -> Image.Image:
    """Return the picture upright, in colours and with how opaque it is."""
    try:
        check_file(path, maximum_bytes=_MAXIMUM_BYTES, advice=f"expected a picture: {', '.join(_FORMATS)}")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                return _eight_bits(ImageOps.exif_transpose(picture)).convert("RGBA")
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is no picture that can be read; expected {', '.join(_FORMATS)}") from error
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning, ValueError, SyntaxError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot read picture {path}: {reason}; expected {', '.join(_FORMATS)}") from error


def _on_ground(picture: Image.Image) -> tuple[Image.Image, int]:
    """Return the picture in grey, with a ground behind what is transparent, and the grey of its background."""
    alpha = np.asarray(picture.getchannel("A"))
    transparent = alpha < alpha.max() / 2
    if transparent.mean() >= OUTLINED_SHARE:
        # White behind a dark garment, black behind a bright one: the outline is seen whatever the garment's grey.
        on_black = _laid_on(picture, 0)
        bright = 2 * np.asarray(on_black).mean() > alpha.mean()
        return (on_black, 0) if bright else (_laid_on(picture, 255), 255)
    # The median: a garment may reach the rim.
    rim = _rim(np.asarray(picture.convert("L")))[~_rim(transparent)]
    grey = _laid_on(picture, round(float(np.median(rim))) if rim.size else 255)
    return grey, round(float(np.median(_rim(np.asarray(grey)))))


def _laid_on(picture: Image.Image, ground: int) -> Image.Image:
    paper = Image.new("RGBA", picture.size, (ground, ground, ground, 255))
    return Image.alpha_composite(paper, picture).convert("L")


def _rim(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return a picture of 16 bits a pixel, as scanners write, with 8; any other as it is. Pillow would cut it off."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture).astype(np.uint32) // 257).clip(0, 255).astype(np.uint8))
