"""CSV files of predictions: each way of writing one meaning is read as that, two meanings are refused with both."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from fashion_compare.errors import UserError
from fashion_compare.evaluation.prediction_files import External, read_external

# Right for the first and the third image, wrong for the second.
SHARES = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.125, 0.125, 0.75]])
LABELS = np.array([0, 2, 2])
PLAIN = (
    "label,probability_bag,probability_coat,probability_shirt\n0,0.5,0.25,0.25\n2,0.25,0.5,0.25\n2,0.125,0.125,0.75\n"
)


def read(directory: Path, content: str | bytes, name: str = "a.csv") -> External:
    (directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_external(directory / name)


def written(names: Sequence[str], labels: Sequence[object], shares: np.ndarray | None = None) -> str:
    """Return a file of those columns and labels; each image's own probability is the class at its row's place."""
    shares = np.eye(len(names))[: len(labels)] if shares is None else shares
    rows = [",".join([str(label), *map(str, row)]) for label, row in zip(labels, shares, strict=True)]
    return "\n".join([",".join(["label", *(f"probability_{name}" for name in names)]), *rows]) + "\n"


def refusal(directory: Path, content: str) -> str:
    with pytest.raises(UserError) as caught:
        read(directory, content)
    message = str(caught.value)
    assert "expected" in message
    assert message.startswith(str(directory / "a.csv"))
    return message.removeprefix(str(directory / "a.csv"))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace(",", ", "),
        PLAIN.replace(",", " ,\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace(".", ","),
        "\ufeff" + PLAIN.replace(",", " ; "),
        PLAIN.replace("label", "Label").replace("probability_", "Probability_"),
        PLAIN.replace("label", "LABEL").replace("probability", "PROBABILITY"),
        PLAIN.replace("\n0,", "\n0.0,").replace("\n2,", "\n2.0,"),
        PLAIN.replace("\n0,", "\n0,").replace("\n2,", "\n 02.00 ,"),
        PLAIN.replace("\n0,", "\n0e0,").replace("\n2,", "\n2.000000000000000000e+00,"),
        PLAIN.replace("\n0,", "\nbag,").replace("\n2,", "\nshirt,"),
        PLAIN.replace("\n0,", "\nBag,").replace("\n2,", "\nSHIRT ,"),
        PLAIN.replace("label", '"label"').replace("\n0,", '\n"0",'),
        PLAIN.replace("label", ' "label"').replace(",0.25", ', "0.25"'),
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace("\n", ",,\n") + ",,,,,\n",
        "\n" + PLAIN.replace("\n", "\n\n") + "   \n",
        "id,note," + PLAIN.replace("\n", '\nx,"two\nlines",', 3),
    ],
)  # fmt: skip
def test_one_meaning_however_it_is_written_is_read(tmp_path: Path, content: str) -> None:
    """Delimiters, decimal commas, spaces, quotes, a byte order mark, case and labels as 2.0 change no number."""
    file = read(tmp_path, content)
    assert file.predictions.labels.tolist() == LABELS.tolist()
    assert np.array_equal(file.predictions.probabilities, SHARES)
    assert file.class_names == ("bag", "coat", "shirt")
    assert file.note is None


@pytest.mark.parametrize("name", ["a.CSV", "a.Csv"])
def test_the_ending_may_be_upper_case(tmp_path: Path, name: str) -> None:
    """As cameras and old systems write it."""
    assert np.array_equal(read(tmp_path, PLAIN, name).predictions.probabilities, SHARES)


def test_columns_that_count_from_one_with_labels_that_count_from_zero(tmp_path: Path) -> None:
    """Label 0 is no class's name, so all ten labels are positions, 1 to 9 among them."""
    labels = list(range(10))
    predictions = read(tmp_path, written([str(c) for c in range(1, 11)], labels)).predictions
    assert predictions.labels.tolist() == labels
    assert accuracy_score(labels, predictions.predicted_labels) == 1


