"""Any picture as an image of the data set's kind: 28×28 grey, a bright garment on black."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fashion_compare.errors import UserError
from fashion_compare.store import check_file

_SIZE = 28
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
_MAXIMUM_BYTES = 64 << 20


def read_picture(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """Return the picture as (28, 28) uint8, its longer side fitted, and whether its greys were inverted.

    Fashion-MNIST shows bright garments on black. A picture whose rim is brighter than its middle has it the other way
    round, as photographs on white have, and is inverted.

    Raises:
        UserError: it cannot be read, or is no picture.
    """
    try:
        check_file(path, maximum_bytes=_MAXIMUM_BYTES, advice=f"expected a picture: {', '.join(_FORMATS)}")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                flat = _eight_bits(ImageOps.exif_transpose(picture)).convert("RGBA")
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is no picture that can be read; expected {', '.join(_FORMATS)}") from error
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning, ValueError, SyntaxError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot read picture {path}: {reason}; expected {', '.join(_FORMATS)}") from error
    if min(flat.size) * _SIZE < max(flat.size):
        raise UserError(f"{path} is too narrow ({flat.width}×{flat.height}); expected a picture of one garment, whole")
    # What is transparent counts as white paper.
    paper = Image.new("RGBA", flat.size, "white")
    grey = Image.alpha_composite(paper, flat).convert("L")
    pixels = np.asarray(grey)
    # The median: a garment may reach the rim.
    rim = float(np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])))
    inverted = bool(rim > pixels.mean())
    grey = ImageOps.invert(grey) if inverted else grey
    background = round(255 - rim if inverted else rim)
    fitted = ImageOps.pad(grey, (_SIZE, _SIZE), method=Image.Resampling.BOX, color=background)
    return np.asarray(fitted, np.uint8), inverted


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return a picture of 16 bits a pixel, as scanners write, with 8; any other as it is. Pillow would cut it off."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture).astype(np.uint32) // 257).clip(0, 255).astype(np.uint8))
