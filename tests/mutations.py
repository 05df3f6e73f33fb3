"""Damage valid files of every format that is read, by the hundred thousand: each is read, or refused in one line.

    python -m tests.mutations 100000      that many, shared among the formats; prints what came of them
    python -m tests.mutations --guided idx -runs=100000    by atheris (pip install atheris), guided by coverage

A mutation that raises anything but the user's error, takes more than a second of the processor's time or grows the
process by more than 120 MB is a defect, and the program ends with the bytes that show it.
"""

import gzip
import io
import json
import random
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from fashion_compare.data.idx import read_idx
from fashion_compare.errors import UserError
from fashion_compare.evaluation.prediction_files import read_external
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.store import RunDirectory, load_arrays, read_json, save_arrays
from fashion_compare.study.spec import load_study, study_text

SECONDS, MEGABYTES = 1.0, 120
_EDGES = (0, 1, 0x7F, 0x80, 0xFF)
_WIDE = (0, 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_TOKENS = {
    "yaml": (b"&a ", b"*a", b"!!python/object:os ", b"<<: ", b"? ", b"- ", b": ", b"{", b"[", b"|", b"%YAML 9.9\n",
             b"---\n", b".inf", b".nan", b"0x", b"1e999", b"null", b"true", b"~", b"'", b'"', b"\t", b"2001-01-01",
             b"!!binary ", b"010", b"1:30", b"1_0", b"1e-3", b"no", b"="),
    "json": (b"NaN", b"1e999", b"-", b"{", b"[", b"]", b"}", b",", b"null", b"true", b'"', b"\\ud800",
             b"9" * 5000, b"\n"),
    "none": (b"\0", b"\xff" * 4),
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A kind of file: a valid one, what reads it, the words it knows, and how damaged content is packed again."""

    name: str
    valid: bytes
    read: Callable[[Path], object]
    tokens: tuple[bytes, ...] = _TOKENS["none"]
    pack: Callable[[bytes], bytes] = lambda content: content


@dataclass
class Tally:
    """What came of the mutations of one format."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


def formats(directory: Path) -> list[Format]:
    """Return every format; `directory` is for files that only their writers make."""
    generator = np.random.default_rng(0)
    idx = bytes([0, 0, 8, 3]) + struct.pack(">3I", 5, 28, 28) + generator.bytes(5 * 784)
    save_arrays(directory / "a", {"w": generator.normal(size=(3, 4)), "n": np.arange(5)}, {"hash": "x"})
    safetensors = (directory / "a").read_bytes()
    labels, logits = np.arange(6) % 3, generator.normal(size=(6, 3)).astype(np.float32)
    parts = {f"{part}{kind}": array for part in ("", "validation_", "train_")
             for kind, array in (("labels", labels), ("logits", logits))}  # fmt: skip
    losses = {f"{part}_{what}": 0.5 for part in ("train", "validation") for what in ("loss", "accuracy")}
    lines = [json.dumps({"epoch": e, "objective": None, "seconds": 1.5, "penalty": 0.0, **losses}) for e in range(4)]
    npy = _npy(logits)
    csv = "label,logit_a,logit_b\n" + "".join(f"{i % 2},{i / 3},-1e-3\n" for i in range(5))

    def images(path: Path) -> object:
        return read_idx(path, (28, 28), 60_000)

    def metrics(path: Path) -> object:
        return RunDirectory(path.parent).read_metrics()

    return [
        Format("idx", idx, images),
        Format("gzip", gzip.compress(idx, mtime=0), images),
        Format("idx in gzip", idx, images, pack=lambda content: gzip.compress(content, mtime=0)),
        Format("yaml", study_text("full").encode(), lambda path: load_study(str(path)), _TOKENS["yaml"]),
        Format("small yaml", study_text("quick").encode(), lambda path: load_study(str(path)), _TOKENS["yaml"]),
        Format("npz", _npz(**{name: _npy(array) for name, array in parts.items()}), load_predictions),
        Format("npy in npz", npy, read_external, pack=lambda content: _npz(labels=_npy(labels), logits=content)),
        Format("safetensors", safetensors, load_arrays),
        Format("safetensors' header", safetensors[8:], load_arrays, _TOKENS["json"],
               lambda content: _lengthened(content, safetensors)),
        Format("metrics", "".join(f"{line}\n" for line in lines).encode(), metrics, _TOKENS["json"]),
        Format("json", json.dumps({"hash": "x", "data": parts.keys().__repr__(), "n": [1.5, None]}).encode(), read_json,
               _TOKENS["json"]),
        Format("csv", csv.encode(), read_external,
               (b",", b";", b"\t", b'"', b"\n", b"nan", b"1e999", b"\0", b"9" * 30)),
    ]  # fmt: skip


_SUFFIX = {"yaml": "study.yaml", "small yaml": "study.yaml", "metrics": "metrics.jsonl", "csv": "a.csv"}


def path_for(kind: Format, directory: Path) -> Path:
    """Return a name under which a file of that kind is read."""
    return directory / _SUFFIX.get(kind.name, "a.npz")


def mutated(content: bytes, dice: random.Random, tokens: tuple[bytes, ...]) -> bytes:
    """Return the content with one to six changes: bits, bytes, numbers, pieces and words."""
    held = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        place = dice.randrange(len(held) + 1)
        piece = held[place : place + dice.randrange(1, 64)]
        match dice.randrange(9):
            case 0 if piece:
                held[place] ^= 1 << dice.randrange(8)
            case 1 if piece:
                held[place] = dice.choice(_EDGES)
            case 2:
                width, order = dice.choice(((2, "H"), (4, "I"), (8, "Q")))
                number = dice.choice(_WIDE) % 2 ** (8 * width)
                held[place : place + width] = struct.pack(dice.choice("<>") + order, number)
            case 3:
                held[place:place] = dice.randbytes(dice.randrange(1, 9))
            case 4:
                held[place:place] = piece * dice.randrange(1, 20)
            case 5:
                del held[place : place + len(piece)]
            case 6 if dice.random() < 0.3:
                del held[place:]
            case 7:
                held[place : place + dice.choice((0, len(piece)))] = dice.choice(tokens)
            case _:
                other = dice.randrange(len(held) + 1)
                held[other : other + len(piece)] = piece
    return bytes(held)


def outcome(kind: Format, content: bytes, path: Path) -> tuple[str, float]:
    """Return whether the content is read or refused, and the processor's seconds that it took.

    Raises:
        Exception: whatever is no user's error.
    """
    path.write_bytes(content)
    began = time.process_time()
    try:
        kind.read(path)
    except UserError:
        return "refused", time.process_time() - began
    return "read", time.process_time() - began


def mutate(kind: Format, count: int, directory: Path, seed: int = 0) -> Tally:
    """Read so many mutations of a format.

    Raises:
        AssertionError: one was not refused as it should be; the message holds its bytes.
    """
    dice = random.Random(f"{kind.name} {seed}")  # noqa: S311 - the same mutations again, not secrets
    path, tally = path_for(kind, directory), Tally()
    memory = psutil.Process().memory_info().rss
    for number in range(count):
        content = kind.pack(mutated(kind.valid, dice, kind.tokens))
        try:
            came, seconds = outcome(kind, content, path)
        except Exception as error:
            raise AssertionError(
                f"{kind.name}, mutation {number}: {type(error).__name__}: {error}\n{content!r}"
            ) from error
        assert seconds < SECONDS, f"{kind.name}, mutation {number}: {seconds:.1f} s\n{content!r}"
        grown = (psutil.Process().memory_info().rss - memory) >> 20
        assert grown < MEGABYTES, f"{kind.name}, mutation {number}: {grown} MB\n{content!r}"
        tally.outcomes[came] += 1
        tally.slowest = max(tally.slowest, seconds)
    return tally


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npz(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content)
    return file.getvalue()


def _lengthened(content: bytes, whole: bytes) -> bytes:
    """Return a safetensors file whose header is as long as what was changed in it makes it."""
    length = int.from_bytes(whole[:8], "little") + len(content) - len(whole[8:])
    return struct.pack("<Q", max(length, 0)) + content


def guided(name: str, words: list[str]) -> None:
    """Let atheris look for input that reaches new lines, until its own `-runs`."""
    import atheris

    directory = Path(tempfile.mkdtemp())
    (kind,) = [kind for kind in formats(directory) if kind.name == name]
    corpus = directory / "corpus"
    corpus.mkdir()
    (corpus / "valid").write_bytes(kind.valid)
    path = path_for(kind, directory)

    def one(content: bytes) -> None:
        came, seconds = outcome(kind, kind.pack(content), path)
        assert seconds < SECONDS, came

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *words, "-rss_limit_mb=1500", "-timeout=5", str(corpus)], one)
    atheris.Fuzz()


def main(words: list[str]) -> None:
    """Do what the command line says."""
    if words[:1] == ["--guided"]:
        guided(words[1], words[2:])
        return
    with tempfile.TemporaryDirectory() as name:
        kinds = formats(Path(name))
        for kind in kinds:
            tally = mutate(kind, -(-int(words[0]) // len(kinds)), Path(name))
            print(f"{kind.name:>20}: {dict(sorted(tally.outcomes.items()))}, slowest {tally.slowest:.3f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
