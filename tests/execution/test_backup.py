"""A study kept in one file: what comes back, what stays, and what is refused."""

import errno
import io
import os
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_compare.classifier.configuration import CONFIGURATIONS
from fashion_compare.errors import UserError
from fashion_compare.execution import ablation_runs, backup, designs, tuning
from fashion_compare.execution.backup import Archive, pack, unpack
from fashion_compare.execution.progress import Snapshot
from fashion_compare.signals import Terminated

SPLITS = (designs._DIRECTORY, tuning._DIRECTORY, ablation_runs._DIRECTORY)
DONE, BEGUN = "ffnn/baseline/seed-0", "cnn/baseline/seed-0"


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def files_of(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def run(name: str, result: str | None = None, **files: str) -> dict[str, str]:
    """The files of a run, finished when it has a result."""
    held = {"config.json": "{}", **{key.replace("_", "/") + ".txt": text for key, text in files.items()}}
    if result is not None:
        held["result.json"] = result
    return {f"{name}/{key}": text for key, text in held.items()}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A finished run, one under way with its checkpoint, and what else lies in a study."""
    files = run(DONE, "done", weights="w") | run(BEGUN, checkpoint_state="half") | {"study.yaml": "s", "a/b.svg": "f"}
    for part in SPLITS:
        files |= run(f"{part}/{DONE}", "done")
    return written(tmp_path / "runs" / "study", files)


def test_what_is_packed_comes_back(study: Path, tmp_path: Path) -> None:
    """On another machine everything is there, but for locks and half-written files; the number of runs is told."""
    written(study, {".lock": "1", f"{BEGUN}/.state.1.tmp": "half"})
    (tmp_path / "kept").mkdir()
    pack(study, tmp_path / "kept" / "study.tar")
    there = tmp_path / "other" / "study"
    assert unpack(tmp_path / "kept" / "study.tar", there) == 2 + len(SPLITS)
    expected = {name: text for name, text in files_of(study).items() if not Path(name).name.startswith(".")}
    assert files_of(there) == expected
    assert list((tmp_path / "other").iterdir()) == [there]


def test_of_a_run_that_both_have_the_finished_one_counts(study: Path, tmp_path: Path) -> None:
    """A finished run replaces one under way, as a whole; between equals, what is there stays."""
    file = tmp_path / "study.tar"
    for part in SPLITS:
        shutil.rmtree(study / part)
    pack(study, file)
    here = written(
        tmp_path / "here" / "study",
        run(DONE, checkpoint_state="mine") | run(BEGUN, checkpoint_state="mine") | {"study.yaml": "mine"},
    )
    assert unpack(file, here) == 1
    found = files_of(here)
    assert {name: text for name, text in found.items() if name.startswith(DONE)} == run(DONE, "done", weights="w")
    assert {name: text for name, text in found.items() if name.startswith(BEGUN)} == run(BEGUN, checkpoint_state="mine")
    assert (found["study.yaml"], found["a/b.svg"]) == ("mine", "f")


def test_a_checkpoint_comes_where_there_is_none(study: Path, tmp_path: Path) -> None:
    """A run that was only claimed here goes on where it had got to elsewhere."""
    pack(study, tmp_path / "study.tar")
    here = written(tmp_path / "here" / "study", run(BEGUN))
    written(study, {f"{BEGUN}/checkpoint/state.safetensors": "epoch 9"})
    pack(study, tmp_path / "study.tar")
    assert unpack(tmp_path / "study.tar", here) == 2 + len(SPLITS)
    assert files_of(here) == files_of(study)


def test_a_run_that_is_defined_otherwise_stays(study: Path, tmp_path: Path) -> None:
    """Its checkpoint is not lost to a finished run of another definition; the study then refuses by itself."""
    pack(study, tmp_path / "study.tar")
    mine = run(DONE, checkpoint_state="mine") | {f"{DONE}/config.json": '{"other": 1}'}
    here = written(tmp_path / "here" / "study", mine)
    assert unpack(tmp_path / "study.tar", here) == 1 + len(SPLITS)
    assert {name: text for name, text in files_of(here).items() if name.startswith(DONE)} == mine


@pytest.mark.parametrize("place", ["", "ffnn/", "ffnn/baseline/", "ffnn/seed-0/", "x/ffnn/a/seed-0/", f"{DONE}/x/"])
def test_runs_lie_where_a_study_has_them(place: str, study: Path, tmp_path: Path) -> None:
    """A definition elsewhere would make a directory of runs look like one that may be replaced."""
    evil = written(
        tmp_path / "evil", {f"{place}config.json": "{}", f"{place}result.json": "evil"} | run(DONE, "theirs")
    )
    pack(evil, tmp_path / "study.tar")
    before = files_of(study)
    with pytest.raises(UserError, match=r"config\.json' defines no run of a study; delete it"):
        unpack(tmp_path / "study.tar", study)
    assert files_of(study) == before


def test_a_model_that_the_program_comes_to_know_is_taken_over(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which models there are is said in one place: a third one's runs come back like the others', and not before."""
    written(study, run("mixer/baseline/seed-0", "done"))
    pack(study, tmp_path / "study.tar")
    with pytest.raises(UserError, match=r"mixer/.*' defines no run of a study"):
        unpack(tmp_path / "study.tar", tmp_path / "early" / "study")
    monkeypatch.setitem(CONFIGURATIONS, "mixer", CONFIGURATIONS["cnn"])
    assert unpack(tmp_path / "study.tar", tmp_path / "there" / "study") == 3 + len(SPLITS)
    assert files_of(tmp_path / "there" / "study") == files_of(study)


def test_links_are_not_followed_when_packing(study: Path, tmp_path: Path) -> None:
    """What lies outside the study does not get into its archive."""
    (tmp_path / "secret").write_text("secret")
    (study / "link").symlink_to(tmp_path / "secret")
    pack(study, tmp_path / "study.tar")
    with tarfile.open(tmp_path / "study.tar") as tar:
        assert "link" not in tar.getnames()


def planted(file: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    with tarfile.open(file, "w") as tar:
        for one in ("study.yaml", name):
            member = tarfile.TarInfo(one)
            if one == name:
                member.type, member.linkname = kind, link
            member.size = 4 if member.isreg() else 0
            tar.addfile(member, io.BytesIO(b"evil"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("a/../../outside", tarfile.REGTYPE),
        ("/tmp/outside", tarfile.REGTYPE),  # noqa: S108 - the name that is refused
        ("C:\\outside", tarfile.REGTYPE),
        ("C:outside", tarfile.REGTYPE),
        ("a\\..\\outside", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("link", tarfile.LNKTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("device", tarfile.CHRTYPE),
        ("folder", tarfile.DIRTYPE),
        ("study.yaml", tarfile.REGTYPE),
    ],
)
def test_anything_but_plain_files_inside_is_refused(name: str, kind: bytes, tmp_path: Path) -> None:
    """In one line, and nothing at all is taken from such a file; the same name twice counts as well."""
    planted(tmp_path / "study.tar", name, kind, "/etc/passwd")
    with pytest.raises(UserError, match=r"cannot unpack .*study\.tar: .*; delete it"):
        unpack(tmp_path / "study.tar", tmp_path / "runs" / "study")
    assert files_of(tmp_path / "runs") == {}
    assert {path.name for path in tmp_path.iterdir()} == {"study.tar", "runs"}


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 1), ("MOST_BYTES", 7)])
def test_too_much_is_refused(
    limit: str, value: int, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caps on files and bytes, before they are written."""
    pack(study, tmp_path / "study.tar")
    monkeypatch.setattr(backup, limit, value)
    with pytest.raises(UserError, match="more than"):
        unpack(tmp_path / "study.tar", tmp_path / "there" / "study")
    assert files_of(tmp_path / "there") == {}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_a_cut_off_file_is_refused(share: float, tmp_path: Path) -> None:
    """One line that says what to do; a compressed file is none of ours either."""
    study = written(tmp_path / "study", run(DONE, "done", weights="w" * 50_000))
    file = tmp_path / "study.tar"
    pack(study, file)
    os.truncate(file, int(share * file.stat().st_size))
    with pytest.raises(UserError, match="cannot unpack"):
        unpack(file, tmp_path / "there" / "study")
    with tarfile.open(file, "w:gz") as tar:
        tar.add(study, "study")
    with pytest.raises(UserError, match="cannot unpack"):
        unpack(file, tmp_path / "there" / "study")


@pytest.mark.parametrize(
    ("kind", "size", "times"), [(tarfile.GNUTYPE_LONGNAME, 512, 5000), (tarfile.REGTYPE, 2**70, 1)]
)
def test_headers_without_end_are_refused(kind: bytes, size: int, times: int, tmp_path: Path) -> None:
    """Thousands that announce each other's names, each a step further down for tarfile; a size beyond any number."""
    header = tarfile.TarInfo("a")
    header.type, header.size = kind, size
    (tmp_path / "study.tar").write_bytes((header.tobuf(tarfile.GNU_FORMAT) + b"a" * 512) * times)
    assert not backup.writer(tmp_path / "study.tar")
    with pytest.raises(UserError, match="delete it"):
        unpack(tmp_path / "study.tar", tmp_path / "study")


def test_a_drive_that_is_gone_or_a_full_disk_is_no_reason_to_delete(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may be the only copy: what is said is to try again."""
    pack(study, tmp_path / "study.tar")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(UserError, match=r"No space left on device; check that .* try again") as caught:
        unpack(tmp_path / "study.tar", tmp_path / "there" / "study")
    assert "delete" not in str(caught.value)


def test_what_vanishes_meanwhile_is_left_out(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint's directory goes with the end of its run, between two looks at the directories."""
    look = os.scandir

    def scan(path: str | int) -> Any:
        if isinstance(path, str) and Path(path).name == "checkpoint":
            shutil.rmtree(path)
        return look(path)

    written(study, {f"{BEGUN}/checkpoint/state.safetensors": "half"})
    (tmp_path / "kept").mkdir()
    monkeypatch.setattr(os, "scandir", scan)
    pack(study, tmp_path / "kept" / "study.tar")
    monkeypatch.undo()
    unpack(tmp_path / "kept" / "study.tar", tmp_path / "there" / "study")
    assert files_of(tmp_path / "there" / "study") == files_of(study)


def test_two_machines_with_one_file(study: Path, tmp_path: Path) -> None:
    """Neither overwrites what the other has written: it is told, and in its end takes over what that one finished."""
    notes: list[str] = []
    (tmp_path / "kept").mkdir()
    ours = Archive(study, tmp_path / "kept", 0.0, notes.append)
    ours.save()
    there = tmp_path / "there" / "study"
    other = Archive(there, tmp_path / "kept", 0.0, notes.append)
    other.restore()
    shutil.rmtree(there / BEGUN)
    written(there, run(BEGUN, "theirs"))
    other.save()
    before, notes[:] = ours.file.read_bytes(), []
    ours.save()
    assert ours.file.read_bytes() == before
    assert len(notes) == 1
    assert "another machine has written" in notes[0]
    ours.close()
    assert "1 run taken over" in notes[1]
    assert files_of(study)[f"{BEGUN}/result.json"] == "theirs"
    assert ours.file.read_bytes() != before
    other.close()
    assert files_of(there) == files_of(study)
    # Neither is trusted for ever because its file was taken over once.
    before = other.file.read_bytes()
    ours.save()
    assert ours.file.read_bytes() == before


def test_what_could_not_be_taken_over_is_not_overwritten(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a study on a full disk: the other machine's file is what it was."""
    notes: list[str] = []
    (tmp_path / "kept").mkdir()
    ours = Archive(study, tmp_path / "kept", 0.0, notes.append)
    pack(written(tmp_path / "other", run(DONE, "theirs")), ours.file, "another")
    before = ours.file.read_bytes()

    def full(*_: object) -> int:
        raise UserError("no space")

    monkeypatch.setattr(backup, "unpack", full)
    ours.close()
    assert ours.file.read_bytes() == before
    assert notes[0] == "no space"
    assert "another machine has written" in notes[1]


def test_a_drive_that_drops_out_costs_nothing(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked of it fails, from its first stat on: the study goes on, and people are told."""
    notes: list[str] = []
    kept = Archive(study, tmp_path / "drive", 0.0, notes.append)
    look = os.stat

    def stat(path: Any, *more: Any, **options: Any) -> Any:
        if "drive" in str(path):
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return look(path, *more, **options)

    monkeypatch.setattr(os, "stat", stat)
    kept.save()
    kept.close()
    assert len(notes) == 3
    assert all("not connected" in note for note in notes)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Terminated(143)], ids=repr)
def test_a_signal_while_the_last_archive_is_written_lets_it_be_written(
    stop: BaseException, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks to end with all that is there: what it interrupts is done again, and the signal goes on its way."""
    copy, stops = shutil.copyfileobj, [stop]

    def interrupted(*arguments: Any) -> None:
        copy(*arguments)
        if stops:
            raise stops.pop()

    monkeypatch.setattr(shutil, "copyfileobj", interrupted)
    kept = Archive(study, tmp_path, 0.0)
    with pytest.raises(type(stop)):
        kept.close()
    monkeypatch.undo()
    unpack(kept.file, tmp_path / "there" / "study")
    assert files_of(tmp_path / "there" / "study") == files_of(study)


def test_a_file_that_cannot_be_written_costs_nothing(study: Path, tmp_path: Path) -> None:
    """What was kept before stays, and people are told."""
    notes: list[str] = []
    kept = Archive(study, tmp_path, 0.0, notes.append)
    kept.file.mkdir()
    kept.save()
    assert len(notes) == 1
    assert "cannot write" in notes[0]
    assert kept.file.is_dir()


def test_a_directory_that_cannot_be_read_is_not_left_out(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive without its runs would replace one that has them."""
    look = os.scandir

    def scan(path: str) -> Any:
        if Path(path).name == "seed-0":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return look(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(UserError, match="Too many open files"):
        pack(study, tmp_path / "kept" / "study.tar")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(("ours", "comes"), [(None, True), ("theirs", True), ("mine", False)])
def test_trials_come_with_their_list(ours: str | None, comes: bool, tmp_path: Path) -> None:
    """Under the number of one that is proposed here, another's trial would be taken for it."""
    trial, listed = "tuning/cnn/trial-0001/seed-0", "tuning/cnn.json"
    pack(written(tmp_path / "other", run(trial, "done") | {listed: "theirs"}), tmp_path / "study.tar")
    here = written(tmp_path / "here", {"study.yaml": "s"} | ({} if ours is None else {listed: ours}))
    assert unpack(tmp_path / "study.tar", here) == comes
    assert (here / trial).exists() == comes
    assert (here / listed).read_text() == (ours or "theirs")


def test_a_drive_that_is_gone_is_not_made_anew(study: Path, tmp_path: Path) -> None:
    """What would be written there would be this machine's own disk."""
    notes: list[str] = []
    Archive(study, tmp_path / "drive" / "folder", 0.0, notes.append).save()
    assert "is gone; mount it again" in notes[0]
    assert not (tmp_path / "drive").exists()


def test_a_drive_that_fails_costs_nothing(study: Path, tmp_path: Path) -> None:
    """The study goes on, people are told, and what was kept before stays."""
    notes: list[str] = []
    (tmp_path / "file").write_text("in the way")
    kept = Archive(study, tmp_path / "file", 0.0, notes.append)
    before = files_of(study)
    kept.save()
    assert len(notes) == 1
    assert "is gone" in notes[0]
    assert files_of(study) == before


def test_it_is_saved_now_and_then(study: Path, tmp_path: Path) -> None:
    """After so many seconds, not with every look."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    often, seldom = Archive(study, tmp_path / "a", 0.0), Archive(study, tmp_path / "b", 1000.0)
    seen: list[Snapshot] = []
    for one in (often, seldom):
        one.saving_after(seen.append)(Snapshot(()))
    assert len(seen) == 2
    assert often.file.is_file()
    assert not seldom.file.exists()


def test_saving_takes_a_small_share_of_the_time(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drive that takes ten seconds is written every 200, however often it was asked for."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    saves: list[float] = []

    def slow(*_: object) -> None:
        nonlocal now
        saves.append(now)
        now += 10

    monkeypatch.setattr(backup, "pack", slow)
    watch = Archive(study, tmp_path, 60.0).saving_after(lambda _: None)
    while now < 1000:
        watch(Snapshot(()))
        now += 1
    assert np.diff(saves).tolist() == pytest.approx([210] * 4, abs=2)
