"""The files of one run: which there are, whose they are, and when it is done."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fashion_compare.errors import UserError
from fashion_compare.store.files import (
    make_directory,
    parse_json,
    read_bytes,
    read_json,
    to_json,
    write_json,
    write_text,
)

_MAXIMUM_METRICS = 16 << 20
_NONE: Mapping[str, Any] = MappingProxyType({})
# What every epoch's line of metrics has.
_MEASURED = ("seconds", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "penalty")


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

    def claim(self, identity: dict[str, Any], neutral: Mapping[str, Any] = _NONE) -> None:
        """Take the directory for the run that `identity` defines, or find that it is this run's already.

        Args:
            identity: what defines the run, JSON-ready.
            neutral: setting → the value that a definition without it means.

        Raises:
            UserError: it holds a run that was defined otherwise, or it cannot be written.
        """
        if self.config.exists():
            self.verify(identity, neutral)
        else:
            make_directory(self.path, parents=True)
            write_json(self.config, identity | {"hash": identity_hash(identity)})

    def verify(self, identity: dict[str, Any], neutral: Mapping[str, Any] = _NONE) -> None:
        """Check that the directory is claimed by the run that `identity` defines; the arguments are those of `claim`.

        A definition that names a setting at its neutral value, or has an older format, defines the same run.

        Raises:
            UserError: it is not, or by a version that this one does not know.
        """
        stored = self._claimed()
        digest = identity_hash(identity)
        known, form = identity.get("format"), stored.get("format")
        if isinstance(known, int) and isinstance(form, int) and form > known:
            raise UserError(
                f"{self.path} was written by a newer version of fashion-compare (format {form}, this one knows "
                f"{known}); update fashion-compare, or choose another --out"
            )
        theirs, ours = _spelled_out(stored, neutral), _spelled_out(identity, neutral)
        # Edited, it may say something else under the same hash.
        edited = stored["hash"] != identity_hash({name: value for name, value in stored.items() if name != "hash"})
        if theirs != ours or edited:
            raise UserError(
                f"{self.path} holds another run (hash {stored['hash'][:12]}, this one {digest[:12]}: "
                f"{_difference(theirs, ours)}); choose another --out or name, or delete it"
            )

    def claimed_hash(self) -> str:
        """Return the hash of the run that claimed the directory.

        Raises:
            UserError: none did, or its definition is damaged.
        """
        return str(self._claimed()["hash"])

    def _claimed(self) -> dict[str, Any]:
        stored = read_json(self.config)
        if not isinstance(stored, dict) or not isinstance(stored.get("hash"), str):
            raise UserError(f"{self.config} is not a run's definition; delete {self.path} to train the run again")
        return stored

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """Write one JSON line per epoch."""
        write_text(self.metrics, "".join(to_json(line, indent=None) for line in history))

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the epochs so far; none when the run has not begun. A last line without its end is left out.

        Raises:
            UserError: it cannot be read, or a line is no epoch's.
        """
        if not self.metrics.exists():
            return []
        lines = read_bytes(self.metrics, maximum_bytes=_MAXIMUM_METRICS).split(b"\n")
        # Behind the last line's end there is nothing, or what was being copied or written when that was stopped.
        lines.pop()
        try:
            history = [_epoch(number, line) for number, line in enumerate(lines)]
        except ValueError as error:
            raise UserError(f"{self.metrics} is damaged ({error}); delete {self.path} to train it again") from error
        return history


def _epoch(number: int, text: bytes) -> dict[str, Any]:
    """Return what a line of metrics says of epoch `number`."""
    line = parse_json(text)
    if not isinstance(line, dict) or line.get("epoch") != number:
        raise ValueError(f"line {number + 1} is not epoch {number}'s")
    for name in _MEASURED:
        if isinstance(line.get(name), bool) or not isinstance(line.get(name), int | float):
            raise ValueError(f"line {number + 1} has no number as {name}")
    return line


def identity_hash(identity: dict[str, Any]) -> str:
    """Return the SHA-256 of what defines a run, independent of the order of its keys."""
    return hashlib.sha256(to_json(identity, indent=None).encode()).hexdigest()


def _spelled_out(definition: Mapping[str, Any], neutral: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with every setting named, whatever version wrote it."""
    plain = {name: value for name, value in definition.items() if name not in ("hash", "format")}
    if isinstance(plain.get("configuration"), dict):
        plain["configuration"] = {**neutral, **plain["configuration"]}
    return plain


def _difference(stored: Any, wanted: dict[str, Any], prefix: str = "") -> str:
    """Name the first setting in which two run definitions differ."""
    for key in sorted(set(wanted) | set(stored)):
        ours, theirs = wanted.get(key), stored.get(key)
        if ours != theirs:
            if isinstance(ours, dict) and isinstance(theirs, dict):
                return _difference(theirs, ours, f"{prefix}{key}.")
            return f"{prefix}{key} is {theirs!r} there, {ours!r} here"
    return "its definition was edited"
