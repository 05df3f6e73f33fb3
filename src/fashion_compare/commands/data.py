"""The command about the data."""

from fashion_compare.commands.options import AnyIdx, Data, load_data


def data(data: Data = "auto", any_idx: AnyIdx = False) -> None:
    """Find Fashion-MNIST (download it if need be), verify it, and say what it is."""
    import numpy as np

    from fashion_compare import console

    source, dataset = load_data(data, any_idx)
    console.tell(f"{dataset.name}, {dataset.source}" + (f": {source.directory}" if source.directory else ""))
    for part in ("train", "validation", "test"):
        labels = getattr(dataset, f"{part}_labels")
        counts = np.bincount(labels, minlength=len(dataset.class_names))
        console.tell(f"{part:>10}: {len(labels):>6} images, {counts.min()} to {counts.max()} of each class")
    for name, digest in dataset.sha256.items():
        console.tell(f"{digest}  {name}")
    console.tell(f"{dataset.split_sha256}  validation indices")
