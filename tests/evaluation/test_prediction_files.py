"""Predictions that somebody saved, by whatever model: read right, or refused in one line that says what is expected."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_compare.errors import UserError
from fashion_compare.evaluation.prediction_files import alike, read_external

LABELS = np.array([0, 2, 1, 2])
LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0], [1.0, 1.5, 0.0], [0.25, -2.0, 0.0]])
SHARES = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [0.25, 0.5, 0.25], [0.125, 0.125, 0.75]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npz(tmp_path: Path, dtype: type) -> None:
    """Logits are taken as they are; probabilities too, with logits that are their logarithms."""
    np.savez(tmp_path / "logits.npz", labels=LABELS.astype(np.uint8), logits=LOGITS.astype(dtype), other=np.ones(2))
    np.savez(tmp_path / "shares.npz", labels=LABELS, probabilities=SHARES.astype(dtype))
    of_logits, of_shares = (read_external(tmp_path / name).predictions for name in ("logits.npz", "shares.npz"))
    assert np.array_equal(of_logits.labels, LABELS)
    assert np.array_equal(of_logits.logits, LOGITS)
    assert of_logits.stated_probabilities is None
    assert read_external(tmp_path / "logits.npz").class_names == ()
    assert np.array_equal(of_shares.probabilities, SHARES)
    assert np.array_equal(of_shares.predicted_labels, SHARES.argmax(axis=1))
    assert np.isfinite(of_shares.logits).all()
    assert of_shares.logits[0] == pytest.approx(np.log(SHARES[0]))


@pytest.mark.parametrize("labels", [("0", "2", "1", "2"), ("shirt", "coat", "bag", "coat")])
def test_csv(tmp_path: Path, labels: tuple[str, ...]) -> None:
    """Columns may come in any order and beside others; labels are numbers or the classes' names."""
    path = tmp_path / "shares.csv"
    path.write_text(
        "id,probability_shirt,probability_bag,label,probability_coat\n"
        "a,0.5,0.25,{},0.25\nb,0,0,{},1\nc,0.25,0.5,{},0.25\nd,0.125,0.125,{},0.75\n\n".format(*labels)
    )
    held = read_external(path)
    assert held.class_names == ("shirt", "bag", "coat")
    assert np.array_equal(held.predictions.labels, LABELS)
    assert np.array_equal(held.predictions.probabilities, SHARES)


def npz(**arrays: Any) -> Any:
    def write(path: Path) -> Path:
        np.savez(path / "held.npz", **arrays)
        return path / "held.npz"

    return write


def text(content: str | bytes, name: str = "held.csv") -> Any:
    def write(path: Path) -> Path:
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return path / name

    return write


GOOD_HEADER = "label,logit_0,logit_1\n"


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (lambda path: path / "none.npz", "cannot read .*none.npz: No such file"),
        (lambda path: path, "expected an .npz"),
        (text("", "held.txt"), "held.txt: expected an .npz"),
        (text(b"PK broken", "held.npz"), "is no .npz file"),
        (npz(labels=LABELS), "holds labels; expected"),
        (npz(labels=np.array([None] * 4), logits=LOGITS), "not a whole .npz file"),
        (npz(labels=LABELS[:2], logits=LOGITS), r"labels are int64 \(2,\), values float64 \(4, 3\)"),
        (npz(labels=LABELS + 0.5, logits=LOGITS), r"labels are float64, with 0.5 at \[0\]; expected whole numbers"),
        (npz(labels=LABELS, logits=LOGITS[0]), r"values float64 \(3,\)"),
        (npz(labels=LABELS[:1], logits=LOGITS[:1]), "has 1 images and 3 classes; expected two or more"),
        (npz(labels=LABELS, logits=np.where(LOGITS == 3, np.nan, LOGITS)), r"got nan at \[1, 2\]; expected finite"),
        (npz(labels=LABELS + 1, logits=LOGITS), "labels run from 1 to 3, expected 0 to 2"),
        (npz(labels=LABELS, probabilities=LOGITS), "probabilities run from -2 and sum to"),
        (npz(labels=LABELS, probabilities=SHARES * 0.9), "sum to 0.9 "),
        (text(""), r"has the columns \(none\)"),
        (text("label,a,b\n0,1,2\n"), "has the columns label, a, b; expected"),
        (text("logit_0,logit_1\n0,1\n"), "has the columns logit_0, logit_1; expected"),
        (text(GOOD_HEADER + "0,1,2\n1,x,2\n"), "line 3, column 'logit_0': got 'x', expected a finite number"),
        (text(GOOD_HEADER + "0,1\n"), "line 2 has 2 cells, the header 3: '0,1'; expected a label and 2 numbers"),
        (text(GOOD_HEADER + "shirt,1,2\n"), r"line 2: got the label 'shirt'; expected a class's name \(0, 1\)"),
        (text(GOOD_HEADER), "has 0 images"),
        (text(b"\xff\xfe"), "no CSV text in UTF-8"),
        (text("label,logit_\x00\n"), "expected"),
        (text("label,logit_a,logit_a\n0,1,2\n0,1,2\n"), "has a class or 'label' twice"),
        (text("label,label,logit_a,logit_b\n0,0,1,2\n"), "has a class or 'label' twice"),
        (text("label,logit_a,probability_b\n0,1,2\n"), "logits beside probabilities"),
        (npz(labels=LABELS, logits=LOGITS * 1e300), "expected none beyond"),
        (npz(labels=LABELS, logits=SHARES), "sum to 1, so they are probabilities; expected these under"),
        (npz(labels=LABELS, probabilities=SHARES * 100), "sums of 1: these are percentages, divide them by 100"),
        (npz(labels=LABELS, logits=LABELS), "values int64"),
        (npz(labels=LABELS, logits=np.eye(4, dtype=int)), "the values are int64; expected finite floating-point"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(tmp_path: Path, write: Any, line: str) -> None:
    """In one line that names the file and says what is expected."""
    with pytest.raises(UserError, match=line) as caught:
        read_external(write(tmp_path))
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize("shape", ["1000000000000000,", "99999999999999999999999,"])
def test_an_archive_that_claims_to_be_huge_is_refused(tmp_path: Path, shape: str) -> None:
    """It promises more numbers than any memory holds."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}".ljust(117) + "\n"
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("labels.npy", member)
        archive.writestr("logits.npy", member)
    with pytest.raises(UserError, match=r"not a whole \.npz file .* expected"):
        read_external(tmp_path / "huge.npz")


def test_log_loss_does_not_depend_on_the_files_type(tmp_path: Path) -> None:
    """The same zeros and ones as single and as double are the same predictions, with one floor for both."""
    hard = np.eye(3)[[0, 1, 2, 0]]
    for dtype in ("f4", "f8"):
        np.savez(tmp_path / f"{dtype}.npz", labels=LABELS, probabilities=hard.astype(dtype))
    single, double = alike([read_external(tmp_path / f"{dtype}.npz") for dtype in ("f4", "f8")])
    assert np.array_equal(single.logits, double.logits)
    (alone,) = alike([read_external(tmp_path / "f8.npz")])
    assert alone.logits.min() == pytest.approx(np.log(np.finfo(np.float64).eps))


def test_names_cannot_colour_a_terminal(tmp_path: Path) -> None:
    """Characters that are not printed are replaced."""
    (tmp_path / "held.csv").write_text("label,logit_\x1b[31mred,logit_b\n0,1,2\n1,2,1\n")
    assert read_external(tmp_path / "held.csv").class_names == ("?[31mred", "b")
