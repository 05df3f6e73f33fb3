"""Commands about one model: train it once, measure how fast it trains."""

from pathlib import Path
from typing import Annotated

import typer

from fashion_compare.commands.options import AnyIdx, Data, Device, Out, Quiet, check_inside, check_writable, load_data
from fashion_compare.device import check_device, device_for
from fashion_compare.errors import UsageError, nearest


def train(
    model: Annotated[str, typer.Argument(help="ffnn or cnn.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting, repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of weights, batch order and dropout.")] = 0,
    data: Data = "auto",
    any_idx: AnyIdx = False,
    out: Out = Path("runs"),
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train one model once, with live progress. Resumes by itself."""
    from fashion_compare import console
    from fashion_compare.evaluation.metrics import COMPARED, METRIC, scores
    from fashion_compare.evaluation.predictions import load_predictions
    from fashion_compare.execution.plan import root_of
    from fashion_compare.runs.execute import execute
    from fashion_compare.runs.run import Run, data_identity
    from fashion_compare.store.lock import exclusive
    from fashion_compare.study import spec
    from fashion_compare.study.settings import check_effect, configuration, parse_settings

    changes = parse_settings(settings or [])
    configured = configuration(model, changes, f"train {model}")
    check_effect(configured, changes, f"train {model}")
    check_device(device)
    check_writable(out)
    source, dataset = load_data(data, any_idx)
    device = device_for([model], device)
    name = ",".join(f"{key}={value}" for key, value in sorted(changes.items())).replace("/", "_") or spec.BASELINE
    root = root_of(out, "train", dataset)
    one = Run(model, name, configured, seed, None, source, root, data_identity(dataset), device=device)
    check_inside(one.directory.path, out)
    with exclusive(one.directory.path):
        record = execute(one, (lambda _: None) if quiet else (lambda line: console.say(console.epoch_line(line))))
    for note in record.notes:
        console.say(note)
    test = scores(load_predictions(one.directory.predictions)["test"])
    shares = ", ".join(
        f"{METRIC[name].label} {'undefined' if (value := test[name]) is None else f'{value:.4f}'}"
        for name in COMPARED
        if METRIC[name].percent
    )
    console.tell(
        f"{one.label}: best epoch {record.best_epoch} of {record.epochs} by validation; test {shares}; "
        f"{record.seconds:.1f} s of training"
    )
    console.tell(f"Files: {one.directory.path}")


def bench(
    what: Annotated[str, typer.Argument(help="scratch: the network from scratch, beside torch and scikit-learn.")],
    data: Data = "auto",
    threads: Annotated[int, typer.Option(min=1, max=256, help="Of every contestant alike.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Epochs of each contestant that count.")] = 9,
    batch_size: Annotated[
        list[int] | None, typer.Option(min=1, max=60_000, help="Images per step, repeatable; default 128 and 256.")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, max=55_000, help="Images per epoch; default all.")] = None,
    quiet: Quiet = False,
) -> None:
    """Measure how fast the network from scratch trains. Prints a table, then the same and more as JSON."""
    if what != "scratch":
        raise UsageError(f"unknown benchmark '{what}': {nearest(what, ['scratch'])}")
    import json

    from fashion_compare import console
    from fashion_compare.benchmark import compare_training

    _, dataset = load_data(data)
    available = len(dataset.train_labels[:images])
    if max(batch_size or [1]) > available:
        raise UsageError(f"--batch-size {max(batch_size or [1])}: expected at most the {available} images of an epoch")
    measured = compare_training(
        dataset.train_images[:images],
        dataset.train_labels[:images],
        batch_sizes=tuple(batch_size or (128, 256)),
        rounds=rounds,
        threads=threads,
        on_round=(lambda _: None) if quiet else console.say,
    )
    console.tell(console.benchmark_table(measured))
    print(json.dumps(measured))
