"""A crash at any moment leaves the old content or the new, and nothing but a file of a bounded size is read."""

import errno
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.errors import UserError
from fashion_compare.store import (
    DiskError,
    load_arrays,
    load_npz,
    make_directory,
    read_json,
    to_json,
    write_atomically,
    write_bytes,
    write_json,
)
from tests.store.lines import one_line


def names(directory):
    return sorted(path.name for path in directory.rglob("*"))


@pytest.fixture(params=[None, b"old"], ids=["new file", "old file"])
def target(request, tmp_path):
    """A file to be written, with or without old content."""
    path = tmp_path / "file.bin"
    if request.param is not None:
        path.write_bytes(request.param)
    return path, request.param


def content(path):
    return path.read_bytes() if path.exists() else None


def test_writing_replaces_the_content(target):
    """The file holds the new content, and nothing else is left in its directory."""
    path, _ = target
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file.bin"]


def test_an_empty_file_can_be_written(tmp_path):
    """No bytes are content, too."""
    write_bytes(tmp_path / "empty", b"")
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_missing_directory_is_not_made_by_writing_a_file(tmp_path):
    """A study's directory that was deleted meanwhile does not come back with one file in it."""
    with pytest.raises(UserError, match="No such file or directory"):
        write_bytes(tmp_path / "a" / "b", b"new")
    assert names(tmp_path) == []


def test_a_directory_is_made_alone_or_with_those_above_it(tmp_path):
    """Within a study alone, for a name that a person gave with all that is missing; it may exist."""
    with pytest.raises(UserError, match=r"cannot write .*b: No such file or directory"):
        make_directory(tmp_path / "a" / "b")
    assert names(tmp_path) == []
    for _ in range(2):
        make_directory(tmp_path / "a" / "b", parents=True)
        make_directory(tmp_path / "c")
    assert names(tmp_path) == ["a", "b", "c"]
    write_bytes(tmp_path / "file", b"")
    with pytest.raises(UserError, match=r"cannot write .*file"):
        make_directory(tmp_path / "file")


@pytest.mark.parametrize("error", [ValueError("boom"), KeyboardInterrupt()], ids=repr)
def test_a_writer_that_raises_leaves_the_old_content(target, error):
    """Half-written content never shows, the error comes through, and the temporary file is gone."""
    path, old = target

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert content(path) == old
    assert names(path.parent) == ([] if old is None else ["file.bin"])


def test_a_drive_that_cannot_make_a_rename_durable_is_good_enough(tmp_path, monkeypatch):
    """Some network drives refuse fsync of a directory: the file is written all the same."""
    fsync = os.fsync

    def refusing(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refusing)
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_content(target, function, monkeypatch):
    """When fsync or the rename fails, the user is told which file and why; the old content stays."""
    path, old = target

    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(UserError) as caught:
        write_bytes(path, b"new")
    reason = os.strerror(errno.ENOSPC)
    assert one_line(caught) == f"cannot write {path}: {reason}; check space and rights"
    assert content(path) == old
    assert names(path.parent) == ([] if old is None else ["file.bin"])


