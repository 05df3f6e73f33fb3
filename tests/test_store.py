"""A crash at any moment leaves the old content or the new; a run directory belongs to one run."""

import errno
import json
import os
import re
import stat
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.errors import UserError
from fashion_compare.store import (
    DiskError,
    RunDirectory,
    identity_hash,
    load_arrays,
    load_npz,
    read_json,
    save_arrays,
    to_json,
    write_atomically,
    write_bytes,
    write_json,
)

IDENTITY = {"model": "ffnn", "seed": 1, "configuration": {"learning_rate": 0.1, "epochs": 3}}


def one_line(caught):
    """The message of a user's error, which is one line."""
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


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


def test_missing_directories_are_made(tmp_path):
    """A run's directory need not be there before its first file."""
    write_bytes(tmp_path / "a" / "b" / "c", b"new")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"new"


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


def test_the_hash_is_of_what_is_said_not_of_its_order():
    """The keys' order does not matter, any value does; it is the SHA-256 of the sorted JSON line."""
    reordered = {"configuration": {"epochs": 3, "learning_rate": 0.1}, "seed": 1, "model": "ffnn"}
    assert identity_hash(IDENTITY) == identity_hash(reordered)
    assert identity_hash(IDENTITY) != identity_hash(IDENTITY | {"seed": 2})
    # printf '{"a": 1}\n' | sha256sum
    assert identity_hash({"a": 1}) == "e8c628edc9968ef0c668f54e0ba2636b35503357eb1aca0ddc828aeace432f67"


def test_a_claimed_directory_stays_the_same_runs(tmp_path):
    """Claiming it again for the same run changes nothing; the file holds the definition and its hash."""
    directory = RunDirectory(tmp_path / "run")
    directory.claim(IDENTITY)
    first = directory.config.read_bytes()
    directory.claim(dict(reversed(IDENTITY.items())))
    assert directory.config.read_bytes() == first
    assert json.loads(first) == IDENTITY | {"hash": identity_hash(IDENTITY)}


def test_another_run_is_refused_with_both_named(tmp_path):
    """The error names both hashes, the setting that differs and its two values; the directory stays as it is."""
    directory = RunDirectory(tmp_path / "run")
    directory.claim(IDENTITY)
    other = IDENTITY | {"configuration": {"learning_rate": 0.2, "epochs": 3}}
    with pytest.raises(UserError) as caught:
        directory.claim(other)
    message = one_line(caught)
    for part in (
        str(directory.path),
        identity_hash(IDENTITY)[:12],
        identity_hash(other)[:12],
        "configuration.learning_rate is 0.1 there, 0.2 here",
    ):
        assert part in message
    directory.claim(IDENTITY)


@pytest.mark.parametrize(
    ("held", "wanted", "said"),
    [
        ({"seed": 2}, {}, "seed is 2 there, 1 here"),
        ({"configuration": 5}, {}, "configuration is 5 there, {.*} here"),
        ({"configuration": {"epochs": 4}}, {"configuration": {"epochs": 3}}, "configuration.epochs is 4 there, 3 here"),
        ({"format": 2, "seed": 2}, {"format": 2}, "seed is 2 there, 1 here"),
    ],
)
def test_the_line_about_another_run_is_exact(held, wanted, said, tmp_path):
    """Both hashes by their first twelve digits, the setting by its whole name, and what to do."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY | held)
    with pytest.raises(UserError) as caught:
        directory.claim(IDENTITY | wanted)
    line = rf"{tmp_path} holds another run \(hash [0-9a-f]{{12}}, this one [0-9a-f]{{12}}: {said}\); choose another .*"
    assert re.fullmatch(line, one_line(caught))


def test_a_setting_that_only_one_run_has_is_named(tmp_path):
    """A definition with a key more, or one less, is another run."""
    for held, wanted in ((IDENTITY, IDENTITY | {"extra": 1}), (IDENTITY | {"extra": 1}, IDENTITY)):
        directory = RunDirectory(tmp_path / str(len(held)))
        directory.claim(held)
        with pytest.raises(UserError) as caught:
            directory.claim(wanted)
        assert "extra is" in one_line(caught)


def test_an_edited_hash_is_another_run(tmp_path):
    """A config.json whose hash is not that of this run is refused even when its settings look the same."""
    directory = RunDirectory(tmp_path)
    write_json(directory.config, IDENTITY | {"hash": "0" * 64})
    with pytest.raises(UserError) as caught:
        directory.claim(IDENTITY)
    hashes = f"hash {12 * '0'}, this one {identity_hash(IDENTITY)[:12]}"
    assert f"({hashes}: its definition was edited); choose" in one_line(caught)


@pytest.mark.parametrize(
    "held",
    [
        "",
        '{"model": ',
        "{}",
        "[]",
        "null",
        '{"hash": 5}',
    ],
)
def test_a_damaged_config_is_the_users_error(held, tmp_path):
    """Whatever config.json holds instead of a definition, the directory is refused in one line."""
    directory = RunDirectory(tmp_path)
    directory.config.write_text(held)
    with pytest.raises(UserError) as caught:
        directory.claim(IDENTITY)
    assert str(directory.path) in one_line(caught)
    assert directory.config.read_text() == held


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    """Half-written files of the run and of its checkpoint; whole files, and what others call so, stay."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY)
    write_bytes(directory.checkpoint, b"")
    left = [directory.path / ".config.json.1-a.tmp", directory.checkpoint.parent / ".state.safetensors.1-a.tmp"]
    mine = directory.path / "notes.tmp"
    for path in [*left, mine]:
        path.write_bytes(b"half")
    directory.remove_leftovers()
    assert not any(path.exists() for path in left)
    assert mine.exists()
    assert directory.checkpoint.exists()
    assert directory.claimed_hash() == identity_hash(IDENTITY)


