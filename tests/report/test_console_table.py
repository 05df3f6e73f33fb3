"""Tables on a terminal: at any width every name and number is whole, and text is printed as it is."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from fashion_compare.report.console_table import ConsoleTable, wrapped

TABLE = ConsoleTable(
    "Two models on images of clothing",
    ("class", "accuracy", "A − B", "verdict"),
    [
        [("T-shirt [/top]", "90.12 ±0.34", "+1.25\n[−0.10, +2.60]", "no difference larger than 3.00 points")],
        [("上着 :shirt: a-very-long-name-of-a-class-of-clothing", "8.00 ±10.00", "", "better")],
    ],
    "in percent; change in points",
)
NUMBERS = ("90.12 ±0.34", "+1.25", "−0.10", "+2.60", "8.00 ±10.00", "3.00")


def printed(table: ConsoleTable, width: int, encoding: str = "utf-8") -> str:
    """What is printed of a table, as the stream gets it."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="")
    console = Console(file=out, width=width, markup=False, emoji=False)
    console.print(table, crop=False)
    out.flush()
    return out.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [10, 20, 30, 40, 60, 80, 100, 120, 200])
def test_names_and_numbers_are_whole_at_any_width(width: int) -> None:
    """No line is longer than the terminal but one that is a single word, and nothing is cut or left out."""
    text = printed(TABLE, width)
    assert "…" not in text
    for line in text.splitlines():
        assert cell_len(line) <= width or len(line.split()) <= 2, line
    for number in NUMBERS:
        assert re.search(rf"(?<![\d.]){re.escape(number).replace(' ', '[ ]|')}(?![\d.])", text), (number, text)
    for words in (
        "T-shirt [/top]",
        "上着 :shirt: a-very-long-name-of-a-class-of-clothing",
        "no difference larger than",
    ):
        for word in words.split():
            assert word in text, text


def test_a_terminal_that_is_wide_enough_shows_a_table() -> None:
    """A heading over each column, a line a row; one column less and each row is a block with its own labels."""
    rows = [[("cnn baseline", "90.12", "better"), ("cnn l2", "9.00", "worse")]]
    table = ConsoleTable("", ("name", "accuracy", "verdict"), rows)
    head, rule, first, second = (line for line in printed(table, 34).splitlines() if line.strip())
    assert head.split() == ["name", "accuracy", "verdict"]
    assert set(rule.strip()) == {"─"}
    assert first.split() == ["cnn", "baseline", "90.12", "better"]
    # Numbers end below each other.
    assert first.index("90.12") + 5 == second.index("9.00") + 4
    assert printed(table, 33) == (
        "\ncnn baseline\n  accuracy  90.12\n  verdict   better\n\ncnn l2\n  accuracy  9.00\n  verdict   worse\n\n"
    )


@pytest.mark.parametrize("width", [30, 100])
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_table_is_aligned_in_any_encoding(encoding: str, width: int) -> None:
    """Signs are spelled before columns are measured: a longer spelling moves nothing out of its column."""
    text = printed(
        ConsoleTable("", ("", "A − B", "A is"), [[("a → b", "±1", "x"), ("c", "−12.5", "…")]]), width, encoding
    )
    assert "A - B" in text
    assert "-12.5" in text
    assert "a -> b" in text
    assert "?" not in text
    lines = [line for line in text.splitlines() if line.strip()]
    assert width < 40 or len(set(map(len, lines))) == 1


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), st.integers(1, 50))
def test_lines_break_between_words_alone(text: str, width: int) -> None:
    """The words are the same in the same order, and a line that is too long is one word."""
    lines = wrapped(text, width).plain.split("\n")
    assert " ".join(lines).split() == text.split()
    assert all(cell_len(line) <= width or len(line.split()) == 1 for line in lines)
