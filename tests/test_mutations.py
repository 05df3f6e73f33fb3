"""A short version of `python -m tests.mutations`: no damage ends in anything but the file read, or one line."""

from pathlib import Path

import pytest

from tests.mutations import Format, formats, mutate, outcome, path_for

NAMES = ("idx", "gzip", "idx in gzip", "yaml", "small yaml", "npz", "npy in npz", "safetensors", "safetensors' header",
         "metrics", "json", "csv")  # fmt: skip


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Format]:
    return {kind.name: kind for kind in formats(tmp_path_factory.mktemp("formats"))}


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files(name: str, kinds: dict[str, Format], tmp_path: Path) -> None:
    """The undamaged file is read; of the damaged ones some are refused, and nothing else happens."""
    assert kinds.keys() == set(NAMES)
    kind = kinds[name]
    assert outcome(kind, kind.pack(kind.valid), path_for(kind, tmp_path))[0] == "read"
    assert mutate(kind, 40 if name == "yaml" else 200, tmp_path, seed=1).outcomes["refused"] > 10
