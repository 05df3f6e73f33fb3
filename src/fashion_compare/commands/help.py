"""Help that fits the terminal: as narrow as it is, in the characters that it has."""

import shutil
import sys
from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup

from fashion_compare.transliterate import transliterated

# In less there is no room for words beside the options.
_BESIDE = 60


class _Fitting:
    """What a command and the group of commands have in common."""

    def get_help(self, ctx: Any) -> str:
        """Return the help, which the parser would make 50 columns wide at least, and print as UTF-8 on ASCII."""
        formatter = ctx.make_formatter()
        formatter.width = min(80, shutil.get_terminal_size().columns) - 2
        if formatter.width < _BESIDE:
            formatter.write_dl = partial(formatter.write_dl, col_max=1)
        self.format_help(ctx, formatter)  # type: ignore[attr-defined]
        return transliterated(formatter.getvalue().rstrip("\n"), getattr(sys.stdout, "encoding", None) or "utf-8")


class Command(_Fitting, TyperCommand):
    """A command with such a help."""


class Group(_Fitting, TyperGroup):
    """All commands together, with such a help."""