def test_columns_and_labels_that_count_from_one(tmp_path: Path) -> None:
    """Label 10 is no position of ten classes, so all labels are names."""
    predictions = read(tmp_path, written([str(c) for c in range(1, 11)], range(1, 11))).predictions
    assert predictions.labels.tolist() == list(range(10))


@pytest.mark.parametrize("labels", [range(1, 10), [f"{c}.0" for c in range(1, 10)], ["01", "02"]])
def test_labels_of_two_meanings_are_refused_with_both(tmp_path: Path, labels: Sequence[object]) -> None:
    """Columns 1 to 10 and labels 1 to 9: label 1 is the first column by its name, the second by its position."""
    message = refusal(tmp_path, written([str(c) for c in range(1, 11)], labels))
    assert message.startswith(f", line 2: the label '{labels[0]}' is the class named '1', or by its position from 0 ")
    assert "the class '2'" in message
    assert "expected one meaning: columns numbered 0 to 9 in their order, or classes named in words" in message


def test_the_refused_label_is_the_first_whose_readings_differ(tmp_path: Path) -> None:
    """0 is the same class by name and by position, 1 is not."""
    message = refusal(tmp_path, written(["0", "2", "1"], [0, 0, 1]))
    assert message.startswith(", line 4: the label '1' is the class named '1', or by its position from 0 the class '2'")


@pytest.mark.parametrize(
    ("names", "labels", "expected"),
    [
        (["0", "1", "2"], [2, 0, 1], [2, 0, 1]),
        (["00", "01", "02"], [2, 0, 1], [2, 0, 1]),
        (["5", "6", "7"], [7, 5, 6], [2, 0, 1]),
        (["5", "6", "7"], [2, 0, 1], [2, 0, 1]),
        (["007", "008", "009"], [9, 7, "8.0"], [2, 0, 1]),
        (["0.5", "1.5", "2.5"], ["2.5", "0.50", "1.5"], [2, 0, 1]),
        (["0.5", "1.5", "2.5"], [2, 0, 1], [2, 0, 1]),
        (["1", "01", "b"], ["01", "1", "b"], [1, 0, 2]),
        # As in EMNIST's letters.
        (["a", "A", "b"], ["A", "a", "B"], [1, 0, 2]),
        (["Straße", "b"], ["STRASSE", "b"], [0, 1]),
        (["nan", "inf"], ["inf", "nan"], [1, 0]),
    ],
)
def test_names_that_are_numbers_or_differ_in_case(
    tmp_path: Path, names: list[str], labels: list[object], expected: list[int]
) -> None:
    """A label is the class of exactly that name, else of the one that is the same number or the same word."""
    assert read(tmp_path, written(names, labels)).predictions.labels.tolist() == expected


@pytest.mark.parametrize(
    ("names", "labels", "said"),
    [
        (["bag", "coat"], ["bag", 1],
         ": the label 'bag' on line 2 is a class's name, '1' on line 3 a position; expected a class's name (bag, "),
        (["bag", "coat"], [1, "bag"], "(bag, coat) on every line, or a number from 0 to 1 on every line"),
        (["bag", "coat"], ["bag", "boot"], ", line 3: got the label 'boot'; expected a class's name (bag, coat)"),
        (["bag", "coat"], ["bag", ""], ", line 3: got the label ''; expected"),
        (["bag", "coat"], [0, 2], ", line 3: got the label '2'; expected"),
        (["bag", "coat"], [0, -1], ", line 3: got the label '-1'; expected"),
        (["bag", "coat"], [0, 0.5], ", line 3: got the label '0.5'; expected"),
        (["bag", "coat"], [0, "1_0"], ", line 3: got the label '1_0'; expected"),
        (["bag", "coat"], [0, "0x1"], ", line 3: got the label '0x1'; expected"),
        (["bag", "coat"], [0, "nan"], ", line 3: got the label 'nan'; expected"),
        (["bag", "coat"], [0, "1e999"], ", line 3: got the label '1e999'; expected"),
        (["bag", "coat"], [0, '"1,000"'], ", line 3: got the label '1,000'; expected"),
        (["a", "A"], ["a", "á"], ", line 3: got the label 'á'; expected"),
        (["bag", "Bag"], ["bag", "BAG"], ", line 3: got the label 'BAG'; expected"),
        (["bag", "coat"], ["bag", "9" * 5000], f", line 3: got the label '{'9' * 60}…'; expected"),
        ([f"c{i}" for i in range(30)], ["c0", "x"], "(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 …) on every line"),
    ],
)  # fmt: skip
def test_labels_without_one_reading_show_the_word_and_what_it_should_be(
    tmp_path: Path, names: list[str], labels: list[object], said: str
) -> None:
    """Some names and some positions are refused as well: a column has one reading."""
    assert said in refusal(tmp_path, written(names, labels))


