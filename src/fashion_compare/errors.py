"""The errors a user can cause: each is one clear line, printed without a traceback."""

import difflib
from collections.abc import Iterable, Mapping


class UserError(Exception):
    """Something the user can mend: what, where, what was expected, what to do. Exit code 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        # Names from files may hold anything; the message stays one line all the same.
        printable = "".join(character if character.isprintable() else " " for character in message)
        super().__init__(" ".join(printable.split()))


class UsageError(UserError):
    """A wrong name, option or study file: found before any work starts. Exit code 2."""

    exit_code = 2


class DataError(UserError):
    """A data file that is missing, damaged or not what it should be. Exit code 1."""


def nearest(name: str, valid: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """Return ``did you mean 'x'?`` for the valid name closest to `name`, else the valid names.

    Args:
        name: what was given.
        valid: names that could have been meant.
        aliases: other words for valid names, in lower-case letters and digits alone. Spelling says nothing about
            these: 'lr' is closest to 'l2'. A slip of one letter says more: 'training_size' is 'training_sizes'.
    """
    names = sorted(valid)
    alias = (aliases or {}).get("".join(filter(str.isalnum, name.lower())))
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5 if alias is None else 0.9)
    close = close or ([] if alias is None else [alias])
    return f"did you mean '{close[0]}'?" if close and close[0] in names else f"valid: {', '.join(names)}"
