"""What is made from weights is made once, again when it is stale, and never left half."""

import json

import numpy as np
import pytest

from fashion_compare.errors import UserError
from fashion_compare.study import kept as module
from fashion_compare.study.kept import keep, kept

OF = {"runs": ["a", "b"], "images": 3}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "explanations" / "thing.npz"


class Maker:
    """Counts how often it made its arrays."""

    times = 0

    def __call__(self):
        self.times += 1
        return {"x": np.arange(3), "names/of": np.array(["ä", "b"])}


def test_it_is_made_once(path):
    """A second time nothing is computed, and what is read has the types and values of what was made."""
    make = Maker()
    assert kept(path, OF) is None
    keep(path, OF, make)
    keep(path, OF, make)
    assert make.times == 1
    for found in (kept(path, OF), kept(path)):
        assert list(found) == ["x", "names/of"]
        np.testing.assert_array_equal(found["x"], np.arange(3))
        assert found["names/of"].tolist() == ["ä", "b"]


def test_of_other_networks_it_is_made_again(path):
    """What was made from something else is not handed out, and gives way."""
    make = Maker()
    keep(path, OF, make)
    assert kept(path, OF | {"images": 4}) is None
    keep(path, OF | {"images": 4}, make)
    assert make.times == 2
    assert kept(path, OF) is None


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"format": 1, "of": 3}', None])
def test_a_damaged_or_missing_note_is_as_good_as_none(path, damage):
    """The arrays are made again."""
    make = Maker()
    keep(path, OF, make)
    note = path.with_suffix(".json")
    note.unlink() if damage is None else note.write_text(damage)
    assert kept(path, OF) is None
    keep(path, OF, make)
    assert make.times == 2
    assert kept(path, OF) is not None


def test_another_format_is_made_again(path, monkeypatch):
    """A version that makes something else does not take the old for it."""
    make = Maker()
    keep(path, OF, make)
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    assert kept(path, OF) is None
    keep(path, OF, make)
    assert make.times == 2


def test_an_interruption_leaves_what_was_there(path):
    """While the new is made the old stays whole, and nothing half lies about."""
    keep(path, OF, Maker())

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(path, OF | {"images": 5}, interrupted)
    assert kept(path, OF) is not None
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["thing.json", "thing.npz"]


def test_a_deleted_file_is_made_again(path):
    """A note without its arrays is nothing."""
    make = Maker()
    keep(path, OF, make)
    path.unlink()
    assert kept(path, OF) is None
    keep(path, OF, make)
    assert make.times == 2


def test_a_cut_off_file_is_one_line_that_says_what_to_do(path):
    """Named, and never executed."""
    keep(path, OF, Maker())
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match="fashion-compare explain") as caught:
        kept(path, OF)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_note_names_what_it_is_of(path):
    """People can read which runs it was made from."""
    keep(path, OF, Maker())
    assert json.loads(path.with_suffix(".json").read_text())["of"] == OF