def test_a_run_is_done_when_its_result_is_there(tmp_path):
    """Not before, whatever else has been written."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY)
    write_bytes(directory.weights, b"")
    write_bytes(directory.predictions, b"")
    assert not directory.is_done
    write_json(directory.result, {})
    assert directory.is_done


LOSSES = {"train_loss": 2.302585092994046, "train_accuracy": 0.1, "validation_loss": 2, "validation_accuracy": 0.125}
HISTORY = [
    {"epoch": 0, "objective": None, "seconds": 0.0, "penalty": 0.0, **LOSSES},
    {"epoch": 1, "objective": 0.1, "seconds": 1.5, "penalty": 0.25, **LOSSES},
]


def test_metrics_are_a_json_line_an_epoch(tmp_path):
    """They read back as written; a run that has not begun has none."""
    directory = RunDirectory(tmp_path)
    assert directory.read_metrics() == []
    directory.write_metrics(HISTORY)
    assert [json.loads(line) for line in directory.metrics.read_text().splitlines()] == HISTORY
    assert directory.read_metrics() == HISTORY


def test_a_last_line_without_its_end_is_left_out(tmp_path):
    """As a copy that was stopped has it: cut off at any byte, what is there are the epochs whose lines are whole."""
    directory = RunDirectory(tmp_path)
    directory.write_metrics(HISTORY)
    whole = directory.metrics.read_bytes()
    second = whole.index(b"\n") + 1
    for cut in range(len(whole)):
        directory.metrics.write_bytes(whole[:cut])
        assert directory.read_metrics() == HISTORY[: cut >= second]


@pytest.mark.parametrize(
    "line",
    [
        b"epoch 1",
        b"\xff\xfe",
        b"",
        b"[1]",
        to_json(HISTORY[0], indent=None).encode(),
        to_json(HISTORY[1] | {"train_loss": None}, indent=None).encode(),
        to_json(HISTORY[1] | {"seconds": True}, indent=None).encode(),
        to_json(HISTORY[1], indent=None).encode().replace(b"2.302585092994046", b"NaN"),
        to_json(HISTORY[1], indent=None).encode().replace(b"2.302585092994046", b"1e999"),
        b"[" * 100_000,
    ],
    ids=["text", "bytes", "empty", "list", "epoch 0 again", "no loss", "no number", "NaN", "infinite", "nested"],
)
def test_damaged_metrics_are_the_users_error(line, tmp_path):
    """Whatever stands in an epoch's place: one line that names the file and what to do."""
    directory = RunDirectory(tmp_path)
    directory.metrics.write_bytes(to_json(HISTORY[0], indent=None).encode() + line.rstrip(b"\n") + b"\n")
    with pytest.raises(UserError) as caught:
        directory.read_metrics()
    message = one_line(caught)
    assert str(directory.metrics) in message
    assert "delete" in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (HISTORY[0], "line 2 is not epoch 1's"),
        (HISTORY[1] | {"penalty": None}, "line 2 has no number as penalty"),
    ],
)
def test_a_damaged_line_of_metrics_is_named(line, said, tmp_path):
    """Lines count from one as editors do, epochs from zero."""
    directory = RunDirectory(tmp_path)
    directory.write_metrics([HISTORY[0], line])
    with pytest.raises(UserError) as caught:
        directory.read_metrics()
    assert one_line(caught) == f"{directory.metrics} is damaged ({said}); delete {tmp_path} to train it again"


def test_a_run_of_a_newer_version_is_refused_as_that(tmp_path):
    """Its format is named, and the one known here; an older one is another run like any."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY | {"format": 3})
    with pytest.raises(UserError, match=r"newer version of fashion-compare \(format 3, this one knows 2\); update"):
        directory.claim(IDENTITY | {"format": 2})
    with pytest.raises(UserError, match="format is 3 there, 4 here"):
        directory.claim(IDENTITY | {"format": 4})


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
