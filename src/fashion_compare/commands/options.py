"""What several commands share: options, and what is checked before work starts."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fashion_compare.errors import UsageError

if TYPE_CHECKING:
    from fashion_compare.data.dataset import Dataset
    from fashion_compare.data.sources import Source

StudyName = Annotated[
    str, typer.Argument(metavar="[STUDY]", help="A shipped study (best-ffnn, default, full, quick) or a .yaml file.")
]
Data = Annotated[
    str, typer.Option(help="Where Fashion-MNIST is: auto, synthetic (the synthetic data), or a directory.")
]
AnyIdx = Annotated[
    bool, typer.Option("--any-idx", help="Take other data in the same format from --data DIR, named by its hashes.")
]
Out = Annotated[Path, typer.Option(help="Directory that results are written to.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
Seeds = Annotated[int | None, typer.Option(min=1, max=1000, help="Use seeds 0 … N-1 instead of the study's.")]
Workers = Annotated[int | None, typer.Option(min=1, max=256, help="Runs side by side; default one per core.")]
Engine = Annotated[str, typer.Option(help="Where runs are done: local, or dask (with the extra 'dask').")]
Scheduler = Annotated[
    str | None, typer.Option(help="dask's, tcp://HOST:PORT or tls://HOST:PORT; default a local cluster.")
]
TlsCa = Annotated[Path | None, typer.Option(help="PEM file of the authority, for tls://.")]
TlsCert = Annotated[Path | None, typer.Option(help="PEM file of the certificate, for tls://.")]
TlsKey = Annotated[Path | None, typer.Option(help="PEM file of its key, for tls://.")]
Device = Annotated[str, typer.Option(help="Where the cnn trains: auto (a GPU when there is one), cpu, or cuda.")]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Mirror curves (with its extra).")]
StudyDirectory = Annotated[Path, typer.Argument(metavar="DIR", help="A study's directory, such as runs/default.")]


def complain(message: str) -> None:
    """Print what went wrong, in one line."""
    from fashion_compare import console

    console.say(f"fashion-compare: {message}")


def load_data(data: str, any_idx: bool = False, *, synthetic_allowed: bool = False) -> "tuple[Source, Dataset]":
    """Find, verify and read the data; other data in the same format than Fashion-MNIST only if asked for."""
    from fashion_compare import console
    from fashion_compare.data import sources
    from fashion_compare.data.dataset import dataset_of, notes

    with console.download_progress() as progress:
        source = sources.resolve(
            data, any_idx=any_idx, synthetic_allowed=synthetic_allowed, announce=console.say, progress=progress
        )
    dataset = dataset_of(source)
    for line in notes(dataset):
        console.say(line)
    return source, dataset


def check_study_directory(directory: Path) -> None:
    """Refuse a directory that no study was run in, or that leads elsewhere."""
    from fashion_compare.store import refuse_links_out

    if not (directory / "study.yaml").is_file() or not (directory / "dataset.json").is_file():
        below = sorted(str(path.parent) for path in directory.glob("*/study.yaml"))
        known = below or [str(path) for path in directory.parents if (path / "study.yaml").is_file()]
        hint = f"such as {known[0]}" if known else "as 'fashion-compare run' makes it"
        raise UsageError(
            f"{directory} is not a study's directory; expected one with study.yaml and dataset.json, {hint}"
        )
    refuse_links_out(directory)


def check_inside(root: Path, out: Path) -> None:
    """Refuse a study's directory that is a link out of the directory for results."""
    if not root.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"{root} is a symbolic link out of {out}; remove it, or name where it leads with --out")


def check_writable(out: Path, option: str = "--out") -> None:
    """Find out before the work, not after it, whether results can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{option} {out}: {error.strerror}; choose a directory that can be written") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {out}: no right to write there; choose another directory")
