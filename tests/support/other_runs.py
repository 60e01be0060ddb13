"""Another process that writes into a folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["another_run"]

_PROGRAM = """
import sys
from swinx.files import hold
hold(sys.argv[1], is_file=len(sys.argv) > 2)
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def another_run(place: Path, is_file: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold a folder, or a file, until the block ends or it is killed."""
    words = [sys.executable, "-c", _PROGRAM, str(place), *(["file"] if is_file else [])]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("done\n")
