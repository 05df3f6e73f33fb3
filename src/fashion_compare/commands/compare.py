"""The command that compares saved predictions of any two models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fashion_compare.errors import UsageError, UserError

if TYPE_CHECKING:
    from fashion_compare.evaluation.prediction_files import External

_USAGE = "expected two files, or --a FILE… --b FILE… with as many of each"


def compare(
    files: Annotated[
        list[str], typer.Argument(metavar="A B | --a A… --b B…", help="Files of predictions, .npz or .csv.")
    ],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every number here as well.")] = None,
) -> None:
    """Compare two models of any kind from their predictions for the same images, a file a seed.

    An .npz has 'labels' (n,) and 'logits' or 'probabilities' (n, classes); a .csv a column 'label' and a column
    'logit_NAME' or 'probability_NAME' for each class. The first file of A is paired with the first of B, and so on.
    """
    a, b = _sides(files)
    if json_file is not None and json_file.is_dir():
        raise UsageError(f"--json {json_file}: that is a directory; expected a file to write")
    from fashion_compare import console
    from fashion_compare.comparison.from_predictions import compare_predictions
    from fashion_compare.evaluation.prediction_files import alike, read_external
    from fashion_compare.report.terminal_compare import comparison
    from fashion_compare.store import make_directory, write_json

    held_a, held_b = ([read_external(path) for path in paths] for paths in (a, b))
    first = held_a[0]
    for path, held in zip(a + b, held_a + held_b, strict=True):
        _check_same_images(a[0], first, path, held)
    for paths, side in ((a, held_a), (b, held_b)):
        _check_different_runs(paths, side)
    for file in held_a + held_b:
        if file.note:
            console.say(file.note)
    predictions = alike(held_a + held_b)
    found = compare_predictions(predictions[: len(held_a)], predictions[len(held_a) :])
    names = next((held.class_names for held in held_a + held_b if held.class_names), None)
    classes = names or [str(c) for c in range(first.predictions.logits.shape[1])]
    for part in comparison(found, classes, len(first.predictions.labels)):
        console.tell(part)
    if json_file is not None:
        make_directory(json_file.parent, parents=True)
        write_json(json_file, {"files": {"a": [*map(str, a)], "b": [*map(str, b)]}, **found.model_dump()})
        console.tell(f"Numbers: {json_file}")


def _sides(words: list[str]) -> tuple[list[Path], list[Path]]:
    """Return the files of both sides: what follows --a and what follows --b, or two files."""
    sides: dict[str, list[Path]] = {"--a": [], "--b": []}
    if not any(word.startswith("-") for word in words):
        if len(words) != 2:
            raise UsageError(f"compare: got {len(words)} files; {_USAGE}")
        return [Path(words[0])], [Path(words[1])]
    side = None
    for word in words:
        if word in sides:
            side = sides[word]
        elif word.startswith("-") or side is None:
            raise UsageError(f"compare: did not understand '{word}'; {_USAGE}")
        else:
            side.append(Path(word))
    a, b = sides.values()
    if len(a) != len(b) or not a:
        raise UsageError(f"compare: got {len(a)} files of A and {len(b)} of B; {_USAGE}")
    return a, b


def _check_different_runs(paths: list[Path], side: "list[External]") -> None:
    """Refuse a run that stands twice: a copy is no second seed."""
    seen: dict[bytes, Path] = {}
    for path, held in zip(paths, side, strict=True):
        earlier = seen.setdefault(held.predictions.logits.tobytes(), path)
        if earlier is not path:
            raise UserError(f"{path} holds the same predictions as {earlier}; expected a file a seed")


def _same_classes(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Return whether these can be the same classes: case counts only where classes differ in nothing else."""
    folded, others = ([name.casefold() for name in names] for names in (ours, theirs))
    return not ours or not theirs or ours == theirs or (folded == others and len(set(folded)) == len(folded))


def _check_same_images(first_path: Path, first: "External", path: Path, held: "External") -> None:
    """Refuse files that cannot be about the same images in the same order."""
    ours, theirs = first.predictions, held.predictions
    if not _same_classes(first.class_names, held.class_names):
        raise UserError(
            f"{path} has the classes {', '.join(held.class_names)}, {first_path} {', '.join(first.class_names)}; "
            "expected the same in the same order"
        )
    if ours.logits.shape != theirs.logits.shape:
        raise UserError(
            f"{path} has {theirs.logits.shape[0]} images and {theirs.logits.shape[1]} classes, {first_path} "
            f"{ours.logits.shape[0]} and {ours.logits.shape[1]}; expected predictions of the same images"
        )
    different = int((ours.labels != theirs.labels).sum())
    if different:
        raise UserError(
            f"{path} and {first_path} disagree on the labels of {different} images; expected the same images in order"
        )
