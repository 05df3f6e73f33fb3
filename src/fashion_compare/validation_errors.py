"""What is wrong in a study file or a file of results, in one sentence for every constraint that pydantic checks."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fashion_compare.classifier.configuration import ALIASES
from fashion_compare.errors import UsageError, nearest
from fashion_compare.store.yaml_loader import number

_TEXT = "expected text, in quotes where it looks like a number"
_WHOLE = "expected a whole number"
_NAME = "expected at most 63 of a-z, 0-9, '-' and '_', the first a letter or a digit"
# Pydantic's type of an error → what was expected; what is in braces comes with the error.
_EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected a mapping",
    "extra_forbidden": "expected no such field",
    "finite_number": "expected a finite number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "greater_than": "expected a number greater than {gt}",
    "greater_than_equal": "expected a number greater than or equal to {ge}",
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "expected a whole number of fewer digits",
    "int_type": _WHOLE,
    "less_than": "expected a number less than {lt}",
    "less_than_equal": "expected a number less than or equal to {le}",
    "list_type": "expected a list",
    "literal_error": "expected {expected}",
    "missing": "required, but not given",
    "model_type": "expected a mapping",
    "string_pattern_mismatch": _NAME,
    "string_too_long": "expected at most {max_length} characters",
    "string_type": _TEXT,
    "too_long": "expected at most {max_length} values",
    "too_short": "expected {min_length} or more",
    "tuple_type": "expected a list",
    # The one field with a choice of types.
    "union_tag_not_found": "expected a list of two or more values, or a mapping with low and high",
    "value_error": "{error}",
}
_UNKNOWN = "expected something else"
# These say all there is to say.
_WITHOUT_VALUE = {"missing", "value_error"}
_LONGEST = 60


def refusal(error: ValidationError, content: Any, where: str) -> str:
    """Return the first of the errors found in `content` as one line that begins with `where`."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, _place(first, content)))
    # What is wrong with settings together has no place of its own.
    return f"{where}: {place}: {sentence(first)}" if place else f"{where}: {sentence(first)}"


def sentence(error: ErrorDetails) -> str:
    """Return what is wrong: what was got, and what is expected."""
    kind, value = error["type"], error["input"]
    expected = _EXPECTED.get(kind, _UNKNOWN).format_map(error.get("ctx", {}))
    if kind in _WITHOUT_VALUE:
        return expected
    if isinstance(value, str) and kind.endswith("_parsing") and not isinstance(number(value), str):
        expected += ", without quotes"
    if kind == "tuple_type" and isinstance(value, int | float):
        expected += f", such as [{value}]"
    return f"got {shown(value)}, {expected}"


def shown(value: Any) -> str:
    """Return a value as a study file has it, or the beginning of one that is long."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value) if len(value) <= _LONGEST else f"{value[:_LONGEST]!r}..."
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def unknown_key(content: Any, valid: Collection[str], what: str = "field") -> str | None:
    """Return what is wrong when `content` is no mapping, or has a key that is not valid; else None."""
    if not isinstance(content, Mapping):
        return f"got {shown(content)}, expected a mapping with {', '.join(sorted(valid))}"
    unknown = next((key_text(key) for key in content if key not in valid), None)
    return None if unknown is None else f"unknown {what} '{unknown}': {nearest(unknown, valid, ALIASES)}"


def key_text(key: Any) -> str:
    """Return a key as a study file has it."""
    return key if isinstance(key, str) else shown(key)


def mapping(content: Any, where: str, valid: Collection[str], what: str = "field") -> dict[str, Any]:
    """Return `content` when it is a mapping with valid keys.

    Raises:
        UsageError: it is not.
    """
    if problem := unknown_key(content, valid, what):
        raise UsageError(f"{where}: {problem}")
    return dict(content)


def refuse_booleans(content: Any, where: str) -> None:
    """No setting is true or false, but Python takes either for a number."""
    if isinstance(content, bool):
        raise UsageError(f"{where}: got {shown(content)}, expected a number or text: nothing here is true or false")
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        refuse_booleans(value, f"{where}: {key}" if ":" not in where else f"{where}.{key}")


def _place(error: ErrorDetails, content: Any) -> list[str | int]:
    """Return where in `content` an error is: its location without pydantic's names for alternatives."""
    place: list[str | int] = []
    for part in error["loc"]:
        inside = content if isinstance(content, dict) else dict(enumerate(content)) if isinstance(content, list) else {}
        if part in inside:
            content = inside[part]
            place.append(part)
    if error["type"] == "missing":
        place.append(error["loc"][-1])
    return place
