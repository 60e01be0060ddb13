"""Programs for make, torchrun and scripts, which start Python by themselves: it then begins with its imports done."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.warm_python import READ_AT_START, run_warm

__all__ = ["run_in_processes", "run_with_children", "warm_programs"]

WORDS: dict[str, list[str]] = {"python": [], "swinx": ["-m", "swinx.cli"]}
"""Programs, and the words of Python that each stands for."""

PROGRAM = """#!{python} -SE
import json, os, socket, sys
words = {words!r} + sys.argv[1:]
if words[0] == "-c":  # the guard of a command is one: it watches who started it, and imports next to nothing
    os.execv({python!r}, [{python!r}, *words])
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    order = dict(words=words, cwd=os.getcwd(), environment=dict(os.environ))
    asked.sendall(json.dumps(order).encode() + b"\\n")
    code, out, err = json.loads(asked.makefile("rb").read())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class _Commands(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        order: dict[str, Any] = json.loads(self.rfile.readline())
        command = [sys.executable, *order["words"]]
        try:
            python = str(Path(str(self.server.server_address)).with_name("python"))
            done = run_warm(command, order["cwd"], order["environment"], 3600, of_server=_at_start(), executable=python)
            answer = [done.returncode, done.stdout, done.stderr]
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            answer = [1, "", str(error)]
        self.wfile.write(json.dumps(answer).encode())


class _Sockets(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def warm_programs() -> Iterator[Path]:
    """Write ``python`` and ``swinx`` into a folder and return it; until the block ends they run as those of here do.

    What libraries read from the environment when they are loaded, such as ``OMP_NUM_THREADS``, is that of the tests.
    """
    with tempfile.TemporaryDirectory() as folder:  # the address of a socket is at most a hundred characters
        address = str(Path(folder) / "commands")
        with _Sockets(address, _Commands) as server:
            for name, words in WORDS.items():
                program = Path(folder) / name
                program.write_text(PROGRAM.format(python=sys.executable, address=address, words=words))
                program.chmod(0o755)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield Path(folder)
            finally:
                server.shutdown()


def run_in_processes(
    words: Sequence[object], cwd: Path, count: int = 2, timeout: float = 900
) -> subprocess.CompletedProcess[str]:
    """Run ``torchrun`` with so many processes of ``python`` with these words; they begin with their imports done."""
    with warm_programs() as programs:
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}", "--no-python"]
        command = [sys.executable, *launch, str(programs / "python"), *map(str, words)]
        return run_warm(command, cwd, _environment(), timeout)


def run_with_children(command: Sequence[object], cwd: Path, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
    """Run a Python command that starts others by ``sys.executable``: all of them begin with their imports done.

    A small program stands for each of the others: signals end that alone.
    """
    with warm_programs() as programs:
        python = str(programs / "python")
        return run_warm(list(map(str, command)), cwd, _environment(), timeout, executable=python)


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def _at_start() -> dict[str, str]:
    return {name: value for name, value in _environment().items() if name.startswith(READ_AT_START)}