TWO = "label,logit_a,logit_b\n0,1,2\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TWO + "1,x,2\n", ", line 3, column 'logit_a': got 'x', expected a finite number such as 0.25"),
        (TWO + "\n\n1,2,x\n", ", line 5, column 'logit_b': got 'x'"),
        (TWO + "1,,2\n", ", line 3, column 'logit_a': got '', expected"),
        (TWO + "1,2,nan\n", "column 'logit_b': got 'nan', expected a finite number"),
        (TWO + "1,2,1e999\n", "column 'logit_b': got '1e999', expected a finite number"),
        (TWO + "1,1_000,2\n", "column 'logit_a': got '1_000', expected"),
        (TWO + '1,"1,234",2\n', "column 'logit_a': got '1,234', expected"),
        (TWO + "1,2\n", ", line 3 has 2 cells, the header 3: '1,2'; expected a label and 2 numbers"),
        # Without quotes a decimal comma moves every number behind it into another's column.
        (TWO + "1,0,5,0,25\n", ", line 3 has 5 cells, the header 3: '1,0,5,0,25'; expected"),
        (TWO.replace(",", ";") + "1;0,5;0.25\n", "column 'logit_b': got '0.25', expected a finite number, with the "),
        (TWO.replace(",", ";") + "1;0.5;1\n0;0,5;1\n", ", line 4, column 'logit_a': got '0,5', expected"),
        (TWO.replace(",", ";") + "1;0,5;1.234,5\n", "column 'logit_b': got '1.234,5', expected"),
        ("label;a;b\n0;1;2\n", " has the columns label;a;b; expected"),
        ("Label,Logit_a,logit_a\n0,1,2\n", "has a class or 'label' twice, "),
        ("label,logit_a, logit_ a \n0,1,2\n", "has a class or 'label' twice, "),
        ("label,LABEL,logit_a,logit_b\n0,0,1,2\n", "has a class or 'label' twice, "),
        ("label,logit_,logit_b\n0,1,2\n", "a class without a name, "),
        ("label,Logit_a,PROBABILITY_b\n0,1,2\n", "logits beside probabilities: label, Logit_a, PROBABILITY_b; "),
        ("label,logit_a;label;logit_b\n", " has the columns label, logit_a;label;logit_b; expected"),
        ("label" + ",x" * 200_000, " has the columns label, x, x"),
        ("x" * 200_000, " has the columns (none); expected"),
        (TWO + "1,2," + "9" * 200_000, "is no CSV text in UTF-8 (field larger than field limit (131072))"),
    ],
)  # fmt: skip
def test_what_has_no_one_meaning_is_refused_with_the_word(tmp_path: Path, content: str, said: str) -> None:
    """The line, the column and the cell are named."""
    message = refusal(tmp_path, content)
    assert said in message
    assert len(message) < 500


def test_a_wide_table_of_commas_has_no_cell_that_is_too_long(tmp_path: Path) -> None:
    """12,000 classes: by semicolons the header would be one cell, longer than a cell may be."""
    names = [f"class_{i}" for i in range(12_000)]
    file = read(tmp_path, written(names, ["class_0", "class_11999"], np.eye(2, 12_000)))
    assert file.predictions.labels.tolist() == [0, 11_999]
