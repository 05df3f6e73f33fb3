"""Arrays in files, without pickle: safetensors with a checksum for what is gone on from, npz for what is looked at."""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from fashion_compare.errors import UserError
from fashion_compare.store.files import check_file, to_json, write_atomically

_HEADER = "fashion_compare"
_MAXIMUM_BYTES = 2 << 30


def save_arrays(
    path: Path, arrays: dict[str, NDArray[Any]], metadata: dict[str, str] | None = None, *, keep: Path | None = None
) -> None:
    """Write named arrays and text to a safetensors file with a checksum, atomically; what was there goes to `keep`."""
    # The format stores memory as it lies, so a transposed view would be read back as another array.
    stored = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    text = metadata or {}
    # One entry that holds all of them: several come out in an order that changes from process to process.
    header = {_HEADER: to_json({"text": text, "sha256": _checksum(stored, text)}, indent=None)}
    content = safetensors.numpy.save(stored, header)
    write_atomically(path, lambda file: file.write(content), keep=keep)


def load_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays and the text of a safetensors file.

    Raises:
        UserError: it cannot be read, is no safetensors file, or its content is not what was written.
    """
    check_file(path, maximum_bytes=_MAXIMUM_BYTES, advice="delete its directory to train the run again")
    try:
        with safetensors.safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = json.loads((file.metadata() or {})[_HEADER])
            text, checksum = dict(header["text"]), header["sha256"]
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error}); delete its directory to train the run again") from error
    if checksum != _checksum(arrays, text):
        raise UserError(f"{path} is damaged: its checksum is wrong; delete its directory to train the run again")
    return arrays, text


def _checksum(arrays: dict[str, NDArray[Any]], text: dict[str, str]) -> str:
    """Return the SHA-256 of names, types, shapes and values, and of the text beside them."""
    digest = hashlib.sha256(to_json(text).encode())
    for name, value in sorted(arrays.items()):
        digest.update(f"{name} {value.dtype.str} {value.shape} ".encode())
        digest.update(np.ascontiguousarray(value).view(np.uint8).reshape(-1).data)
    return digest.hexdigest()


def load_npz(
    path: Path,
    names: Iterable[str],
    *,
    advice: str = "delete its directory",
    maximum_bytes: int = 256 << 20,
) -> dict[str, NDArray[Any]]:
    """Return the named arrays of an ``.npz`` file; nothing in it is ever executed. Errors end in `advice`.

    Raises:
        UserError: it cannot be read, is no ``.npz`` file, lacks an array, or packed or unpacked has more than
            `maximum_bytes`.
    """
    check_file(path, maximum_bytes=maximum_bytes, advice=advice)
    members = [f"{name}.npy" for name in names]
    try:
        with zipfile.ZipFile(path) as archive:
            # What an archive says of itself is what is unpacked at most.
            if sum(archive.getinfo(member).file_size for member in members) > maximum_bytes:
                raise ValueError(f"unpacked it is larger than {maximum_bytes >> 20} MiB")
            return {member.removesuffix(".npy"): _member(archive, member) for member in members}
    except Exception as error:
        # zipfile and NumPy's reader of headers end in a dozen kinds of errors, tokenize's among them.
        raise UserError(f"{path} is not a whole .npz file ({error}); {advice}") from error


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
