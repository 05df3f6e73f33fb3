"""Run the program in a pseudo-terminal of a given width, as a person does who has a narrow window."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(columns: int, home: Path, *words: str, code: int = 0) -> str:
    """Return what a command shows in a terminal of so many columns, stdout and stderr together, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    hidden = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TERM": "xterm"}
    program = [sys.executable, "-m", "fashion_compare", *words]
    process = subprocess.Popen(program, cwd=home, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:
            # Linux says so when the program has closed its end.
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    # A return alone begins a line that is drawn again.
    text = _ESCAPE.sub("", b"".join(parts).decode()).replace("\r\n", "\n").replace("\r", "\n")
    assert process.wait(timeout=60) == code, text
    return text
