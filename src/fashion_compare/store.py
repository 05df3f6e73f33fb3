"""Write files so that a crash at any moment leaves either the old content or the new, never half of one."""

import hashlib
import io
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from fashion_compare.errors import UserError

_HEADER = "fashion_compare"
# What reading an archive that is none can end in: one that claims to be encrypted or packed in an unknown way raises a
# RuntimeError, one that claims to be larger than anything a MemoryError or OverflowError.
_NO_NPZ = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    MemoryError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, keep: Path | None = None) -> None:
    """Replace `path` by what `write` writes: same-directory temporary file, fsync, replace, fsync directory.

    What was there before goes to `keep`, if that is given; a crash in between leaves `keep` alone, and whole.

    Raises:
        UserError: the directory cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            if keep is not None and path.exists():
                path.replace(keep)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _fsync_directory(path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; check space and rights") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    write_atomically(path, lambda file: file.write(content))


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` atomically, as UTF-8."""
    write_bytes(path, content.encode())


def to_json(value: Any, *, indent: int | None = 1) -> str:
    """Return `value` as JSON with sorted keys; NaN and infinity are errors, for they are not JSON."""
    return json.dumps(value, indent=indent, sort_keys=True, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically as JSON, piece by piece: a large study's would fill the memory as one text."""

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n", write_through=False)
        json.dump(value, text, indent=1, sort_keys=True, allow_nan=False)
        text.write("\n")
        text.flush()
        # The file is the caller's to close.
        text.detach()

    write_atomically(path, write)


def read_json(path: Path, *, maximum_bytes: int = 64 << 20) -> Any:
    """Return the content of a JSON file.

    Raises:
        UserError: it cannot be read, is larger than `maximum_bytes`, or is not JSON.
    """
    try:
        if path.stat().st_size > maximum_bytes:
            raise UserError(f"{path} is larger than {maximum_bytes >> 20} MiB: not a file of this program")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it to have it made again") from error


def _fsync_directory(directory: Path) -> None:
    """Make a rename in `directory` durable; a system that cannot open directories (Windows) needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run; `result.json` is written last, so its presence means that the run is done."""

    path: Path

    @property
    def config(self) -> Path:
        """Everything that defines the run, with its hash."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """A JSON line per epoch."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The newest state, until the run is done."""
        return self.path / "checkpoint" / "state.safetensors"

    @property
    def previous_checkpoint(self) -> Path:
        """The state an epoch before the newest, should that be damaged."""
        return self.checkpoint.with_name("previous.safetensors")

    @property
    def weights(self) -> Path:
        """The last epoch's weights and, as `best.*`, those of the best epoch by validation."""
        return self.path / "weights.safetensors"

    @property
    def predictions(self) -> Path:
        """Labels and logits of the test and the validation set."""
        return self.path / "predictions.npz"

    @property
    def result(self) -> Path:
        """The run's entry of results.json."""
        return self.path / "result.json"

    @property
    def is_done(self) -> bool:
        """Whether the run ended and all its files are there."""
        return self.result.is_file()

    def remove_leftovers(self) -> None:
        """Remove what a killed process left half written; nobody else may be at work here."""
        for directory in (self.path, self.checkpoint.parent):
            for path in directory.glob(".*.tmp"):
                path.unlink(missing_ok=True)

    def claim(self, identity: dict[str, Any]) -> None:
        """Take the directory for the run that `identity` defines, or find that it is this run's already.

        Raises:
            UserError: it holds a run that was defined otherwise, or it cannot be written.
        """
        if self.config.exists():
            self.verify(identity)
        else:
            write_json(self.config, identity | {"hash": identity_hash(identity)})

    def verify(self, identity: dict[str, Any]) -> None:
        """Check that the directory is claimed by the run that `identity` defines.

        Raises:
            UserError: it is not.
        """
        digest, held = identity_hash(identity), self.claimed_hash()
        if held != digest:
            raise UserError(
                f"{self.path} holds another run (hash {held[:12]}, this one {digest[:12]}: "
                f"{_difference(read_json(self.config), identity)}); choose another --out or name, or delete it"
            )

    def claimed_hash(self) -> str:
        """Return the hash of the run that claimed the directory.

        Raises:
            UserError: none did, or its definition is damaged.
        """
        held = read_json(self.config)
        if not isinstance(held, dict) or not isinstance(held.get("hash"), str):
            raise UserError(f"{self.config} is not a run's definition; delete {self.path} to train the run again")
        return str(held["hash"])

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """Write one JSON line per epoch."""
        write_text(self.metrics, "".join(to_json(line, indent=None) for line in history))

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the epochs so far; none when the run has not begun."""
        try:
            content = self.metrics.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"cannot read {self.metrics}: {error.strerror}; check its rights") from error
        try:
            history = [json.loads(line) for line in content.splitlines()]
            if not all(isinstance(line, dict) for line in history):
                raise ValueError("a line is no epoch's")
        except ValueError as error:
            raise UserError(f"{self.metrics} is damaged ({error}); delete {self.path} to train it again") from error
        return history


def identity_hash(identity: dict[str, Any]) -> str:
    """Return the SHA-256 of what defines a run, independent of the order of its keys."""
    return hashlib.sha256(to_json(identity, indent=None).encode()).hexdigest()


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


def load_npz(path: Path, names: Iterable[str], *, advice: str = "delete its directory") -> dict[str, NDArray[Any]]:
    """Return the named arrays of an ``.npz`` file; nothing in it is ever executed. Errors end in `advice`.

    Raises:
        UserError: it cannot be read, is no ``.npz`` file, or lacks an array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _member(archive, f"{name}.npy") for name in names}
    except _NO_NPZ as error:
        raise UserError(f"{path} is not a whole .npz file ({error}); {advice}") from error


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _difference(held: Any, wanted: dict[str, Any], prefix: str = "") -> str:
    """Name the first setting in which two run definitions differ."""
    for key in sorted(set(wanted) | (set(held) - {"hash"})):
        ours, theirs = wanted.get(key), held.get(key)
        if ours != theirs:
            if isinstance(ours, dict) and isinstance(theirs, dict):
                return _difference(theirs, ours, f"{prefix}{key}.")
            return f"{prefix}{key} is {theirs!r} there, {ours!r} here"
    return "its definition was edited"