def test_a_directory_that_is_a_file_is_the_users_error(tmp_path):
    """Writing below a plain file is refused in one line, not with a traceback."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        write_bytes(tmp_path / "file" / "inside", b"new")
    assert "inside" in one_line(caught)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot sync directories")
def test_content_is_on_the_disk_before_its_name_and_the_name_after(tmp_path, monkeypatch):
    """The order that survives a power cut: content, fsync, rename from the same directory, fsync of the directory."""
    path, events = tmp_path / "file.bin", []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        found = os.fstat(descriptor)
        events.append(("fsync", "directory" if stat.S_ISDIR(found.st_mode) else found.st_size))
        fsync(descriptor)

    def noted_replace(source, destination):
        events.append(("replace", os.path.dirname(source) == os.path.dirname(destination)))  # noqa: PTH120
        replace(source, destination)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write_bytes(path, b"12345")
    assert events == [("fsync", 5), ("replace", True), ("fsync", "directory")]


def test_a_reader_never_sees_half_of_a_file(tmp_path):
    """While the new content is being written, the path still holds the old."""
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")

    def write(file):
        file.write(b"new, first half")
        file.flush()
        assert path.read_bytes() == b"old"
        file.write(b", second half")

    write_atomically(path, write)
    assert path.read_bytes() == b"new, first half, second half"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=JSON)
@settings(deadline=None, max_examples=50)
def test_json_reads_back_as_it_was_written(value, tmp_path_factory):
    """Any JSON value, floats to the last bit."""
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_json(path, value)
    assert read_json(path) == value
    assert path.read_bytes().endswith(b"\n")


def test_the_text_of_json_is_always_the_same(tmp_path):
    """Sorted keys, an indent of one or one line, an end of line; hashes are made of it."""
    assert to_json({"b": 1, "a": [1.5]}) == '{\n "a": [\n  1.5\n ],\n "b": 1\n}\n'
    assert to_json({"b": 1, "a": [1.5]}, indent=None) == '{"a": [1.5], "b": 1}\n'
    write_json(tmp_path / "a", {"b": "ü", "a": [1.5]})
    assert (tmp_path / "a").read_bytes() == to_json({"b": "ü", "a": [1.5]}).encode()
    with pytest.raises(ValueError, match="JSON"):
        to_json(float("nan"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_what_is_not_json_is_not_written(value, tmp_path):
    """NaN and infinity would make files that other programs cannot read: they are errors here."""
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "value.json", value)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "damage", [b"", b'{"a": ', b"\xff\xfe\x00", b"[" * 100_000, b"{} {}"], ids=lambda damage: repr(damage[:10])
)
def test_damaged_json_is_the_users_error(damage, tmp_path):
    """Cut off, not text, nested without end, or followed by something: one line that names the file."""
    path = tmp_path / "value.json"
    path.write_bytes(damage)
    with pytest.raises(UserError) as caught:
        read_json(path)
    assert str(path) in one_line(caught)


def test_missing_and_oversized_json_is_the_users_error(tmp_path):
    """Neither a missing file nor one far too large is a traceback; the large one is not read."""
    path = tmp_path / "value.json"
    with pytest.raises(UserError) as caught:
        read_json(path)
    assert str(path) in one_line(caught)
    path.write_bytes(b"[" + b"0," * (1 << 20) + b"0]")
    assert len(read_json(path)) == (1 << 20) + 1
    with pytest.raises(UserError) as caught:
        read_json(path, maximum_bytes=1 << 20)
    assert "larger than 1 MiB" in one_line(caught)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400"])
def test_numbers_that_json_does_not_have_are_refused(number, tmp_path):
    """Python would read them, and could not write them again."""
    path = tmp_path / "value.json"
    path.write_text(f'{{"a": [1.5, {number}]}}')
    with pytest.raises(UserError) as caught:
        read_json(path)
    assert f"{number} is no finite number" in one_line(caught)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_nothing_but_a_file_is_opened(tmp_path):
    """A pipe would be waited for, a device read without end: each reader says at once that it is not a file."""
    os.mkfifo(tmp_path / "pipe")
    readers = (read_json, load_arrays, lambda path: load_npz(path, ["a"]))
    for path in (tmp_path / "pipe", tmp_path / "zero", tmp_path):
        if path.name == "zero":
            path.symlink_to("/dev/zero")
        for reader in readers:
            with pytest.raises(UserError) as caught:
                reader(path)
            assert f"cannot read {path}: not a file" in one_line(caught)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG])
def test_a_disk_that_takes_no_more_is_told_from_other_errors(code, tmp_path, monkeypatch):
    """Everything after it would fail as well, which a missing right does not mean."""

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskError):
        write_bytes(tmp_path / "a", b"")
    code = errno.EACCES
    with pytest.raises(UserError) as caught:
        write_bytes(tmp_path / "a", b"")
    assert not isinstance(caught.value, DiskError)
