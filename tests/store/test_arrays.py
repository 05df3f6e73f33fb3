"""Arrays come back bit for bit, and damage is one line."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.errors import UserError
from fashion_compare.store import (
    load_arrays,
    load_npz,
    save_arrays,
)
from tests.store.lines import one_line


def test_arrays_read_back_as_they_were_written(tmp_path):
    """Names, types, shapes (also empty ones), bits and text; the arrays can be written to."""
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "c": np.zeros((0, 4), np.int64),
        "d/e.f": np.frombuffer(b"\x00\xff", np.uint8),
        "g": np.array([np.nan, -0.0, np.inf]),
    }
    path = tmp_path / "arrays.safetensors"
    save_arrays(path, arrays, {"key": "välue\n"})
    read, metadata = load_arrays(path)
    assert metadata == {"key": "välue\n"}
    assert read.keys() == arrays.keys()
    for name, value in arrays.items():
        assert (read[name].dtype, read[name].shape) == (value.dtype, value.shape)
        assert read[name].tobytes() == value.tobytes()
        assert read[name].flags.writeable


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3).T, np.asfortranarray(np.eye(3)[:2])], ids=["T", "F"])
def test_arrays_in_another_memory_order_read_back_as_they_are(array, tmp_path):
    """What is saved are the values at their indices, however they lie in memory."""
    save_arrays(tmp_path / "arrays", {"a": array})
    np.testing.assert_array_equal(load_arrays(tmp_path / "arrays")[0]["a"], array)


def test_a_single_number_keeps_its_shape(tmp_path):
    """An array without dimensions, as torch's step counters are, stays one."""
    save_arrays(tmp_path / "arrays", {"a": np.array(3.5)})
    assert load_arrays(tmp_path / "arrays")[0]["a"].shape == ()


def test_without_text_the_text_is_empty(tmp_path):
    """A file without metadata gives an empty dictionary, not None."""
    save_arrays(tmp_path / "arrays", {"a": np.zeros(1)})
    assert load_arrays(tmp_path / "arrays")[1] == {}


def test_what_was_there_before_is_kept_if_asked_for(tmp_path):
    """The older generation of a checkpoint."""
    path, older = tmp_path / "new", tmp_path / "old"
    for number in range(3):
        save_arrays(path, {"a": np.array([number])}, keep=older)
    assert [int(load_arrays(place)[0]["a"][0]) for place in (path, older)] == [2, 1]


@pytest.mark.parametrize("what", ["value", "text"])
def test_what_was_changed_is_damaged(what, tmp_path):
    """A value or a word that is not what was written, in a file that is otherwise whole."""
    path = tmp_path / "arrays"
    save_arrays(path, {"a": np.array([7], np.uint8)}, {"key": "word"})
    content = path.read_bytes()
    old, new = (b"word", b"wort") if what == "text" else (content[-1:], b"\x08")
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    with pytest.raises(UserError) as caught:
        load_arrays(path)
    assert one_line(caught) == (
        f"{path} is damaged: its checksum is wrong; delete its directory to train the run again"
    )


@pytest.mark.parametrize("keep", [0, 4, 60, -1], ids=["empty", "4 bytes", "60 bytes", "all but one byte"])
def test_a_cut_off_safetensors_file_is_the_users_error(keep, tmp_path):
    """Cut anywhere, it is refused in one line that names it."""
    path = tmp_path / "arrays.safetensors"
    path.write_bytes(safetensors.numpy.save({"a": np.arange(10.0)})[:keep])
    with pytest.raises(UserError) as caught:
        load_arrays(path)
    assert str(path) in one_line(caught)


def test_a_missing_safetensors_file_is_the_users_error(tmp_path):
    """As is one that is not there."""
    with pytest.raises(UserError) as caught:
        load_arrays(tmp_path / "none.safetensors")
    reason = os.strerror(errno.ENOENT)
    assert one_line(caught) == (
        f"cannot read {tmp_path / 'none.safetensors'}: {reason}; delete its directory to train the run again"
    )


def test_npz_files_are_numpys(tmp_path):
    """What `np.savez` wrote, packed or not, reads back: only the arrays asked for, with their types and bits."""
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(3), "c": np.zeros((0, 2))}
    for i, save in enumerate((np.savez, np.savez_compressed)):
        path = tmp_path / f"{i}.npz"
        save(path, **arrays, unwanted=np.arange(3))
        read = load_npz(path, arrays)
        assert read.keys() == arrays.keys()
        for name, value in arrays.items():
            assert (read[name].dtype, read[name].shape) == (value.dtype, value.shape)
            np.testing.assert_array_equal(read[name], value)


def test_a_missing_npz_file_is_the_users_error(tmp_path):
    """The line ends in what the caller advises, and else in what fits a run's file."""
    reason = os.strerror(errno.ENOENT)
    for advice in ({}, {"advice": "name another"}):
        with pytest.raises(UserError) as caught:
            load_npz(tmp_path / "none", ["a"], **advice)
        said = advice.get("advice", "delete its directory")
        assert one_line(caught) == f"cannot read {tmp_path / 'none'}: {reason}; {said}"


def test_objects_in_an_npz_file_are_not_unpickled(tmp_path):
    """An array of objects is code to be run: it is refused, and has not run."""
    path, ran = tmp_path / "objects.npz", tmp_path / "ran"

    class Armed:
        def __reduce__(self):
            return Path.touch, (ran,)

    np.savez(path, a=np.array([Armed()], object), b=np.arange(3))
    with pytest.raises(UserError) as caught:
        load_npz(path, ["a"])
    assert f"{path} is not a whole .npz file" in one_line(caught)
    assert not ran.exists()
    assert load_npz(path, ["b"])["b"].tolist() == [0, 1, 2]


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
@settings(deadline=None, max_examples=100)
def test_a_changed_byte_never_gives_other_numbers(place, byte, tmp_path_factory):
    """Whichever byte of an .npz file is overwritten: the arrays are read as they were, or the file is refused."""
    path = tmp_path_factory.getbasetemp() / "changed.npz"
    arrays = {"a": np.arange(20, dtype=np.float32), "b": np.array([[1, 2]])}
    np.savez(path, **arrays)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content)
    try:
        read = load_npz(path, arrays)
    except UserError:
        return
    for name, value in arrays.items():
        assert read[name].tobytes() == value.tobytes()


def test_an_archive_is_not_unpacked_beyond_its_limit(tmp_path):
    """The whole of what is asked for counts, before anything is unpacked; what is not asked for does not."""
    path = tmp_path / "zeros.npz"
    arrays = {"a": np.zeros(600_000, np.uint8), "b": np.zeros(600_000, np.uint8)}
    np.savez_compressed(path, **arrays)
    assert path.stat().st_size < 10_000
    assert load_npz(path, ["a"], maximum_bytes=1 << 20)["a"].size == 600_000
    with pytest.raises(UserError) as caught:
        load_npz(path, ["a", "b"], maximum_bytes=1 << 20)
    assert "unpacked it is larger than 1 MiB" in one_line(caught)
    # NumPy's own header is 128 bytes.
    np.savez_compressed(path, a=np.zeros((1 << 20) - 128, np.uint8))
    assert load_npz(path, ["a"], maximum_bytes=1 << 20)["a"].size == (1 << 20) - 128
