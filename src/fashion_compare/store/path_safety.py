"""What is written stays in the directory that was named for it."""

import os
from pathlib import Path

from fashion_compare.errors import UserError


def refuse_links_out(directory: Path) -> None:
    """Check that no directory below leads elsewhere; files cannot, for they are replaced and never followed.

    `directory` itself may be a link: it is what was named.

    Raises:
        UserError: a symbolic link in it leads out of it.
    """
    home = directory.resolve()
    # Not followed: what lies behind a link that stays inside is visited in its place.
    for here, folders, _ in os.walk(home):
        for name in folders:
            path = Path(here, name)
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                raise UserError(
                    f"{path} is a symbolic link out of {directory}, where nothing is written; remove it, or make it a "
                    "directory"
                )
