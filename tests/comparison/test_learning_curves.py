"""Over- and underfitting are read from curves by stated thresholds."""

from typing import Any

import pytest

from fashion_compare.comparison.learning_curves import GAP, PLATEAU, RISE, diagnose


def history(
    train_accuracy: list[float], validation_accuracy: list[float], validation_loss: list[float]
) -> list[dict[str, Any]]:
    """Return an epoch's line for each value."""
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / (epoch + 1),
            "train_accuracy": train_accuracy[epoch],
            "validation_accuracy": validation_accuracy[epoch],
            "validation_loss": validation_loss[epoch],
        }
        for epoch in range(len(validation_loss))
    ]


OVERFIT = history([0.1, 0.85, 0.92, 0.97], [0.1, 0.84, 0.88, 0.87], [2.3, 0.45, 0.40, 0.50])
UNDERFIT = history([0.1, 0.60, 0.70, 0.75], [0.1, 0.60, 0.69, 0.74], [2.3, 1.20, 0.90, 0.80])


def test_overfitting_by_hand() -> None:
    """Training 10 points ahead and a validation loss 25% above its minimum at epoch 2 is overfitting."""
    got = diagnose([OVERFIT])
    assert got.gap == pytest.approx(0.10)
    assert got.loss_increase == pytest.approx(0.25)
    assert (got.lowest_loss_epoch, got.epochs, got.still_improving) == (2, 3, False)
    assert (got.training_accuracy, got.validation_accuracy) == pytest.approx((0.97, 0.87))
    assert (got.overfitting, got.underfitting) == (True, False)


def test_underfitting_by_hand() -> None:
    """A validation loss still at its lowest, and training one point ahead, is underfitting."""
    got = diagnose([UNDERFIT])
    assert got.gap == pytest.approx(0.01)
    assert (got.loss_increase, got.lowest_loss_epoch, got.still_improving) == (0.0, 3, True)
    assert (got.overfitting, got.underfitting) == (False, True)


@pytest.mark.parametrize(
    ("gap", "last_loss"),
    [(GAP + 0.03, 0.40 * (1 + RISE / 2)), (GAP - 0.01, 0.40 * (1 + 5 * RISE)), (GAP + 0.03, 0.35)],
    ids=["a gap without a rise", "a rise without a gap", "a gap, still improving"],
)
def test_one_sign_alone_is_neither(gap: float, last_loss: float) -> None:
    """Overfitting takes a gap and a rise, underfitting an unfinished curve without a gap; else it is neither."""
    got = diagnose([history([0.1, 0.9, 0.9 + gap], [0.1, 0.88, 0.9], [2.3, 0.40, last_loss])])
    assert (got.overfitting, got.underfitting) == (False, False)


@pytest.mark.parametrize(("last", "overfits"), [(0.0, False), (1e-30, True)], ids=["stays there", "rises from it"])
def test_a_loss_that_reached_zero_has_no_relative_rise(last: float, overfits: bool) -> None:
    """A network that is sure enough of every right answer has a loss of exactly 0: any rise is beyond every share."""
    got = diagnose([history([0.1, 1.0, 1.0], [0.1, 1.0, 0.9], [2.3, 0.0, last])])
    assert (got.loss_increase, got.lowest_loss_epoch, got.still_improving) == (None, 1, False)
    assert (got.overfitting, got.underfitting) == (overfits, False)


def test_curves_are_averaged_over_seeds_before_they_are_read() -> None:
    """Two seeds give the mean curve: its minimum is the mean's, not a mean of minima."""
    one = history([0.1, 0.8, 0.9], [0.1, 0.8, 0.85], [2.0, 0.5, 0.9])
    two = history([0.1, 0.7, 0.9], [0.1, 0.7, 0.75], [2.0, 1.1, 0.5])
    got = diagnose([one, two])
    # Means 2.0, 0.8, 0.7: lowest at the end, though the first seed has risen by 80%.
    assert (got.lowest_loss_epoch, got.loss_increase, got.still_improving) == (2, 0.0, True)
    assert got.gap == pytest.approx(0.9 - 0.8)


def test_the_shortest_history_bounds_the_curve() -> None:
    """Where one seed has fewer epochs, only the common epochs are averaged."""
    got = diagnose([OVERFIT, OVERFIT[:3]])
    assert (got.epochs, got.lowest_loss_epoch) == (2, 2)
    assert got.training_accuracy == pytest.approx(0.92)


def test_before_any_training_there_is_nothing_to_fit() -> None:
    """A run of no epochs is neither over- nor underfitting."""
    got = diagnose([OVERFIT[:1]])
    assert (got.epochs, got.still_improving, got.overfitting, got.underfitting) == (0, False, False, False)


def accuracies(*values: float) -> list[dict[str, Any]]:
    return history([0.5] * len(values), list(values), [1.0] * len(values))


def test_a_plateau_by_hand() -> None:
    """Of nine epochs the last three count: a gain below the threshold is a plateau, at the threshold it is none."""
    rising = (0.1, 0.5, 0.6, 0.7, 0.8, 0.85, 0.86)
    flat = diagnose([accuracies(*rising, 0.859, 0.861, 0.86)])
    assert flat.late_gain == pytest.approx(0.001)
    assert flat.plateau
    better = diagnose([accuracies(*rising, 0.859, 0.86 + 1.5 * PLATEAU, 0.86)])
    assert better.late_gain == pytest.approx(1.5 * PLATEAU)
    assert not better.plateau


def test_a_fall_is_a_gain_of_nothing() -> None:
    """Validation accuracy that falls at the end gained nothing, and never less than nothing."""
    assert diagnose([accuracies(0.1, 0.5, 0.6, 0.7, 0.6, 0.5, 0.4)]).late_gain == 0


def test_few_epochs_have_no_plateau() -> None:
    """With fewer than six epochs a third of them says nothing, however flat they are."""
    assert diagnose([accuracies(0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)]).plateau
    assert not diagnose([accuracies(0.1, 0.5, 0.5, 0.5, 0.5, 0.5)]).plateau


def test_a_falling_loss_is_no_plateau() -> None:
    """Where validation loss is lowest at the last epoch more epochs may help, however little accuracy gained."""
    flat = [0.1, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.801]
    got = diagnose([history(flat, flat, [2.3, 1.2, 1.0, 0.9, 0.8, 0.75, 0.72, 0.7])])
    assert got.late_gain == pytest.approx(0.001)
    assert (got.underfitting, got.plateau) == (True, False)
