"""Every other file that is read: study files, runs, pictures. What is wrong in one is one line."""

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.idx_files import write_drawn
from tests.npz_files import npz
from tests.refusal import refused

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and links are made")

STUDY = """
name: tiny
seeds: 1
training_images: 200
models:
  ffnn:
    baseline: {hidden_sizes: [8], epochs: 1}
"""
RUN = "ffnn/baseline/seed-0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with other data of 240 images, and a finished study of one small run on it."""
    home = tmp_path_factory.mktemp("finished")
    write_drawn(home / "data", 240, 60)
    (home / "tiny.yaml").write_text(STUDY)
    words = ["run", "tiny.yaml", "--data", "data", "--any-idx", "--out", "out", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "fashion_compare", *words], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (made,) = (home / "out").iterdir()
    made.rename(home / "study")
    (home / "out").rmdir()
    shutil.rmtree(home / "study" / "figures")
    return home


@pytest.fixture
def home(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(finished, tmp_path / "home"))


def put(name: str, content: str | bytes) -> Callable[[Path], object]:
    """Return what puts a file there."""
    return lambda home: (home / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def cut(name: str, length: int) -> Callable[[Path], object]:
    """Return what cuts off a file that is there, from behind if `length` is negative."""
    return lambda home: (home / name).write_bytes((home / name).read_bytes()[:length])


def edited(name: str, old: str, new: str) -> Callable[[Path], object]:
    """Return what replaces text in a file that is there."""

    def edit(home: Path) -> None:
        content = (home / name).read_bytes()
        assert old.encode() in content
        (home / name).write_bytes(content.replace(old.encode(), new.encode(), 1))

    return edit


def linked(name: str, target: str) -> Callable[[Path], object]:
    """Return what puts a link there."""

    def link(home: Path) -> None:
        if (home / name).is_dir():
            shutil.rmtree(home / name)
        (home / name).unlink(missing_ok=True)
        (home / name).symlink_to(target)

    return link


def picture_bomb() -> bytes:
    """Return a PNG of 30,000×30,000 black pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    body = b"".join([packer.compress(bytes(30_001)) for _ in range(300)] + [packer.flush()])
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff() -> bytes:
    file = io.BytesIO()
    Image.new("L", (28, 28)).save(file, format="TIFF")
    return file.getvalue()


def nested(levels: int) -> str:
    return "a: " + "[" * levels + "]" * levels


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
RUN_TINY = ["run", "bad.yaml", "--data", "data", "--any-idx", "--out", "out"]

# What is done to the home, what the line says.
STUDIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda _: None, "cannot read bad.yaml: No such file or directory; expected a study file"),
    "a directory": (lambda home: (home / "bad.yaml").mkdir(), "cannot read bad.yaml: not a file"),
    "a pipe": (lambda home: os.mkfifo(home / "bad.yaml"), "cannot read bad.yaml: not a file"),
    "an endless device": (linked("bad.yaml", "/dev/zero"), "cannot read bad.yaml: not a file"),
    "empty": (put("bad.yaml", ""), "got nothing, expected a mapping"),
    "too large": (put("bad.yaml", STUDY + "#" * (1 << 20)), "larger than 1 MiB"),
    "no text": (put("bad.yaml", b"\xff\xfe\x00"), "not UTF-8 text"),
    "control characters": (put("bad.yaml", "name: a\0b"), "not valid YAML"),
    "a list": (put("bad.yaml", "[1, 2]"), r"got \[1, 2\], expected a mapping"),
    "no YAML": (put("bad.yaml", "name: [1, 2"), "line 1: not valid YAML"),
    "an object of Python's": (put("bad.yaml", "a: !!python/object/apply:os.system [id]"), "not valid YAML: could not"),
    "a bomb of aliases": (put("bad.yaml", BOMB), "line 2: not valid YAML: aliases .* are not read"),
    "nested without end": (put("bad.yaml", nested(100_000)), "nested deeper than 20 levels"),
    "a key twice": (put("bad.yaml", STUDY + "name: other"), "'name' stands twice"),
    "100,000 keys": (put("bad.yaml", "\n".join(f"k{i}: 1" for i in range(90_000))), "unknown field 'k0'"),
    "an endless number": (put("bad.yaml", f"seeds: {'9' * 100_000}"), "a number with too many digits"),
    "an endless hexadecimal number": (put("bad.yaml", f"seeds: 0x{'f' * 100_000}"), "a number with too many digits"),
    "an unknown field": (put("bad.yaml", STUDY + "sedes: 3"), "unknown field 'sedes': did you mean 'seeds'"),
    "an unknown model": (put("bad.yaml", STUDY.replace("ffnn", "fnn")), "unknown model 'fnn': did you mean 'ffnn'"),
    "a name that leads out": (put("bad.yaml", STUDY.replace("tiny", "../tiny")), "name: got '../tiny'"),
    "no epochs": (put("bad.yaml", STUDY.replace("epochs: 1", "epochs: -1")), "epochs: got -1"),
    "text for a number": (put("bad.yaml", STUDY.replace("epochs: 1", "epochs: many")), "epochs: got 'many'"),
    "not a number": (put("bad.yaml", STUDY.replace("epochs: 1", "learning_rate: .nan")), "learning_rate: got nan"),
    "an octal number": (
        put("bad.yaml", STUDY.replace("epochs: 1", "epochs: 010")),
        "line 7: epochs: 010 is 8 in .* 10 in",
    ),
    "minutes and seconds": (put("bad.yaml", STUDY.replace("seeds: 1", "seeds: 1:30")), "line 3: seeds: 1:30 is 90 in"),
    "a name of Windows' own": (put("bad.yaml", STUDY.replace("tiny", "con")), "Windows creates no directory 'con'"),
    "one variation twice": (
        put("bad.yaml", STUDY + "    variations: {a: {l2: 1e-3}, b: {l2: 0.001}}"),
        "models.ffnn.variations: a and b have the same settings",
    ),
    "a space without effect": (
        put("bad.yaml", STUDY + "tuning: {space: {ffnn: {momentum: [0.1, 0.9]}}}"),
        "tuning.space.ffnn.momentum: momentum has no effect with optimizer 'adam'",
    ),
    "a number for a list": (
        put("bad.yaml", STUDY.replace("[8]", "8")),
        r"hidden_sizes: got 8, expected a list, such as",
    ),
    "an infinite number": (
        put("bad.yaml", STUDY.replace("epochs: 1", "learning_rate: .inf")),
        "learning_rate: got inf",
    ),
}


@pytest.mark.parametrize("name", STUDIES)
def test_study_files(name: str, tmp_path: Path) -> None:
    """Refused as wrong usage, before any data is looked for."""
    make, line = STUDIES[name]
    make(tmp_path)
    refused(RUN_TINY, tmp_path, line=line, code=2)


METRICS = f"study/{RUN}/metrics.jsonl"
REPORT: dict[str, tuple[Callable[[Path], object], str]] = {
    "config.json cut off": (cut(f"study/{RUN}/config.json", 100), "config.json is not valid JSON"),
    "config.json of nothing": (put(f"study/{RUN}/config.json", "{}"), "config.json is not a run's definition"),
    "another run": (
        edited(f"study/{RUN}/config.json", '"seed": 0', '"seed": 1'),
        r"holds another run .*: seed is 1 there, 0 here\)",
    ),
    "a newer run": (
        edited(f"study/{RUN}/config.json", '"format": 2', '"format": 7'),
        r"newer version of fashion-compare \(format 7, this one knows 2\); update",
    ),
    "config.json without end": (put(f"study/{RUN}/config.json", b"[" * 100_000), "config.json is not valid JSON"),
    "result.json cut off": (cut(f"study/{RUN}/result.json", -10), "result.json is not valid JSON"),
    "result.json of a list": (put(f"study/{RUN}/result.json", "[1]"), "result.json is not a finished run's"),
    "a fact that is none": (
        edited(f"study/{RUN}/result.json", '"best_epoch"', '"best_apoch"'),
        r"result.json is not a finished run's: best_epoch \(required, but not given\); delete",
    ),
    "a score of NaN": (edited(f"study/{RUN}/result.json", '"best_epoch": ', '"best_epoch": NaN, "x": '), "NaN is no"),
    "a huge result": (put(f"study/{RUN}/result.json", b" " * (5 << 20)), "result.json: larger than 4 MiB"),
    "a result that is a pipe": (linked(f"study/{RUN}/result.json", "/dev/zero"), "no finished run"),
    "metrics of another format": (put(METRICS, "epoch,loss\n0,1\n"), "metrics.jsonl is damaged"),
    "metrics without a loss": (put(METRICS, '{"epoch": 0}\n'), "metrics.jsonl is damaged .*line 1 has no number"),
    "metrics of epoch 5 alone": (edited(METRICS, '"epoch": 0', '"epoch": 5'), "line 1 is not epoch 0's"),
    "metrics of half a line": (cut(METRICS, 30), "metrics.jsonl has no epoch"),
    "predictions cut off": (cut(f"study/{RUN}/predictions.npz", -100), "predictions.npz is not a whole .npz file"),
    "predictions with an object": (
        put(f"study/{RUN}/predictions.npz", npz(labels=np.array([None]))),
        "predictions.npz is not a whole .npz file",
    ),
    "predictions that are none": (
        put(f"study/{RUN}/predictions.npz", b"PK\x03\x04 and no more"),
        "predictions.npz is not a whole .npz file",
    ),
    "dataset.json of nothing": (put("study/dataset.json", "{}"), "dataset.json does not describe a data set"),
    "dataset.json cut off": (cut("study/dataset.json", 50), "dataset.json is not valid JSON"),
    "results.json of nothing": (put("study/results.json", "{}"), "results.json is not a study's results"),
    "a directory that leads out": (linked("study/ffnn", "../data"), "study/ffnn is a symbolic link out of study"),
    "figures that lead out": (linked("study/figures", "../data"), "study/figures is a symbolic link out of study"),
}
WRONG_USAGE = {
    "study.yaml missing": (lambda home: (home / "study/study.yaml").unlink(), "is not a study's directory"),
    "study.yaml of nothing": (put("study/study.yaml", ""), "study.yaml: got nothing, expected a mapping"),
    "study.yaml of a newer version": (put("study/study.yaml", f"{STUDY}version: 2\n"), "unknown field 'version'"),
}


@pytest.mark.parametrize("name", REPORT | WRONG_USAGE)
def test_files_of_a_study(name: str, home: Path) -> None:
    """`report` names the file, and what to do."""
    make, line = (REPORT | WRONG_USAGE)[name]
    make(home)
    refused(["report", "study"], home, line=line, code=2 if name in WRONG_USAGE else 1)


EXPLAIN: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (put("a.png", "no picture"), "a.png is no picture that can be read; expected PNG, JPEG"),
    "empty": (put("a.png", ""), "a.png is no picture that can be read"),
    "cut off": (put("a.png", picture_bomb()[:60]), "a.png"),
    "900 million pixels": (lambda home: (home / "a.png").write_bytes(picture_bomb()), "expected PNG, JPEG"),
    "another format": (lambda home: (home / "a.png").write_bytes(tiff()), "expected PNG, JPEG"),
    "a blank page": (
        lambda home: Image.new("L", (28, 28), 255).save(home / "a.png"),
        "a.png has no contrast: .*expected",
    ),
    "nothing but transparency": (
        lambda home: Image.new("RGBA", (28, 28)).save(home / "a.png"),
        "a.png has no contrast",
    ),
    "a device": (linked("a.png", "/dev/zero"), "cannot read a.png: not a file; expected a picture"),
    "weights cut off": (cut(f"study/{RUN}/weights.safetensors", -1), "weights.safetensors cannot be read"),
    "weights of nothing": (put(f"study/{RUN}/weights.safetensors", b""), "weights.safetensors cannot be read"),
    "weights with a huge header": (
        put(f"study/{RUN}/weights.safetensors", struct.pack("<Q", 1 << 62) + b"{}"),
        "weights.safetensors cannot be read",
    ),
    "a flipped bit": (
        lambda home: _flip(home / f"study/{RUN}/weights.safetensors"),
        "weights.safetensors is damaged: its checksum is wrong",
    ),
    "explanations that lead out": (
        linked(f"study/{RUN}/explanations", "../../../../data"),
        "is a symbolic link out of",
    ),
}


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", EXPLAIN)
def test_pictures_and_weights(name: str, home: Path) -> None:
    """`explain` names the file, and what is expected or what to do."""
    make, line = EXPLAIN[name]
    ImageOps.expand(Image.new("L", (12, 12), 200), 8).save(home / "a.png")
    make(home)
    refused(["explain", f"study/{RUN}", "--image", "a.png"], home, line=line)


def test_a_cut_off_last_line_of_metrics_is_no_error(home: Path) -> None:
    """As a copy that was stopped has it: what is whole is shown."""
    path = home / METRICS
    path.write_bytes(path.read_bytes() + b'{"epoch": 2, "trai')
    done = subprocess.run(
        [sys.executable, "-m", "fashion_compare", "report", "study"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((home / "study" / "results.json").read_text())["failures"] == []
