"""Probabilities that were rounded, probabilities under another name, and other numbers under theirs."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from fashion_compare.errors import UserError
from fashion_compare.evaluation.metrics import scores
from fashion_compare.evaluation.prediction_files import External, alike, read_external

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(10, size=500)
LOGITS = GENERATOR.normal(size=(500, 10)) + 2 * np.eye(10)[LABELS]
SHARES = softmax(LOGITS, axis=1)


def saved(directory: Path, labels: NDArray[Any] = LABELS, **values: NDArray[Any]) -> Path:
    np.savez(directory / "a.npz", labels=labels, **values)  # type: ignore[arg-type]
    return directory / "a.npz"


def saved_csv(directory: Path, kind: str, values: NDArray[Any], form: str) -> Path:
    header = ",".join(["label", *(f"{kind}_{c}" for c in range(values.shape[1]))])
    rows = [",".join([str(label), *(form % float(v) for v in row)]) for label, row in zip(LABELS, values, strict=True)]
    (directory / "a.csv").write_text("\n".join([header, *rows]))
    return directory / "a.csv"


def loss(file: External) -> float:
    (predictions,) = alike([file])
    value: float = scores(predictions)["nll"]
    return value


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(
    "values",
    [SHARES, SHARES.round(3), np.eye(10)[LABELS], 100 * SHARES, (100 * SHARES).round(1)],
    ids=["exact", "rounded", "one-hot", "percent", "rounded percent"],
)
def test_probabilities_under_the_name_of_logits_are_refused(tmp_path: Path, values: NDArray[Any], dtype: str) -> None:
    """Exact, rounded, all on one class, in percent: their softmax would be other probabilities, log loss 2 for 1.1."""
    expected = "so they are probabilities; expected these" + (" divided by 100" if values.max() > 1 else "")
    with pytest.raises(UserError, match=f"{expected} under 'probabilities', or logits"):
        read_external(saved(tmp_path, logits=values.astype(dtype)))
    with pytest.raises(UserError, match=f"{expected} under 'probability_NAME', or logits"):
        read_external(saved_csv(tmp_path, "logit", values, "%r"))


@pytest.mark.parametrize("shift", [0, 10, -10])
def test_logits_that_look_like_something_else_are_logits(tmp_path: Path, shift: float) -> None:
    """Logarithms of probabilities, and logits that are all above 0: softmax takes a constant out again."""
    logarithms = log_softmax(LOGITS, axis=1) + shift
    expected = log_loss(LABELS, SHARES)
    assert loss(read_external(saved(tmp_path, logits=logarithms))) == pytest.approx(expected, rel=1e-12)
    assert loss(read_external(saved(tmp_path, logits=LOGITS - LOGITS.min()))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("decimals", [3, 4, 5])
def test_rounded_probabilities_are_divided_by_their_sums(tmp_path: Path, decimals: int, dtype: str) -> None:
    """Of ten classes, with the scores of the exact ones to what rounding leaves; and it is said."""
    rounded = SHARES.round(decimals)
    sums = rounded.sum(axis=1)
    file = read_external(saved(tmp_path, probabilities=rounded.astype(dtype)))
    if dtype == "f2" and decimals > 3:
        # Half precision has fewer digits itself.
        np.testing.assert_allclose(file.predictions.probabilities, rounded, rtol=1e-3)
        return
    np.testing.assert_allclose(file.predictions.probabilities, rounded / sums[:, None], rtol=1e-12)
    assert file.note is not None
    assert f"probabilities are rounded to {decimals} decimals and sum to {sums.min():g} … {sums.max():g}" in file.note
    assert "divided by their sums" in file.note
    assert loss(file) == pytest.approx(log_loss(LABELS, SHARES), rel=2 * 10.0 ** (1 - decimals))


def test_a_probability_rounded_to_zero_is_not_impossible(tmp_path: Path) -> None:
    """0.0004 for the right class, saved as 0.000, counts as 0.0005: as what a double can tell from 0, it costs 36."""
    shares = np.array([[0.0004, 0.9991, 0.0003, 0.0002], [0.3333, 0.3333, 0.3333, 0.0001], [0.0, 0.1, 0.2, 0.7]])
    labels = np.array([0, 1, 3])
    file = read_external(saved(tmp_path, labels, probabilities=shares.round(3)))
    assert shares.round(3).sum(axis=1).tolist() == pytest.approx([0.999, 0.999, 1])
    assert file.resolution == 0.0005
    assert file.note is not None
    assert file.note.endswith("in log loss none counts as less than 0.0005")
    assert loss(file) == pytest.approx(-np.log([0.0005, 1 / 3, 0.7]).mean(), rel=0.002)


@pytest.mark.parametrize(("decimals", "form"), [(3, "%.3f"), (4, "%.4f"), (6, "%.6f")])
def test_rounded_probabilities_in_text(tmp_path: Path, decimals: int, form: str) -> None:
    """What a program printed to so many decimals."""
    file = read_external(saved_csv(tmp_path, "probability", SHARES, form))
    assert file.note is not None
    assert f"rounded to {decimals} decimals" in file.note
    np.testing.assert_allclose(file.predictions.probabilities.sum(axis=1), 1, rtol=1e-12)
    assert loss(file) == pytest.approx(log_loss(LABELS, SHARES), rel=0.02)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_exact_probabilities_stay_as_they_are(tmp_path: Path, dtype: str) -> None:
    """Sums that differ by what the type leaves are no rounding, and nothing is said; nor are exact sums of decimals."""
    thirds = np.full((2, 3), 1 / 3)
    tenths = np.array([[0.1, 0.2, 0.7], [0.0, 0.0, 1.0]])
    for values in (SHARES, thirds, tenths):
        kept = values.astype(dtype)
        file = read_external(saved(tmp_path, np.arange(len(values)) % 3, probabilities=kept))
        assert file.note is None
        assert np.array_equal(file.predictions.probabilities, kept.astype(np.float64))
        assert file.resolution == np.finfo(dtype).eps


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        # Three decimals and four classes: half a digit each is 0.002.
        ([0.333, 0.333, 0.332, 0.0], True),
        ([0.333, 0.333, 0.331, 0.0], False),
        ([0.251, 0.251, 0.251, 0.249], True),
        ([0.251, 0.251, 0.251, 0.25], False),
        # Two decimals: 0.02.
        ([0.25, 0.25, 0.24, 0.24], True),
        ([0.25, 0.25, 0.24, 0.23], False),
        # One decimal: 0.2 would be explained, 0.02 is the most.
        ([0.3, 0.3, 0.2, 0.1], False),
        ([0.3, 0.3, 0.2, 0.2], True),
        # Four decimals with a sum of 1.01.
        ([0.2525, 0.2525, 0.2525, 0.2525], False),
        ([0.0, 0.0, 0.0, 0.0], False),
        ([1.0, 1.0, 0.0, 0.0], False),
    ],
)
def test_no_more_is_taken_than_rounding_explains(tmp_path: Path, row: list[float], taken: bool) -> None:
    """Half of the last decimal for each class, and 0.02 in all."""
    path = saved(tmp_path, np.array([0, 1]), probabilities=np.array([row, row]))
    if taken:
        np.testing.assert_allclose(read_external(path).predictions.probabilities, np.array([row, row]) / sum(row))
        return
    with pytest.raises(UserError, match=r"expected none below 0, and sums of 1$"):
        read_external(path)


def test_never_more_than_two_hundredths(tmp_path: Path) -> None:
    """Of a hundred classes with three decimals, half a digit each would be 0.05."""
    for total, taken in ((1.02, True), (1.021, False)):
        row = np.full(100, 0.01)
        row[0] += total - 1
        path = saved(tmp_path, np.array([0, 1]), probabilities=np.array([row, row]).round(3))
        if taken:
            assert read_external(path).predictions.probabilities.sum() == pytest.approx(2)
        else:
            with pytest.raises(UserError, match=r"sum to 1\.021 an image"):
                read_external(path)


def test_other_scores_are_never_called_logits(tmp_path: Path) -> None:
    """Logarithms of probabilities alone are told to be saved as logits, which they are; percentages are divided."""
    odd = {
        "sigmoids": (1 / (1 + np.exp(-LOGITS)), r"sums of 1$"),
        "margins": (LOGITS, r"sums of 1$"),
        "negative": (-np.abs(LOGITS), r"sums of 1$"),
        "percentages": (100 * SHARES, r"these are percentages, divide them by 100$"),
        "rounded percentages": ((100 * SHARES).round(1), r"these are percentages, divide them by 100$"),
        "logarithms": (np.log(SHARES), r"these are logarithms of probabilities, save them under 'logits'$"),
    }
    for values, said in odd.values():
        with pytest.raises(UserError, match=said):
            read_external(saved(tmp_path, probabilities=values))
    with pytest.raises(UserError, match=r"save them under 'logit_NAME'$"):
        read_external(saved_csv(tmp_path, "probability", np.log(SHARES), "%r"))


@pytest.mark.parametrize("scale", [1, 1000])
def test_half_precision_gives_the_same_numbers_without_a_warning(tmp_path: Path, scale: float) -> None:
    """Logits up to 65,504, the largest that there is: as their doubles, and nothing overflows on the way."""
    halves = (scale * LOGITS).astype(np.float16)
    halves[0, 0] = 65504
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = read_external(saved(tmp_path, logits=halves))
        found = loss(file)
    doubles = halves.astype(np.float64)
    assert np.array_equal(file.predictions.logits, doubles)
    assert found == pytest.approx(-log_softmax(doubles, axis=1)[np.arange(500), LABELS].mean(), rel=1e-12)
    halves[3, 2] = np.inf
    with pytest.raises(UserError, match=r"got inf at \[3, 2\]; expected finite"):
        read_external(saved(tmp_path, logits=halves))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "i8", ">i4"])
def test_labels_of_any_type_of_number(tmp_path: Path, dtype: str) -> None:
    """Whole numbers saved as 9.0 are those numbers."""
    labels = read_external(saved(tmp_path, LABELS.astype(dtype), logits=LOGITS)).predictions.labels
    assert labels.dtype == np.int64
    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(np.nan, r"float64, with nan at \[7\]"), (-np.inf, r"float64, with -inf at \[7\]"), (0.5, r"with 0.5 at \[7\]"),
     (1e300, "run from 0 to 1000000000000000052504760255"), (-1.0, "run from -1 to 9"), (10.0, "run from 0 to 10")],
)  # fmt: skip
def test_labels_that_are_no_classes_are_shown(tmp_path: Path, wrong: float, said: str) -> None:
    """The value and its place, or the range; and no cast warns."""
    labels = LABELS.astype(np.float64)
    labels[7] = wrong
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserError, match=f"labels .*{said}.* expected .*0 to 9"):
            read_external(saved(tmp_path, labels, logits=LOGITS))
