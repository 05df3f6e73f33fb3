"""A study in one file elsewhere: a drive that is slow with many small files keeps it when the machine is gone."""

import os
import re
import shutil
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from fashion_compare.classifier.configuration import CONFIGURATIONS
from fashion_compare.errors import UserError
from fashion_compare.execution.progress import Snapshot
from fashion_compare.signals import Terminated
from fashion_compare.store import RunDirectory, write_atomically

# Ten thousand runs have 50,000 files and 30 GB.
MOST_FILES = 1_000_000
MOST_BYTES = 100 << 30
# Of the time that a study takes: what saving may take at most, for no run is handed out meanwhile.
MOST_SAVING = 0.05
# Directories of a study's parts, which have runs as the study itself has.
SPLITS = {"sensitivity", "tuning", "experiments"}
# What tarfile ends in when a file is no archive (thousands of headers that announce each other are a recursion, a size
# may be any number), and members whose names are in each other's way.
_DAMAGE = (
    tarfile.TarError,
    ValueError,
    OverflowError,
    RecursionError,
    FileExistsError,
    NotADirectoryError,
    IsADirectoryError,
)

Show = Callable[[Snapshot], None]


class Archive:
    """Keeps the directory `root` as ``<its name>.tar`` in `directory`; whoever uses it holds the root's lock.

    The lock is this machine's alone. Another machine that keeps its study in the same file is noticed by the file's
    writer, and never overwritten.
    """

    def __init__(
        self,
        root: Path,
        directory: Path,
        seconds_between: float,
        on_note: Callable[[str], None] = lambda _: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.file = directory / f"{root.name}.tar"
        self._root = root
        self._seconds_between = seconds_between
        self._on_note = on_note
        # Raises when the root was deleted: without its runs it would replace an archive that has them.
        self._check = check
        # Whose writing may be replaced: what was read or written last, and what is no archive.
        self._known: set[str | None] = {None}
        self._next = time.monotonic() + seconds_between

    def restore(self) -> None:
        """Take from the file what the root has not got.

        Raises:
            UserError: the file cannot be read, is damaged, or holds what no study does.
        """
        if self.file.exists():
            by, runs = writer(self.file), unpack(self.file, self._root)
            self._known = {by, None}
            taken = f"{runs} run{'' if runs == 1 else 's'} taken over from {self.file}"
            self._on_note(f"{taken}; to start afresh, delete that file as well")

    def save(self) -> None:
        """Write the file; where that fails the study goes on, and people are told.

        Raises:
            UserError: the root was deleted.
        """
        self._check()
        began = time.monotonic()
        try:
            if not self.file.parent.is_dir():
                # Not made again: where a drive was mounted there would now be a plain directory of this machine.
                raise UserError(f"{self.file.parent} is gone; mount it again")
            if self._is_anothers():
                raise UserError(f"another machine has written {self.file} meanwhile, which is left alone; end that one")
            # Each time anew: this machine's last file may be replaced, one that another made after it may not.
            by = uuid.uuid4().hex
            self._known.add(by)
            pack(self._root, self.file, by, self._check)
            self._known = {by, None}
        # A drive that has dropped out fails whatever is asked of it.
        except (UserError, OSError) as error:
            self._check()
            self._on_note(f"{error} (the study itself, in {self._root}, is whole)")
        ended = time.monotonic()
        self._next = ended + max(self._seconds_between, (ended - began) / MOST_SAVING)

    def close(self) -> None:
        """Save for the last time, when no run is under way; what another machine has finished meanwhile comes here."""
        self._check()
        try:
            if self._is_anothers():
                self.restore()
        except (UserError, OSError) as error:
            self._on_note(str(error))
        try:
            self.save()
        except (KeyboardInterrupt, Terminated):
            # A second signal would have ended the process: this one asks to end with all that is there.
            self.save()
            raise

    def _is_anothers(self) -> bool:
        return self.file.exists() and writer(self.file) not in self._known

    def saving_after(self, show: Show) -> Show:
        """Return `show`, followed by saving when the last time was long enough ago."""

        def watch(snapshot: Snapshot) -> None:
            show(snapshot)
            if time.monotonic() >= self._next:
                self.save()

        return watch


def pack(root: Path, file: Path, by: str = "", check: Callable[[], None] = lambda: None) -> None:
    """Write the files of a study, unfinished runs with their checkpoints too, to `file`, atomically.

    Each file in the study is whole at any moment, so this may happen while runs go on.

    Args:
        root: the study's directory.
        file: the archive.
        by: who writes it, for `writer`.
        check: called before `file` is replaced; what it raises leaves that as it is.

    Raises:
        UserError: something cannot be read or written.
    """
    try:
        # A run that finishes from here on is packed as unfinished: some of its files may have been passed by then.
        done = {path.parent for path in _files(root) if path.name == "result.json"}
        with tempfile.TemporaryFile() as local:
            with tarfile.open(fileobj=local, mode="w", pax_headers={"comment": by}) as tar:
                for path in sorted(_files(root)):
                    if path.name != "result.json" or path.parent in done:
                        _add(tar, path, path.relative_to(root).as_posix())
            local.seek(0)
            check()
            # In one go: a drive in the network wants few, large writes.
            write_atomically(file, lambda out: shutil.copyfileobj(local, out, 1 << 20))
    except OSError as error:
        raise UserError(f"cannot pack {root}: {error.strerror or error}; check space and rights") from error


def writer(file: Path) -> str | None:
    """Return who wrote an archive, or None when it is none.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with file.open("rb") as source, tarfile.open(fileobj=source, mode="r:") as tar:
            return tar.pax_headers.get("comment", "")
    except _DAMAGE:
        return None
    except OSError as error:
        raise _unreadable(file, error) from error


def _files(root: Path) -> Iterator[Path]:
    """Yield what lies below `root`; a directory that vanishes meanwhile is left out."""

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for directory, _, names in os.walk(root, onerror=failed):
        yield from (Path(directory) / name for name in names)


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

    Of a run that both have, a finished one stays or comes; of two unfinished ones that in `root` stays, unless it alone
    has no checkpoint. Of runs that are defined otherwise that in `root` stays. Trials come only where none were
    proposed, or the same ones: others would stand under the numbers of what is proposed next.

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
    except _DAMAGE as error:
        raise UserError(f"cannot unpack {file}: {error}; delete it, and the study starts from what is here") from error
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> UserError:
    # Not to be deleted for that: it may be the only copy.
    return UserError(
        f"cannot unpack {file}: {error}; check that its drive is there and this disk has space, and try again"
    )


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
    definitions = [path.relative_to(unpacked) for path in sorted(unpacked.rglob("config.json"))]
    for path in definitions:
        if not _defines_run(path):
            raise ValueError(f"'{path}' defines no run of a study")
    taken = 0
    for path in definitions:
        theirs, ours = RunDirectory((unpacked / path).parent), RunDirectory((root / path).parent)
        if _is_ahead(theirs, ours) and not _is_foreign_trial(path, unpacked, root):
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


def _defines_run(path: PurePath) -> bool:
    """Return whether a file is where `plan.run_path` puts a definition, in the study itself or in one of its parts.

    None of these directories holds another, so that replacing a run replaces nothing else.
    """
    parts = path.parts[1:] if path.parts[0] in SPLITS else path.parts
    return len(parts) == 4 and parts[0] in CONFIGURATIONS and bool(re.fullmatch(r"seed-\d+", parts[2]))


def _is_ahead(theirs: RunDirectory, ours: RunDirectory) -> bool:
    """Say whether `theirs` is the same run and got further, or is the only one that is defined."""
    if not ours.config.exists():
        return True
    if ours.config.read_bytes() != theirs.config.read_bytes() or ours.is_done:
        return False
    return theirs.is_done or (theirs.checkpoint.exists() and not ours.checkpoint.exists())


def _is_foreign_trial(path: Path, unpacked: Path, root: Path) -> bool:
    """Say whether a run belongs to a list of proposals that is not the one in `root`."""
    part, model = path.parts[:2]
    ours, theirs = (place / "tuning" / f"{model}.json" for place in (root, unpacked))
    return part == "tuning" and ours.exists() and not (theirs.exists() and ours.read_bytes() == theirs.read_bytes())
