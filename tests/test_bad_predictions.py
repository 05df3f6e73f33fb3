"""Files of predictions that are not what they should be: each is one line, what, where and what was expected."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.npz_files import huge_npz, npz
from tests.refusal import refused

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the peak of memory is asked of /proc")

LABELS, LOGITS = np.array([0, 1, 2, 0]), np.arange(12.0).reshape(4, 3)
SHARES = np.full((4, 3), 1 / 3)
CSV = b"label,logit_a,logit_b\n0,1,2\n1,2,1\n"
PREDICTIONS: dict[str, tuple[str, bytes | Callable[[], bytes], str]] = {
    "no archive": ("bad.npz", b"PK\x03\x04", "bad.npz is no .npz file; expected an .npz with 'labels'"),
    "an archive of something else": ("bad.npz", npz(x=LABELS), "bad.npz holds x; expected"),
    "pickled labels": ("bad.npz", npz(labels=np.array([None] * 4), logits=LOGITS), "not a whole .npz file"),
    "fewer labels": ("bad.npz", npz(labels=LABELS[:2], logits=LOGITS), r"labels are int64 \(2,\)"),
    "a class too many": ("bad.npz", npz(labels=LABELS + 1, logits=LOGITS), "labels run from 1 to 3, expected 0 to 2"),
    "labels between classes": ("bad.npz", npz(labels=LABELS + 0.5, logits=LOGITS), r"labels are float64, with 0.5 at"),
    "not a number": ("bad.npz", npz(labels=LABELS, logits=LOGITS * np.nan), r"got nan at \[0, 0\]; expected finite"),
    "scores as probabilities": ("bad.npz", npz(labels=LABELS, probabilities=LOGITS), "expected none below 0"),
    "probabilities as logits": ("bad.npz", npz(labels=LABELS, logits=SHARES), "expected these under 'probabilities'"),
    "rounded probabilities as logits": (
        "bad.npz",
        npz(labels=LABELS, logits=SHARES.round(3)),
        "sum to 0.999, so they are probabilities; expected these under 'probabilities'",
    ),
    "percentages as logits": (
        "bad.npz",
        npz(labels=LABELS, logits=100 * SHARES),
        "expected these divided by 100 under 'probabilities'",
    ),
    "percentages": ("bad.npz", npz(labels=LABELS, probabilities=100 * SHARES), "percentages, divide them by 100"),
    "logarithms": ("bad.npz", npz(labels=LABELS, probabilities=np.log(SHARES)), "save them under 'logits'"),
    "sums of 1.01": (
        "bad.npz",
        npz(labels=LABELS, probabilities=(1.01 * SHARES).round(4)),
        r"sum to 1\.0101 an image; expected none below 0, and sums of 1$",
    ),
    "one image": ("bad.npz", npz(labels=LABELS[:1], logits=LOGITS[:1]), "1 images and 3 classes; expected two"),
    "3 GB of zeros": ("bad.npz", huge_npz, "unpacked it is larger than 2048 MiB"),
    "no CSV": ("bad.csv", b"\xff\xfe", "is no CSV text in UTF-8"),
    "no such columns": ("bad.csv", b"a,b\n1,2\n", "has the columns a, b; expected"),
    "a class twice but for a space": ("bad.csv", b"label,logit_a,logit_a \n0,1,2\n", "has a class or 'label' twice"),
    "a cell too few": ("bad.csv", CSV + b"0,1\n", "line 4 has 2 cells, the header 3: '0,1'; expected a label"),
    "decimal commas between commas": ("bad.csv", CSV + b"0,1,5,2,5\n", "line 4 has 5 cells, the header 3"),
    "both decimal marks": (
        "bad.csv",
        CSV.replace(b",", b";") + b"0;1,5;2.5\n",
        "'logit_b': got '2.5', expected a finite",
    ),
    "text for a number": ("bad.csv", CSV + b"0,1,x\n", "line 4, column 'logit_b': got 'x', expected a finite number"),
    "infinity in a cell": ("bad.csv", CSV + b"0,1,1e999\n", "'logit_b': got '1e999', expected a finite number"),
    "a cell without end": ("bad.csv", CSV + b"0,1," + b"9" * 200_000, "field larger than field limit .*; expected"),
    "no such class": ("bad.csv", CSV + b"c,1,2\n", "line 4: got the label 'c'; expected a class's name"),
    "a name among positions": (
        "bad.csv",
        CSV + b"a,1,2\n",
        "'a' on line 4 is a class's name, '0' on line 2 a position",
    ),
    "labels of two meanings": (
        "bad.csv",
        b"label,logit_1,logit_2\n1,1,2\n1,2,1\n",
        "label '1' is the class named '1', or by its position from 0 the class '2'.* expected one meaning",
    ),
    "another format": ("bad.txt", CSV, "bad.txt: expected an .npz"),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions(name: str, tmp_path: Path) -> None:
    """`compare` names the file, and what is expected."""
    file, content, line = PREDICTIONS[name]
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content())
    refused(["compare", file, file], tmp_path, line=line)
