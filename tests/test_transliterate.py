"""What a stream's encoding lacks is spelled in ASCII: nothing that the program prints becomes a question mark."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fashion_compare
from fashion_compare.transliterate import transliterated

ENCODINGS = ("ascii", "cp1252", "cp437", "latin-1", "cp932", "utf-8")
ROOT = Path(fashion_compare.__file__).parent


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", '-7.75 +/-0.5, 3x4 -> "A", sigma <= 2..., l2*sumw^2, cafe 1/2 ?'),
        ("cp1252", "-7.75 ±0.5, 3×4 -> “A”, sigma <= 2…, l2·sumw², café ½ ?"),
        ("cp437", '-7.75 ±0.5, 3x4 -> "A", σ ≤ 2..., l2·Σw², café ½ ?'),
        ("utf-8", "−7.75 ±0.5, 3×4 → “A”, σ ≤ 2…, l2·Σw², café ½ 写"),
    ],
)
def test_signs_that_an_encoding_lacks_are_spelled(encoding: str, printed: str) -> None:
    """A minus is a minus everywhere; what the encoding has stays; only what is like nothing in ASCII is '?'."""
    assert transliterated("−7.75 ±0.5, 3×4 → “A”, σ ≤ 2…, l2·Σw², café ½ 写", encoding) == printed


def test_boxes_and_bars_have_a_spelling() -> None:
    """As rich draws tables and progress."""
    assert transliterated("┌─┬┐ │ ━╸ █", "ascii") == "+-++ | -- #"


def test_control_characters_are_spaces() -> None:
    """A name can neither colour the terminal nor move its cursor; lines stay lines."""
    assert transliterated("Top\x1b[31m\rred\x07\x9b1A\tand\nblue", "utf-8") == "Top [31m red  1A and\nblue"


@given(st.text(st.characters(exclude_categories=["Cc"])), st.sampled_from(ENCODINGS))
def test_any_text_can_be_printed_and_what_can_be_is_not_changed(text: str, encoding: str) -> None:
    """No exception for whatever a name holds; text that the encoding has comes out as it is."""
    got = transliterated(text, encoding)
    got.encode(encoding)
    if text.encode(encoding, "ignore") == text.encode(encoding, "replace"):
        assert got == text.encode(encoding).decode(encoding)


def test_half_of_a_surrogate_pair_can_be_printed() -> None:
    """Python reads a file's name that is no UTF-8 as such."""
    assert transliterated("caf\udce9", "utf-8") == "caf?"


def test_every_sign_in_the_program_has_a_spelling() -> None:
    """Whatever any of its texts holds is printed in ASCII without a question mark in its place."""
    signs = {
        character
        for path in ROOT.rglob("*.py")
        if path.name != "transliterate.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for character in node.value
        if not character.isascii()
    }
    assert {"−", "±", "…", "→"} <= signs
    assert [sign for sign in signs if "?" in transliterated(sign, "ascii")] == []
