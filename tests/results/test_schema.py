"""The schema of results.json: shipped, in step with the code, and enforced."""

import pytest

from fashion_compare.errors import UserError
from fashion_compare.results import schema


def test_the_shipped_schema_is_that_of_the_code() -> None:
    """`python -m fashion_compare.results.schema` was run after the last change."""
    assert schema.shipped_schema() == schema.schema_text()


def test_what_does_not_fit_is_named() -> None:
    """A missing part is the user's error, in one line that names its place."""
    with pytest.raises(UserError, match=r"^results do not fit their schema at [^\n]+$"):
        schema.check({"schema_version": 1})
