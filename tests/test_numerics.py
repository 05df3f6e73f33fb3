"""The edges of training and scoring: each has a defined answer, and none is a crash or a number that is none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.data.dataset import pixel_statistics
from fashion_compare.errors import UserError
from fashion_compare.evaluation.metrics import COMPARED, METRIC, influences, scores
from fashion_compare.evaluation.predictions import Predictions, load_predictions
from fashion_compare.store import RunDirectory
from fashion_compare.training import train

KINDS = {"ffnn": FfnnConfiguration, "cnn": CnnConfiguration}


def trained(path, configuration, dataset):
    """Train one run, and return its epochs and its scores on the test set."""
    directory = RunDirectory(path)
    directory.claim({"run": "of the tests"})
    train(configuration, 0, dataset, directory)
    test = load_predictions(directory.predictions)["test"]
    return directory.read_metrics(), scores(test)


def numbers(value):
    """Every number in what JSON would hold."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers(inner)
    elif isinstance(value, int | float):
        yield value


@pytest.mark.parametrize("model", KINDS)
def test_no_epochs_are_the_network_as_it_is_drawn(model, tmp_path, tiny_dataset):
    """The measurement before training is the only and the best epoch; log loss is not better than that of guessing."""
    history, found = trained(tmp_path, KINDS[model](epochs=0), tiny_dataset)
    assert [line["epoch"] for line in history] == [0]
    assert history[0]["objective"] is None
    assert math.log(10) - 0.5 < found["loss"] < math.log(10) + 2
    assert 0 <= found["accuracy"] < 0.5


@pytest.mark.parametrize("model", KINDS)
def test_a_batch_larger_than_the_data_is_the_whole_of_it(model, tmp_path, tiny_dataset):
    """Whatever is beyond the last image makes no difference, to the bit."""
    images = len(tiny_dataset.train_labels)
    same = [
        trained(tmp_path / str(size), KINDS[model](epochs=2, batch_size=size), tiny_dataset)[1]
        for size in (images, images + 1, 4096)
    ]
    assert same[0] == same[1] == same[2]


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_one_image_is_enough_to_train(model, normalization, tmp_path, tiny_dataset):
    """One training image in each epoch: every number stays finite, and the image is learned."""
    one = replace(tiny_dataset, train_images=tiny_dataset.train_images[:1], train_labels=tiny_dataset.train_labels[:1])
    configuration = KINDS[model](epochs=12, batch_size=64, learning_rate=0.01, normalization=normalization)
    history, found = trained(tmp_path, configuration, one)
    assert all(map(math.isfinite, numbers(history)))
    assert all(map(math.isfinite, numbers(found)))
    if normalization == "none":
        assert history[-1]["train_accuracy"] == 1.0


@pytest.mark.parametrize("model", KINDS)
def test_images_without_contrast_are_refused(model, tmp_path, tiny_dataset):
    """Every pixel the same: they cannot be normalised, and one line says so."""
    grey = replace(tiny_dataset, train_images=np.full_like(tiny_dataset.train_images, 7))
    assert pixel_statistics(grey.train_images) == (7.0, 0.0)
    with pytest.raises(UserError, match="every pixel of the training images is 7: there is nothing to learn"):
        trained(tmp_path, KINDS[model](epochs=1), grey)


def test_equal_scores_tell_nothing_apart():
    """The same logits for every image: every AUC is one half, and each metric is a finite number."""
    labels = np.arange(40) % 10
    predictions = Predictions(labels, np.zeros((40, 10), np.float32))
    found = scores(predictions)
    assert predictions.one_vs_rest_auc[0] == [0.5] * 10
    assert found["auc_macro_ovr"] == found["auc_micro"] == 0.5
    assert found["accuracy"] == 0.1
    assert found["loss"] == pytest.approx(math.log(10))
    assert found["ece"] == pytest.approx(0.0, abs=1e-12)
    columns = influences(Predictions(labels, np.zeros((40, 10), np.float32)))
    assert columns["auc_macro_ovr"].mean() == pytest.approx(0.5)
    assert np.isfinite([columns[metric] for metric in COMPARED]).all()


def test_one_image_has_every_score_that_one_image_can_have():
    """Right or wrong, certain or not; an AUC of classes needs an image of each side."""
    for logits in ([[0.0, 0.0, 9.0]], [[1e4, 0.0, -1e4]]):
        found = scores(Predictions(np.array([2]), np.array(logits, np.float32)))
        assert found["auc_macro_ovr"] is None
        assert all(found[metric] is None or math.isfinite(found[metric]) for metric in METRIC)
