"""Where one image's results are written: no picture's take another's place."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fashion_compare.analysis.single_image import own_stem, pixels_sha256


def image(grey: int) -> np.ndarray:
    return np.full((28, 28), grey, np.uint8)


def test_pictures_of_one_name_have_results_of_their_own(tmp_path: Path) -> None:
    """The first has the plain name, a second one twelve digits of its pixels' hash; each has the same name again."""
    digits = hashlib.sha256(bytes([2]) * 784).hexdigest()[:12]
    names = [own_stem(tmp_path, "picture-coat", image(grey)) for grey in (1, 2, 1, 2)]
    assert names == ["picture-coat", f"picture-coat-{digits}"] * 2
    assert own_stem(tmp_path, "picture-hat", image(2)) == "picture-hat"
    assert pixels_sha256(image(2))[:12] == digits


@pytest.mark.parametrize("content", ['{"image": "coat.png", "answer": 8}', "[1]", "", '{"pixels_sha256"'])
def test_results_of_an_unknown_picture_stay(tmp_path: Path, content: str) -> None:
    """Those of an earlier version, which say nothing of the pixels, and damaged ones."""
    (tmp_path / "picture-coat.json").write_text(content)
    assert own_stem(tmp_path, "picture-coat", image(1)).startswith("picture-coat-")
    assert (tmp_path / "picture-coat.json").read_text() == content


def test_pictures_of_one_name_at_the_same_time(tmp_path: Path) -> None:
    """Of twenty that are explained at once, each has a name that no other has."""
    with ThreadPoolExecutor(20) as pool:
        names = list(pool.map(lambda grey: own_stem(tmp_path, "picture-coat", image(grey)), range(20)))
    assert len(set(names)) == 20
    assert min(names) == "picture-coat"
    assert json.loads((tmp_path / "picture-coat.json").read_text()) == {
        "pixels_sha256": pixels_sha256(image(names.index("picture-coat")))
    }


@pytest.mark.skipif(os.name == "nt", reason="a file in a directory's place is another error there")
def test_what_cannot_be_written_is_left_to_the_writing_of_results(tmp_path: Path) -> None:
    """Which names the file in the error's line."""
    (tmp_path / "file").touch()
    assert own_stem(tmp_path / "file" / "explanations", "picture-coat", image(1)) == "picture-coat"
