"""A study in one file elsewhere: a drive that is slow with many small files keeps it when the machine is gone."""

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

from fashion_compare.errors import UserError
from fashion_compare.store import RunDirectory, write_atomically
from fashion_compare.study.progress import Snapshot

# Ten thousand runs have 50,000 files and 30 GB.
MOST_FILES = 1_000_000
MOST_BYTES = 100 << 30

Show = Callable[[Snapshot], None]


class Archive:
    """Keeps the directory `root` as ``<its name>.tar`` in `directory`; whoever uses it holds the root's lock."""

    def __init__(
        self, root: Path, directory: Path, seconds_between: float, on_note: Callable[[str], None] = lambda _: None
    ) -> None:
        self.file = directory / f"{root.name}.tar"
        self._root = root
        self._seconds_between = seconds_between
        self._on_note = on_note
        self._saved = time.monotonic()

    def restore(self) -> None:
        """Take from the file what the root has not got.

        Raises:
            UserError: the file is damaged, or holds what no study does.
        """
        if self.file.exists():
            self._on_note(f"{unpack(self.file, self._root)} runs taken over from {self.file}")

    def save(self) -> None:
        """Write the file; where that fails the study goes on, and people are told."""
        try:
            pack(self._root, self.file)
        except UserError as error:
            self._on_note(f"{error} (the study itself, in {self._root}, is whole)")
        self._saved = time.monotonic()

    def saving_after(self, show: Show) -> Show:
        """Return `show`, followed by saving when the last time was long enough ago."""

        def watch(snapshot: Snapshot) -> None:
            show(snapshot)
            if time.monotonic() - self._saved >= self._seconds_between:
                self.save()

        return watch


def pack(root: Path, file: Path) -> None:
    """Write the files of a study, unfinished runs with their checkpoints too, to `file`, atomically.

    Each file in the study is whole at any moment, so this may happen while runs go on.

    Raises:
        UserError: something cannot be read or written.
    """
    # A run that finishes from here on is packed as unfinished: some of its files may have been passed by then.
    done = {path.parent for path in root.rglob("result.json")}
    try:
        with tempfile.TemporaryFile() as local:
            with tarfile.open(fileobj=local, mode="w") as tar:
                for path in sorted(root.rglob("*")):
                    if path.name != "result.json" or path.parent in done:
                        _add(tar, path, path.relative_to(root).as_posix())
            local.seek(0)
            # In one go: a drive in the network wants few, large writes.
            write_atomically(file, lambda out: shutil.copyfileobj(local, out, 1 << 20))
    except OSError as error:
        raise UserError(f"cannot pack {root}: {error.strerror or error}; check space and rights") from error


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    # Locks and half-written files begin with a dot.
    if path.name.startswith(".") or path.is_symlink() or not path.is_file():
        return
    try:
        source = path.open("rb")
    except FileNotFoundError:
        # A checkpoint of a run that has just finished.
        return
    with source:
        member = tarfile.TarInfo(name)
        member.size = os.fstat(source.fileno()).st_size
        tar.addfile(member, source)


def unpack(file: Path, root: Path) -> int:
    """Put what `file` holds into `root` where it is missing there, and return how many runs that were.

    Of a run that both have, a finished one stays or comes; of two unfinished ones that in `root` stays.

    Raises:
        UserError: the file cannot be read, or holds anything but plain files inside the study.
    """
    root.mkdir(parents=True, exist_ok=True)
    try:
        # Beside the study, so that whole directories move; nothing of a damaged file gets that far.
        with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=root.parent) as scratch:
            unpacked = Path(scratch)
            with file.open("rb") as source, tarfile.open(fileobj=source, mode="r:") as tar:
                _extract(tar, unpacked)
            return _adopt(unpacked, root)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise UserError(f"cannot unpack {file}: {error}; delete it, and the study starts from what is here") from error


def _extract(tar: tarfile.TarFile, target: Path) -> None:
    """Write every member below `target`; a member that is no plain file there, or too much of them, is refused."""
    files = size = 0
    for member in tar:
        path = PurePosixPath(member.name)
        outside = path.is_absolute() or ".." in path.parts or PureWindowsPath(member.name).anchor
        if outside or "\\" in member.name or not member.isreg() or member.issparse():
            raise ValueError(f"'{member.name}' is no plain file inside the study")
        files, size = files + 1, size + member.size
        if files > MOST_FILES or size > MOST_BYTES:
            raise ValueError(f"more than {MOST_FILES:,} files or {MOST_BYTES >> 30} GB")
        content = tar.extractfile(member)
        assert content is not None
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as out:
            shutil.copyfileobj(content, out, 1 << 20)


def _adopt(unpacked: Path, root: Path) -> int:
    """Move what is missing in `root` there, runs as a whole; return how many runs."""
    runs = [path.parent for path in sorted(unpacked.rglob("config.json"))]
    taken = 0
    for theirs in map(RunDirectory, runs):
        ours = RunDirectory(root / theirs.path.relative_to(unpacked))
        if not ours.path.exists() or (theirs.is_done and not ours.is_done):
            shutil.rmtree(ours.path, ignore_errors=True)
            ours.path.parent.mkdir(parents=True, exist_ok=True)
            theirs.path.rename(ours.path)
            taken += 1
        else:
            shutil.rmtree(theirs.path)
    for path in sorted(unpacked.rglob("*")):
        place = root / path.relative_to(unpacked)
        if path.is_file() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    return taken
