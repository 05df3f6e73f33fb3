"""Text for a stream whose encoding lacks some of its characters: spelled in ASCII where that says the same."""

import codecs
import re
import unicodedata

# The name of the error handler, for a stream's `errors`.
ERRORS = "transliterate"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_ASCII = {
    "−": "-", "\u2010": "-", "\u2011": "-", "–": "-", "—": "-", "±": "+/-", "×": "x", "·": "*", "÷": "/", "\u2044": "/",
    "“": '"', "”": '"', "„": '"', "\u2018": "'", "\u2019": "'", "…": "...", "•": "*",
    "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "‖": "||",
    "√": "sqrt", "∂": "d", "Σ": "sum", "²": "^2", "³": "^3", "µ": "u", "°": "deg",
    "α": "alpha", "β": "beta", "γ": "gamma", "ε": "epsilon", "η": "eta", "θ": "theta", "λ": "lambda", "μ": "mu",
    "σ": "sigma",
}  # fmt: skip


def transliterated(text: str, encoding: str) -> str:
    """Return the text in characters that the encoding has, as it will be printed, so that its width can be measured.

    A name may hold control characters, which would move the cursor or colour all that follows: each becomes a space.
    """
    return _CONTROL.sub(" ", text).encode(encoding, ERRORS).decode(encoding)


def _spelled(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    name = unicodedata.name(character, "")
    if name.startswith("BOX DRAWINGS"):
        return "+" if " AND " in name else "|" if name.endswith(("VERTICAL", "UP", "DOWN")) else "-"
    if unicodedata.combining(character):
        return ""
    # A letter without its accent, a number that is not raised; nothing else is like an ASCII character.
    parts = unicodedata.normalize("NFKD", character)
    plain = "".join(_ASCII.get(part, part) for part in parts if not unicodedata.combining(part))
    return plain if plain.isascii() else "#" if name.endswith("BLOCK") else "?"


def _transliterate(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelled, error.object[error.start : error.end])), error.end


codecs.register_error(ERRORS, _transliterate)
