"""The command that explains trained networks: a whole study's, or what one run makes of one image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fashion_compare.commands import options
from fashion_compare.commands.finish_study import collect_results, explain_and_finish, read_context
from fashion_compare.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fashion_compare.data.dataset import Dataset
    from fashion_compare.runs.run import DataIdentity


def explain(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run's directory (with --image), or a study's.")],
    image: Annotated[
        str | None, typer.Option(help="For a run: number of a test image, from 0, or a picture file.")
    ] = None,
    data: options.Data = "auto",
) -> None:
    """Explain one image by a run's network, or make a study's missing explanations and its report. Trains nothing."""
    if image is None:
        if (directory / "config.json").is_file():
            raise UsageError(
                f"{directory} is one run; expected --image with it, the number of a test image (from 0) or a picture "
                "file, or a study's directory without"
            )
        options.check_study_directory(directory)
        _explain_study(directory, data)
        return
    _explain_image(directory, image, data)


def _explain_study(root: Path, data: str) -> None:
    from fashion_compare.results.files import read_dataset_description
    from fashion_compare.store.lock import exclusive

    dataset = _same_data(data, read_dataset_description(root).identity)
    with exclusive(root):
        context, described = read_context(root)
        explain_and_finish(context, collect_results(context, described, {}), dataset)


def _explain_image(path: Path, image: str, data: str) -> None:
    from fashion_compare import console
    from fashion_compare.analysis.single_image import (
        PIXELS_SHA256,
        check_run_directory,
        data_of,
        explain_image,
        own_stem,
        pixels_sha256,
    )
    from fashion_compare.data.dataset import class_names
    from fashion_compare.store import make_directory, refuse_links_out, write_json, write_text

    directory = check_run_directory(path)
    refuse_links_out(path)
    identity = data_of(directory)
    classes = class_names(identity["name"])
    if image.isdecimal():
        dataset = _same_data(data, identity)
        pixels, label = _test_image(dataset, int(image))
        title, stem = f"test image {image}", f"image-{int(image)}"
    else:
        from fashion_compare.data.picture import read_picture

        (pixels, inverted), label = read_picture(Path(image)), None
        if inverted:
            console.say(f"{image} shows a dark garment: inverted, as Fashion-MNIST shows garments bright on black")
        title, stem = Path(image).name, f"picture-{Path(image).stem}"
    explained, maps = explain_image(directory, pixels, label)
    # Behind all that is read: drawing takes its time to import.
    from fashion_compare.report.figures.single_image import explanation
    from fashion_compare.report.figures.style import standalone

    drawing = explanation(title, pixels, explained, maps, classes)
    out = directory.path / "explanations"
    make_directory(out)
    if label is None:
        # Pictures of other folders may have the same name.
        stem = own_stem(out, stem, pixels)
    write_json(out / f"{stem}.json", {"image": title, PIXELS_SHA256: pixels_sha256(pixels), **explained.model_dump()})
    write_text(out / f"{stem}.svg", standalone(drawing.svg))
    known = "" if label is None else f" ({'right' if label == explained.predicted else f'wrong: {classes[label]}'})"
    console.tell(f"{classes[explained.predicted]}, {100 * max(explained.probabilities):.1f}%{known}")
    console.tell(f"Figure:  {out / f'{stem}.svg'}")
    console.tell(f"Numbers: {out / f'{stem}.json'}")


def _same_data(data: str, identity: "DataIdentity") -> "Dataset":
    """Return the data that a study or run was made with.

    Raises:
        DataError: `data` is another.
    """
    from fashion_compare.runs.run import data_identity

    name, other = identity["name"], identity["name"].startswith("idx-")
    if other and data == "auto":
        raise UsageError(f"trained on {name}, other data than Fashion-MNIST: name its directory with --data DIR")
    _, dataset = options.load_data("synthetic" if name == "garments" and data == "auto" else data, other)
    if data_identity(dataset) != identity:
        raise DataError(f"{dataset.source} holds {dataset.name}, not the data that this was trained on; use --data")
    return dataset


def _test_image(dataset: "Dataset", number: int) -> "tuple[NDArray[np.uint8], int]":
    if number >= len(dataset.test_images):
        raise UsageError(f"--image {number}: expected 0 to {len(dataset.test_images) - 1}, or a picture file")
    return dataset.test_images[number], int(dataset.test_labels[number])
