"""Archives of arrays as bytes: good ones, and one that unpacks to more than memory should hold."""

import io
import zipfile

import numpy as np


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def huge_npz() -> bytes:
    """Return predictions that unpack to 3 GB, in 3 MB: zeros behind right headers."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape, kind, size in (
            ("labels", "(37500000,)", "<i8", 300_000_000),
            ("logits", "(37500000, 10)", "<f8", 3_000_000_000),
        ):
            header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
            with archive.open(f"{name}.npy", "w", force_zip64=True) as held:
                held.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
                for _ in range(size // 20_000_000):
                    held.write(bytes(20_000_000))
    return file.getvalue()
