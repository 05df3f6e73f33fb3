"""What several rooms' tests share: a data set small enough to train on in a fraction of a second."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fashion_compare.data.dataset import CLASS_NAMES, Dataset
from tests.programs import end_all


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all tests of the browser, and else those of one file, be one worker's where `--dist loadgroup` is given."""
    for item in items:
        if item.get_closest_marker("slow"):
            in_browser = "browser" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("browser" if in_browser else item.path.name))


@pytest.fixture(scope="session")
def tiny_dataset() -> Dataset:
    """400 training, 100 validation and 200 test images: a blurry random prototype a class, and noise.

    Both models learn it within a few epochs, and neither gets every image right.
    """
    generator = np.random.default_rng(0)
    prototypes = gaussian_filter(generator.normal(size=(10, 28, 28)), (0, 3, 3))
    prototypes /= prototypes.std(axis=(1, 2), keepdims=True)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = generator.permutation(np.arange(n) % 10)
        contrast = generator.uniform(10, 40, (n, 1, 1))
        noise = generator.normal(0, 40, (n, 28, 28))
        return np.clip(90 + contrast * prototypes[labels] + noise, 0, 255).astype(np.uint8), labels

    train, validation, test = draw(400), draw(100), draw(200)
    return Dataset(
        name="tiny",
        source="drawn by the tests",
        is_synthetic=True,
        class_names=CLASS_NAMES,
        sha256={"tiny": "0" * 64},
        split_sha256="1" * 64,
        train_images=train[0],
        train_labels=train[1],
        validation_images=validation[0],
        validation_labels=validation[1],
        test_images=test[0],
        test_labels=test[1],
    )


@pytest.fixture(autouse=True)
def _no_program_is_left_running() -> Iterator[None]:
    """A test that fails while a program of its own runs leaves it to nobody."""
    yield
    end_all()
