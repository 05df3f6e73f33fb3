"""One loop for both models: same order, same measurements, same choice of epoch, and a resume to the bit."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import scipy.special

from fashion_compare import training
from fashion_compare.classifier import build
from fashion_compare.classifier.cnn import CnnClassifier
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.classifier.ffnn import FfnnClassifier
from fashion_compare.data.dataset import evaluation_part
from fashion_compare.errors import UserError
from fashion_compare.schedules import learning_rates
from fashion_compare.store import RunDirectory, load_arrays
from fashion_compare.training import DivergedError, batch_order, best_epoch, train
from tests.builders import train_epoch

MODELS = ["ffnn", "cnn"]
SEED = 4


def claimed(path):
    """Return a run's directory, taken for one and the same run."""
    directory = RunDirectory(path)
    directory.claim({"run": "of the tests"})
    return directory


def configure(model, **settings):
    defaults = {"epochs": 2, "batch_size": 64, "learning_rate": 0.003}
    if model == "ffnn":
        return FfnnConfiguration(hidden_sizes=(16, 12), **(defaults | settings))
    return CnnConfiguration(**(defaults | settings))


def classifier_of(configuration, weights, prefix=""):
    """A classifier with the weights of a file's arrays, the last epoch's or with `best.` the best one's."""
    classifier = build(configuration, seed=99, mean=0.0, std=1.0)
    classifier.load_weights({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
    return classifier


def cross_entropy(logits, labels):
    """SciPy's word on the mean loss."""
    return -scipy.special.log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels].mean()


def files_of(directory):
    """Everything a run leaves behind that may be compared to the bit: seconds are not."""
    with np.load(directory.predictions, allow_pickle=False) as predictions:
        arrays = {name: (predictions[name].dtype, predictions[name].tobytes()) for name in predictions.files}
    history = [{k: v for k, v in line.items() if k != "seconds"} for line in directory.read_metrics()]
    return directory.weights.read_bytes(), arrays, history


class Stopped(BaseException):
    """A crash, as far as the program is concerned."""


# --- learning, order, measurements ---


@pytest.mark.parametrize("model", MODELS)
def test_both_models_learn(model, tiny_dataset, tmp_path):
    """Four epochs lift the validation accuracy from chance to more than a half, and the loss falls below ln 10."""
    directory = claimed(tmp_path)
    train(configure(model, epochs=4, batch_size=16), SEED, tiny_dataset, directory)
    first, *_, last = directory.read_metrics()
    assert first["validation_accuracy"] < 0.35
    assert last["validation_accuracy"] > 0.5
    assert last["train_loss"] < np.log(10) / 2


def test_the_batch_order_is_published():
    """It is `default_rng([seed, epoch]).permutation(n)`: whoever reads the design can draw it."""
    np.testing.assert_array_equal(batch_order(3, 7, 100), np.random.default_rng([3, 7]).permutation(100))


def test_the_batch_order_is_the_same_for_both_models(tiny_dataset, tmp_path, monkeypatch):
    """Both get all images once an epoch, in an order of seed and epoch alone, that no setting and no past moves."""
    seen = []
    for adapter in (FfnnClassifier, CnnClassifier):

        def noted(self, prepared, labels, order, learning_rates, original=adapter.train_epoch):
            seen.append(order.copy())
            return original(self, prepared, labels, order, learning_rates)

        monkeypatch.setattr(adapter, "train_epoch", noted)
    runs = [
        (configure("ffnn"), SEED),
        (configure("cnn", dropout=0.5, batch_size=100), SEED),
        (configure("ffnn", dropout=0.5), SEED + 1),
    ]
    for i, (configuration, seed) in enumerate(runs):
        train(configuration, seed, tiny_dataset, claimed(tmp_path / str(i)))
    first, second, *others = seen
    for order in seen:
        np.testing.assert_array_equal(np.sort(order), np.arange(400))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(others[:2], [first, second])
    assert not np.array_equal(others[2], first)


@pytest.mark.parametrize("model", MODELS)
def test_epoch_zero_is_measured_before_training(model, tiny_dataset, tmp_path):
    """Its line holds loss and accuracy of the untrained network, no objective and no seconds."""
    configuration = configure(model, dropout=0.4, l2=0.01)
    directory = claimed(tmp_path)
    train(configuration, SEED, tiny_dataset, directory)
    images = tiny_dataset.train_images
    untrained = build(configuration, seed=SEED, mean=images.mean(), std=images.std())
    first, *rest = directory.read_metrics()
    assert (first["epoch"], first["objective"], first["seconds"]) == (0, None, 0.0)
    for part in ("train", "validation"):
        labels = getattr(tiny_dataset, f"{part}_labels")
        logits = untrained.logits(untrained.preprocess(getattr(tiny_dataset, f"{part}_images")))
        assert first[f"{part}_loss"] == pytest.approx(cross_entropy(logits, labels), rel=1e-6)
        assert first[f"{part}_accuracy"] == np.mean(logits.argmax(axis=1) == labels)
    assert [line["epoch"] for line in rest] == [1, 2]
    assert all(line["seconds"] > 0 and line["objective"] > 0 for line in rest)


@pytest.mark.parametrize("model", MODELS)
def test_no_epochs_is_a_run_too(model, tiny_dataset, tmp_path):
    """An untrained network is measured and saved: what training starts from."""
    directory = claimed(tmp_path)
    train(configure(model, epochs=0), SEED, tiny_dataset, directory)
    assert [line["epoch"] for line in directory.read_metrics()] == [0]
    weights, metadata = load_arrays(directory.weights)
    assert metadata == {"best_epoch": "0"}
    for name in [name for name in weights if not name.startswith("best.")]:
        np.testing.assert_array_equal(weights[name], weights[f"best.{name}"])


@pytest.mark.parametrize("model", MODELS)
def test_recorded_losses_are_cross_entropy_alone(model, tiny_dataset, tmp_path):
    """With heavy penalties and dropout on: the losses leave both out, and the penalty has a column of its own."""
    configuration = configure(model, l1=1e-3, l2=1e-2, dropout=0.5)
    directory = claimed(tmp_path)
    train(configuration, SEED, tiny_dataset, directory)
    weights, _ = load_arrays(directory.weights)
    last = classifier_of(configuration, weights)
    line = directory.read_metrics()[-1]
    for part in ("train", "validation"):
        logits = last.logits(last.preprocess(getattr(tiny_dataset, f"{part}_images")))
        expected = cross_entropy(logits, getattr(tiny_dataset, f"{part}_labels"))
        assert line[f"{part}_loss"] == pytest.approx(expected, rel=1e-6)
    matrices = [v.astype(float) for k, v in weights.items() if k.endswith(".weight") and not k.startswith("best.")]
    penalty = sum(1e-3 * np.abs(w).sum() + 1e-2 * np.square(w).sum() for w in matrices)
    assert line["penalty"] == pytest.approx(penalty, rel=1e-5)
    assert penalty > 0.1


def test_a_large_training_set_is_measured_on_its_fixed_part(tiny_dataset, tmp_path):
    """Of 5,100 training images the same 5,000 are measured, in saved predictions and curve."""
    images = np.resize(tiny_dataset.train_images, (5100, 28, 28))
    labels = np.resize(tiny_dataset.train_labels, 5100)
    directory = claimed(tmp_path)
    dataset = replace(tiny_dataset, train_images=images, train_labels=labels)
    classifier = train(configure("ffnn", epochs=0), SEED, dataset, directory)
    part = evaluation_part(5100)
    assert len(part) == 5000
    logits = classifier.logits(classifier.preprocess(images[part]))
    assert directory.read_metrics()[0]["train_loss"] == pytest.approx(cross_entropy(logits, labels[part]), rel=1e-6)
    with np.load(directory.predictions, allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["train_labels"], labels[part])
        np.testing.assert_array_equal(saved["train_logits"], logits)


@pytest.mark.parametrize("model", MODELS)
def test_averages_are_by_example(model, tiny_dataset, tmp_path):
    """With batches of 399 images and one, the objective is the mean over 400 images, not over two batches.

    The learning rate is too small to move a weight, so that all batches meet the same network.
    """
    configuration = configure(model, optimizer="sgd", learning_rate=1e-30, batch_size=399, epochs=1, l2=0.01)
    directory = claimed(tmp_path)
    classifier = train(configuration, SEED, tiny_dataset, directory)
    _, line = directory.read_metrics()
    logits = classifier.logits(classifier.preprocess(tiny_dataset.train_images)).astype(np.float64)
    labels = tiny_dataset.train_labels
    losses = -scipy.special.log_softmax(logits, axis=1)[np.arange(400), labels]
    assert line["objective"] == pytest.approx(losses.mean() + line["penalty"], rel=1e-6)
    alone = batch_order(SEED, 1, 400)[-1]
    by_batch = (np.delete(losses, alone).mean() + losses[alone]) / 2
    assert abs(by_batch - losses.mean()) > 1e-4 * losses.mean()


# --- the best epoch and what is saved of it ---


def lines(*values):
    return [{"epoch": i, "validation_accuracy": a, "validation_loss": b} for i, (a, b) in enumerate(values)]


@pytest.mark.parametrize(
    ("history", "best"),
    [
        (lines((0.1, 2.3)), 0),
        (lines((0.1, 2.3), (0.8, 0.9), (0.7, 0.5)), 1),
        (lines((0.1, 2.3), (0.8, 0.9), (0.8, 0.5), (0.8, 0.6)), 2),
        (lines((0.1, 2.3), (0.8, 0.5), (0.8, 0.5), (0.8, 0.5)), 1),
        (lines((0.9, 0.1), (0.8, 0.01)), 0),
        (lines((0.1, 2.3), (0.8, 0.5), (0.9, 9.9)), 2),
    ],
)
def test_the_best_epoch(history, best):
    """The highest validation accuracy; of equals the lower validation loss, of equals the earlier epoch."""
    assert best_epoch(history) == best


@pytest.fixture(params=MODELS)
def unlearnable(request, tiny_dataset, tmp_path):
    """A finished run whose validation labels are all one class off: the more it learns, the worse it does there."""
    configuration = configure(request.param, epochs=4, batch_size=16)
    dataset = replace(tiny_dataset, validation_labels=(tiny_dataset.validation_labels + 1) % 10)
    directory = claimed(tmp_path)
    classifier = train(configuration, SEED, dataset, directory)
    best = best_epoch(directory.read_metrics())
    assert best < 4
    return configuration, dataset, directory, classifier, best


def test_predictions_come_from_the_best_epoch(unlearnable):
    """Logits of every part are those of the best epoch's saved weights, bit for bit, and not of the last epoch's."""
    configuration, dataset, directory, returned, best = unlearnable
    weights, metadata = load_arrays(directory.weights)
    assert metadata == {"best_epoch": str(best)}
    classifier, last = classifier_of(configuration, weights, "best."), classifier_of(configuration, weights)
    with np.load(directory.predictions, allow_pickle=False) as file:
        saved = {name: file[name] for name in file.files}
    assert len(saved) == 6
    for part, prefix in (("test", ""), ("validation", "validation_"), ("train", "train_")):
        images = getattr(dataset, f"{part}_images")
        np.testing.assert_array_equal(saved[f"{prefix}labels"], getattr(dataset, f"{part}_labels"))
        logits = saved[f"{prefix}logits"]
        assert logits.dtype == np.float32
        np.testing.assert_array_equal(logits, classifier.logits(classifier.preprocess(images)))
        np.testing.assert_array_equal(logits, returned.logits(returned.preprocess(images)))
        assert not np.array_equal(logits, last.logits(last.preprocess(images)))
    line = directory.read_metrics()[best]
    right = saved["validation_logits"].argmax(axis=1) == saved["validation_labels"]
    assert line["validation_accuracy"] == right.mean()


def test_the_weights_hold_the_last_epoch_too(unlearnable):
    """The weights under plain names give the last line's validation loss, not the best one's."""
    configuration, dataset, directory, _, best = unlearnable
    last = classifier_of(configuration, load_arrays(directory.weights)[0])
    loss = cross_entropy(last.logits(last.preprocess(dataset.validation_images)), dataset.validation_labels)
    history = directory.read_metrics()
    assert history[-1]["validation_loss"] == pytest.approx(loss, rel=1e-6)
    assert history[best]["validation_loss"] != pytest.approx(loss, rel=1e-3)


def test_a_run_decides_nothing_by_its_test_images(tiny_dataset, tmp_path):
    """Other test images change their own predictions, and no weight, metric or chosen epoch."""
    upside_down = replace(tiny_dataset, test_images=tiny_dataset.test_images[:, ::-1].copy())
    found = []
    for i, dataset in enumerate((tiny_dataset, upside_down)):
        directory = claimed(tmp_path / str(i))
        train(configure("ffnn"), SEED, dataset, directory)
        found.append(files_of(directory))
    (weights, predictions, history), (others, other_predictions, other_history) = found
    assert weights == others
    assert history == other_history
    assert {k for k, v in predictions.items() if other_predictions[k] != v} == {"logits"}


# --- schedules and patience ---


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle"])
def test_the_schedule_spans_the_whole_training(model, schedule, tiny_dataset, tmp_path, monkeypatch):
    """The steps of all epochs together get the schedule's rates in order, the last short batch's included."""
    adapter = {"ffnn": FfnnClassifier, "cnn": CnnClassifier}[model]
    seen = []

    def noted(self, prepared, labels, order, learning_rates, original=adapter.train_epoch):
        seen.append(learning_rates)
        return original(self, prepared, labels, order, learning_rates)

    monkeypatch.setattr(adapter, "train_epoch", noted)
    train(configure(model, schedule=schedule, epochs=3, batch_size=150), SEED, tiny_dataset, claimed(tmp_path))
    assert [len(rates) for rates in seen] == [3, 3, 3]
    expected = learning_rates(schedule, 0.003, first=0, last=9, steps=9)
    np.testing.assert_array_equal(np.concatenate(seen), expected)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("patience", [1, 3])
def test_patience_stops_a_training_that_gets_no_better(model, patience, tiny_dataset, tmp_path):
    """It ends `patience` epochs after the best so far, with the numbers of the same training without patience."""
    # Steps so large that the best comes early.
    settings = {"epochs": 12, "batch_size": 16, "learning_rate": 0.05 if model == "ffnn" else 0.01}
    patient, endless = claimed(tmp_path / "patient"), claimed(tmp_path / "endless")
    train(configure(model, patience=patience, **settings), SEED, tiny_dataset, patient)
    train(configure(model, **settings), SEED, tiny_dataset, endless)
    history, whole = files_of(patient)[2], files_of(endless)[2]
    stops = [e for e in range(1, 13) if e - best_epoch(whole[: e + 1]) >= patience]
    assert stops, "this training would have to get better for ever"
    assert history == whole[: stops[0] + 1]
    # Started again, it has nothing left to do.
    epochs = []
    before = files_of(patient)
    train(configure(model, patience=patience, **settings), SEED, tiny_dataset, patient, epochs.append)
    assert epochs == []
    assert files_of(patient) == before


@pytest.mark.parametrize("model", MODELS)
def test_a_run_below_its_pruning_threshold_ends_there(model, tiny_dataset, tmp_path):
    """With the numbers of one without; a threshold that the best epoch so far reaches stops nothing."""
    directory = claimed(tmp_path / "whole")
    train(configure(model, epochs=5), SEED, tiny_dataset, directory)
    whole = [{k: v for k, v in line.items() if k != "seconds"} for line in directory.read_metrics()]
    best = [max(line["validation_accuracy"] for line in whole[: e + 1]) for e in range(6)]
    for name, threshold, ends in (("low", {2: best[2], 3: 0.0}, 5), ("high", {2: best[2], 3: best[3] + 0.001}, 3)):
        directory = claimed(tmp_path / name)
        train(configure(model, epochs=5), SEED, tiny_dataset, directory, pruning_thresholds=threshold)
        assert files_of(directory)[2] == whole[: ends + 1]
    # The same command again trains no further.
    epochs = []
    train(configure(model, epochs=5), SEED, tiny_dataset, directory, epochs.append, pruning_thresholds=threshold)
    assert epochs == []


@pytest.mark.parametrize("model", MODELS)
def test_averaged_weights_are_what_is_measured_and_saved(model, tiny_dataset, tmp_path):
    """With a moving average, metrics, predictions and the weights file are of the averaged weights."""
    configuration = configure(model, ema_decay=0.9, batch_size=16, epochs=3)
    directory = claimed(tmp_path)
    train(configuration, SEED, tiny_dataset, directory)
    weights, _ = load_arrays(directory.weights)
    saved = classifier_of(configuration, {k: v for k, v in weights.items() if not k.startswith("best.")})
    logits = saved.logits(saved.preprocess(tiny_dataset.validation_images))
    last = directory.read_metrics()[-1]
    assert last["validation_loss"] == pytest.approx(cross_entropy(logits, tiny_dataset.validation_labels), rel=1e-6)
    # The same training without averaging ends elsewhere.
    plain = claimed(tmp_path / "plain")
    train(configure(model, batch_size=16, epochs=3), SEED, tiny_dataset, plain)
    assert plain.read_metrics()[-1]["validation_loss"] != pytest.approx(last["validation_loss"], rel=1e-3)


# --- diverging runs ---


def diverging(model, learning_rate, batch_size):
    """An L2 penalty whose every step multiplies the weights by -20 × the learning rate, until they overflow."""
    return configure(model, optimizer="sgd", l2=10.0, epochs=9, learning_rate=learning_rate, batch_size=batch_size)


@pytest.mark.parametrize(("model", "learning_rate"), [("ffnn", 100.0), ("cnn", 1.0)])
def test_a_diverging_run_says_where(model, learning_rate, tiny_dataset, tmp_path):
    """One line with directory, epoch and step; the last checkpoint and metrics stay, and no result is written."""
    directory = claimed(tmp_path / "run")
    batch_size = 200
    configuration = diverging(model, learning_rate, batch_size)
    images = tiny_dataset.train_images
    with pytest.raises(DivergedError) as caught:
        train(configuration, SEED, tiny_dataset, directory)
    message = str(caught.value)
    assert isinstance(caught.value, UserError)
    assert "\n" not in message
    assert str(directory.path) in message
    assert "learning_rate" in message
    epoch = len(directory.read_metrics())
    assert epoch == 2
    assert f"in epoch {epoch} at step " in message
    assert not directory.weights.exists()
    assert not directory.predictions.exists()
    # Step by step, away from the loop: the objective is finite before the step that is named, and not in it.
    step = int(re.search(r"at step (\d+);", message)[1])
    classifier = build(configuration, seed=SEED, mean=images.mean(), std=images.std())
    prepared = classifier.preprocess(images)
    order = np.concatenate([batch_order(SEED, 1, 400), batch_order(SEED, 2, 400)])
    steps = (400 // batch_size) + step - 1
    assert np.isfinite(train_epoch(classifier, prepared, tiny_dataset.train_labels, order[: steps * batch_size]))
    with pytest.raises(ArithmeticError):
        train_epoch(classifier, prepared, tiny_dataset.train_labels, order[steps * batch_size :][:batch_size])
    # The checkpoint is whole: started again, the run goes on after epoch 1 and meets the same end.
    kept = directory.checkpoint.read_bytes()
    with pytest.raises(DivergedError, match="in epoch 2 at step"):
        train(configuration, SEED, tiny_dataset, directory)
    assert directory.checkpoint.read_bytes() == kept
    assert json.loads(load_arrays(directory.checkpoint)[1]["history"])[-1]["epoch"] == 1


@pytest.mark.parametrize(
    "model",
    [
        "ffnn",
        "cnn",
    ],
)
def test_a_run_that_diverges_in_an_epochs_last_step_says_so(model, tiny_dataset, tmp_path):
    """The loss before the last step was finite, the weights after it are not usable: the epoch's end is named."""
    directory = claimed(tmp_path)
    with pytest.raises(DivergedError, match=r"in epoch \d+ at its end"):
        train(diverging(model, 100.0, batch_size=400), SEED, tiny_dataset, directory)
    history = directory.read_metrics()
    assert len(history) > 1
    assert all(np.isfinite(line["penalty"]) for line in history)


def test_logits_that_are_not_finite_are_never_scored(tiny_dataset, tmp_path, monkeypatch):
    """A network that answers NaN or infinity for one image has diverged, whatever its penalty says."""
    for value in (np.nan, np.inf, -np.inf):

        def spoilt(self, prepared, original=FfnnClassifier.logits, value=value):
            logits = original(self, prepared)
            logits[3, 2] = value
            return logits

        directory = claimed(tmp_path / str(value))
        with monkeypatch.context() as patch:
            patch.setattr(FfnnClassifier, "logits", spoilt)
            with pytest.raises(DivergedError, match="in epoch 0 at its end"):
                train(configure("ffnn"), SEED, tiny_dataset, directory)
        assert directory.read_metrics() == []


def test_the_default_reports_to_nobody():
    """The loop prints nothing and needs no listener: `on_epoch` may be left out."""
    assert training.train.__defaults__[0]({"epoch": 0}) is None
