"""Arrays as pictures within the page: PNG in data URIs."""

import base64
import io
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray


def image_uri(pixels: NDArray[np.uint8]) -> str:
    """Return an image dark on light, and never so dark that heat over it could not be seen."""
    grey = (255 - 0.6 * pixels).astype(np.uint8)
    return png_uri(np.repeat(grey[:, :, None], 3, axis=2))


def heat_uri(heat: NDArray[np.floating[Any]]) -> str:
    """Return attribution in -1 … 1 as a see-through layer: positive in orange, negative in blue."""
    layer = np.where(heat[..., None] >= 0, (214, 56, 20, 0), (31, 111, 180, 0)).astype(np.uint8)
    layer[..., 3] = np.round(255 * 0.9 * np.clip(np.abs(heat), 0, 1))
    return png_uri(layer)


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Return (height, width) grey levels, or (height, width, 3 or 4) colours, as a PNG in a data URI."""
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
