"""Decide where the images come from: a local copy, else a download, else, where allowed, the synthetic data."""

import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import platformdirs

from fashion_compare.data.download import MIRRORS, REACH_SECONDS, NoMirrorReachable, download
from fashion_compare.data.https import Progress
from fashion_compare.errors import DataError, UsageError

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"

# Of the uncompressed bytes: this decides whether a file is Fashion-MNIST.
SHA256 = {
    TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# Of the .gz files as published: this decides whether a download is complete and right.
PUBLISHED_SHA256 = {
    TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
# Handwritten digits under the same file names: the copy most often found in the data's place.
MNIST_SHA256 = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
FILE_NAMES = tuple(SHA256)

# A directory named by mistake may have any number.
_COMPARED_NAMES = 1000
_ADVICE = "name a copy with --data DIR or $FASHION_MNIST_DIR, or use the synthetic data with --data synthetic"


@dataclass(frozen=True)
class Source:
    """Where a data set is read from; small and picklable, so that workers read it themselves.

    Attributes:
        kind: ``files`` for Fashion-MNIST, ``other`` for whatever else is in its format, ``synthetic``.
        directory: absolute, holds the four files; None for the synthetic data.
        description: for people and result files; names no home directory.
    """

    kind: Literal["files", "other", "synthetic"]
    directory: Path | None
    description: str


def resolve(
    data: str = "auto",
    *,
    any_idx: bool = False,
    synthetic_allowed: bool = False,
    announce: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
    progress: Progress = lambda _done, _total, _name: None,
    mirrors: Sequence[str] = MIRRORS,
    published: Mapping[str, str] = PUBLISHED_SHA256,
    reach_seconds: float = REACH_SECONDS,
) -> Source:
    """Return the source that `data` stands for, downloading Fashion-MNIST when no copy is here.

    Nothing is read yet: a wrong copy is an error of `dataset.load`, never a reason to look further.

    Args:
        data: ``auto``, ``synthetic`` or a directory.
        any_idx: take other data in the same format from that directory.
        synthetic_allowed: take the synthetic data when no mirror can be reached.
        announce: told, a line at a time, what the user should know before work starts.
        progress: bytes done, bytes in all and file name of a download.
        mirrors: where to download from.
        published: file name → SHA-256 of its published ``.gz``.
        reach_seconds: how long mirrors may take to answer.

    Raises:
        DataError: the directory named lacks files, or the download failed.
        UsageError: other data was asked for without a directory.
    """
    if any_idx:
        if data in ("auto", "synthetic"):
            raise UsageError("--any-idx: expected --data DIR with it, the directory of the other data")
        return _named(data, "--data", "other data in the same format, named by --data", "other")
    if data == "synthetic":
        announce("Using SYNTHETIC data 'garments', drawn by code: its numbers say nothing about Fashion-MNIST.")
        return _SYNTHETIC
    if data != "auto":
        return _named(data, "--data", "the local copy named by --data")
    return _found(announce) or _downloaded(synthetic_allowed, announce, progress, mirrors, published, reach_seconds)


def _found(announce: Callable[[str], None]) -> Source | None:
    """Return the copy that the environment names, or the one in a usual place."""
    if named := os.environ.get("FASHION_MNIST_DIR"):
        return _named(named, "$FASHION_MNIST_DIR", "the local copy named by $FASHION_MNIST_DIR")
    return find_local(announce)


def _downloaded(
    synthetic_allowed: bool,
    announce: Callable[[str], None],
    progress: Progress,
    mirrors: Sequence[str],
    published: Mapping[str, str],
    reach_seconds: float,
) -> Source:
    """Download into the cache what it lacks; where that cannot be, return the synthetic data, if it is allowed."""
    cache = cache_directory()
    try:
        announce(f"No local copy of Fashion-MNIST found: downloading it into {cache} (about 30 MB, once).")
        wanted = {f"{name}.gz": published[name] for name in missing_files(cache)}
        download(cache, wanted, mirrors=mirrors, progress=progress, announce=announce, reach_seconds=reach_seconds)
    except NoMirrorReachable as error:
        if not synthetic_allowed:
            raise NoMirrorReachable(f"{error}; {_ADVICE}") from error
        announce(
            f"WARNING: {error}. Going on with SYNTHETIC data 'garments', drawn by code: its numbers "
            "say nothing about Fashion-MNIST. For the real data: --data DIR or $FASHION_MNIST_DIR."
        )
        return _SYNTHETIC
    except DataError as error:
        raise DataError(f"{error}; {_ADVICE}") from error
    return Source("files", cache, _CACHE_DESCRIPTION)


def find_local(announce: Callable[[str], None] = lambda _line: None) -> Source | None:
    """Return the first usual place that holds all four files; one that holds only some is announced."""
    for directory, description in usual_places():
        missing = missing_files(directory)
        if not missing:
            return Source("files", directory, description)
        # A half-filled cache is a download to go on with.
        if len(missing) < len(FILE_NAMES) and directory != cache_directory():
            announce(f"Passing over {directory}: it lacks {', '.join(missing)}.")
    return None


def usual_places() -> Iterator[tuple[Path, str]]:
    """Yield the directories looked at without being asked, in order, each with its description."""
    here, home = Path.cwd(), Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises without a home
    yield here / "data" / "fashion-mnist", "the local copy in data/fashion-mnist"
    if checkout := _source_checkout():
        yield checkout.parent / "shared" / "fashion-mnist", "the local copy in ../shared/fashion-mnist"
    yield cache_directory(), _CACHE_DESCRIPTION
    for root in (here / "data", here, home / "data"):
        yield root / "FashionMNIST" / "raw", "torchvision's copy in FashionMNIST/raw"
    yield home / ".keras" / "datasets" / "fashion-mnist", "Keras's copy in ~/.keras/datasets/fashion-mnist"


def cache_directory() -> Path:
    """Return where downloads are kept; the platform's user cache."""
    return Path(platformdirs.user_cache_dir("fashion-compare")) / "fashion-mnist"


def file_in(directory: Path, name: str) -> Path | None:
    """Return the file `name` of `directory`, unpacked or with ``.gz``, or None when it has neither."""
    for candidate in _spellings(name):
        try:
            if (directory / candidate).is_file():
                return directory / candidate
        except OSError:
            # A directory that may not be entered holds nothing for this user.
            continue
    return None


def missing_files(directory: Path) -> list[str]:
    """Return which of the four files `directory` lacks."""
    return [name for name in FILE_NAMES if file_in(directory, name) is None]


_CACHE_DESCRIPTION = "the download in the user cache"
_SYNTHETIC = Source("synthetic", None, "the embedded synthetic data, drawn by code")


def _named(text: str, option: str, description: str, kind: Literal["files", "other"] = "files") -> Source:
    directory = Path(os.path.expanduser(text)).absolute()  # noqa: PTH111 - Path.expanduser raises for ~nobody
    if missing := missing_files(directory):
        lacks = f"lacks {', '.join(missing)}{_similar_file(directory, missing)}"
        what = lacks if directory.is_dir() else "is not a directory that can be read"
        raise DataError(
            f"{option}: {directory} {what}; expected the four files of Fashion-MNIST, unpacked or .gz; "
            "name another directory, or get them with --data auto"
        )
    return Source(kind, directory, description)


def _spellings(name: str) -> tuple[str, ...]:
    """Return the names that a file is read under: some unpackers write ``train-images.idx3-ubyte``, with a dot."""
    dotted = name.replace("-idx", ".idx")
    return name, f"{name}.gz", dotted, f"{dotted}.gz"


def _similar_file(directory: Path, missing: Sequence[str]) -> str:
    """Say which file of `directory` has almost the name of one that is missing; nothing where none has."""
    known = {spelling for name in FILE_NAMES for spelling in _spellings(name)}
    try:
        names = [path.name for path in directory.iterdir() if path.name not in known and path.is_file()]
    except OSError:
        return ""
    lower = {name.lower(): name for name in names[:_COMPARED_NAMES]}
    for name in missing:
        if close := get_close_matches(name, lower, n=1, cutoff=0.8):
            return f" (it has {lower[close[0]]}, expected {name} or {name}.gz)"
    return ""


def _source_checkout() -> Path | None:
    """Return the root of the source tree this file runs from, or None when it is installed elsewhere."""
    for parent in Path(__file__).resolve().parents:
        try:
            with (parent / "pyproject.toml").open("rb") as file:
                project = tomllib.load(file).get("project", {})
        except (OSError, ValueError):
            continue
        if isinstance(project, dict) and project.get("name") == "fashion-compare":
            return parent
    return None
