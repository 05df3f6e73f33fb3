"""A study's directory that is deleted, moved or replaced while a command works in it."""

import shutil
from pathlib import Path

import pytest

from fashion_compare.errors import UserError
from fashion_compare.execution.backup import Archive, unpack
from fashion_compare.store.lock import exclusive
from tests.idx_files import write_drawn
from tests.programs import LONG, SHORT, ended_within, start, until, workers


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("deleted")
    write_drawn(place / "data", 2400, 300)
    (place / "long.yaml").write_text(LONG)
    (place / "short.yaml").write_text(SHORT)
    return place


def study_in(out: Path) -> Path:
    (root,) = out.iterdir()
    return root


@pytest.mark.parametrize(
    ("command", "what", "engine"),
    [
        ("run", "long.yaml", "local"),
        ("tune", "long.yaml", "local"),
        ("train", "ffnn", None),
        pytest.param("run", "long.yaml", "dask", marks=pytest.mark.slow),
    ],
)
def test_a_command_stops_when_its_directory_is_deleted(
    place: Path, tmp_path: Path, command: str, what: str, engine: str | None
) -> None:
    """Within an epoch: workers end, one line says why, exit 1, and nothing is written in its place."""
    out = tmp_path / "runs"
    more = ["--engine", engine] if engine else ["--set", "epochs=2000"]
    named = what if what == "ffnn" else place / what
    process = start([command, named, "--data", place / "data", "--any-idx", "--out", out, *more, "--quiet"], tmp_path)
    until(lambda: list(out.rglob("metrics.jsonl")), process)
    ours, root = workers(process), study_in(out)
    # A run that is about to write makes `rm -r` itself fail, and is not what this is about.
    until(lambda: shutil.rmtree(root, ignore_errors=True) or not root.exists(), process)
    assert process.wait(60) == 1
    assert ended_within(ours, 10)
    line = (tmp_path / "stderr").read_text().splitlines()[-1]
    assert line.startswith(f"fashion-compare: {root}")
    assert "was deleted or moved while it was in use" in line
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("moment", ["metrics.jsonl", "Explaining single images"])
def test_an_archive_is_not_replaced_by_that_of_a_study_that_was_moved(place: Path, tmp_path: Path, moment: str) -> None:
    """It may be the only copy: what was kept before the study was moved away is there, runs and all."""
    out, kept = tmp_path / "runs", tmp_path / "kept"
    explaining = moment.startswith("Explaining")
    what = place / ("short.yaml" if explaining else "long.yaml")
    words = ["run", what, "--data", place / "data", "--any-idx", "--out", out]
    process = start([*words, "--keep", kept, "--keep-minutes", "0.01"], tmp_path)
    if explaining:
        until(lambda: moment in (tmp_path / "stderr").read_text(), process)
    else:
        until(lambda: list(out.rglob(moment)) and list(kept.glob("*.tar")), process)
    root = study_in(out)
    root.rename(tmp_path / "moved")
    assert process.wait(60) == 1
    assert "was deleted or moved" in (tmp_path / "stderr").read_text().splitlines()[-1]
    assert list(out.iterdir()) == []
    (file,) = kept.iterdir()
    assert unpack(file, tmp_path / "there" / "study") >= 1
    assert (tmp_path / "there" / "study" / "study.yaml").is_file()


def work_and_lose(root: Path, how: str) -> None:
    """Work in a directory that is lost meanwhile, in one of several ways, and fail."""
    with exclusive(root) as check:
        check()
        if how == "moved":
            root.rename(root.with_name("elsewhere"))
        else:
            shutil.rmtree(root)
        if how == "replaced":
            root.mkdir()
            (root / ".lock").write_text("")
        raise IndexError(how)


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_what_fails_because_the_directory_is_lost_is_told_as_that(tmp_path: Path, how: str) -> None:
    """Another directory in its place, which another process may have locked, is not the one that was locked."""
    with pytest.raises(UserError, match="study was deleted or moved while it was in use"):
        work_and_lose(tmp_path / "study", how)


def test_what_fails_for_another_reason_is_told_as_ever(tmp_path: Path) -> None:
    """With the directory in its place a mistake stays a mistake, and the lock is free again."""
    with pytest.raises(IndexError, match="a mistake"), exclusive(tmp_path / "study"):
        raise IndexError("a mistake")
    with exclusive(tmp_path / "study") as check:
        check()


def test_a_directory_that_is_lost_is_told_even_where_nothing_failed(tmp_path: Path) -> None:
    """A command that has written its last file there has no result to speak of."""
    with pytest.raises(UserError, match="was deleted or moved"), exclusive(tmp_path / "study"):
        shutil.rmtree(tmp_path / "study")


def test_an_archive_is_left_alone_when_its_study_is_deleted_while_it_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first file that is read and the moment that the old archive would be replaced."""
    root = tmp_path / "study"
    (tmp_path / "kept").mkdir()
    is_file = Path.is_file

    def delete_then_look(path: Path) -> bool:
        shutil.rmtree(root, ignore_errors=True)
        return is_file(path)

    def save_twice() -> None:
        with exclusive(root) as check:
            (root / "study.yaml").write_text("s")
            kept = Archive(root, tmp_path / "kept", 0.0, check=check)
            kept.save()
            monkeypatch.setattr(Path, "is_file", delete_then_look)
            kept.save()

    with pytest.raises(UserError, match="was deleted or moved"):
        save_twice()
    monkeypatch.undo()
    unpack(tmp_path / "kept" / "study.tar", tmp_path / "there" / "study")
    assert (tmp_path / "there" / "study" / "study.yaml").read_text() == "s"
