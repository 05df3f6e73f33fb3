"""Every cell of every confusion matrix has its surest images among those chosen."""

import numpy as np
import pytest

from fashion_compare.classifier.functional import softmax
from fashion_compare.explanation.confusion_examples import confused_images


@pytest.mark.parametrize("most", [1, 3])
def test_each_cell_has_its_surest_images(most: int) -> None:
    """By a plain search over all cells of both models; nothing besides is chosen."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    logits = {model: rng.normal(size=(300, 4)) for model in ("ffnn", "cnn")}
    found = confused_images(labels, logits, most)
    wanted: set[int] = set()
    for scores in logits.values():
        sure, answers = softmax(scores).max(axis=1), scores.argmax(axis=1)
        for label in range(4):
            for answer in range(4):
                cell = [i for i in range(300) if labels[i] == label and answers[i] == answer]
                wanted |= set(sorted(cell, key=lambda i: -sure[i])[:most])
    assert found["index"].tolist() == sorted(wanted)
    np.testing.assert_array_equal(found["label"], labels[found["index"]])
    for model, scores in logits.items():
        np.testing.assert_array_equal(found[f"answer/{model}"], scores.argmax(axis=1)[found["index"]])
        np.testing.assert_allclose(found[f"probability/{model}"], softmax(scores).max(axis=1)[found["index"]])


def test_a_cell_with_few_images_gives_all() -> None:
    """A network that is always right has ten cells, each with what there is."""
    labels = np.arange(5)
    found = confused_images(labels, {"cnn": np.eye(5)}, 4)
    assert found["index"].tolist() == [0, 1, 2, 3, 4]
