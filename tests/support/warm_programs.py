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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.warm_python import READ_AT_START, run_warm, start_warm

__all__ = ["run_in_processes", "run_with_children", "warm_programs"]

PYTHON = sys.executable
"""The interpreter, also where a test puts a program in its place."""

WORDS: dict[str, list[str]] = {"python": [], "swinx": ["-m", "swinx.cli"]}
"""Programs, and the words of Python that each stands for."""

PROGRAM = """#!{python} -SE
import json, os, signal, socket, sys
words = {words!r} + sys.argv[1:]
if words[0] == "-c" and {worker!r} in words[1]:
    words[1] = {fork!r} + words[1]
elif words[0] == "-c":  # the guard of a command is one: it watches who started it, and imports next to nothing
    os.execv({python!r}, [{python!r}, *words])
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    order = dict(words=words, cwd=os.getcwd(), environment=dict(os.environ))
    asked.sendall(json.dumps(order).encode() + b"\\n")
    answers = asked.makefile("rb")
    process = int(answers.readline())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(process, number))
    code, out, err = json.loads(answers.readline())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


WORKER = "nnunet_worker"
"""Stands in the program of a step of nnU-Net."""

FORK = "import multiprocessing as m; m.get_context = lambda _, get=m.get_context: get('fork'); "
"""Lets such a step fork its processes, which otherwise import everything anew."""


class _Commands(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        order: dict[str, Any] = json.loads(self.rfile.readline())
        command = [PYTHON, *order["words"]]
        python = str(Path(str(self.server.server_address)).with_name("python"))
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            process = start_warm(
                command, order["cwd"], order["environment"], out, err, of_server=_at_start(), executable=python
            )
            self.wfile.write(f"{process.pid}\n".encode())
            code = process.wait(3600)
            answer = [code, *(path.read_text(encoding="utf-8") for path in (out, err))]
        with suppress(BrokenPipeError):  # whoever asked was killed
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
                program.write_text(
                    PROGRAM.format(python=PYTHON, address=address, words=words, worker=WORKER, fork=FORK)
                )
                program.chmod(0o755)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield Path(folder)
            finally:
                server.shutdown()


def run_in_processes(
    words: Sequence[object], cwd: Path, count: int = 2, timeout: float = 900, restarts: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run ``torchrun`` with so many processes of ``python`` with these words; they begin with their imports done."""
    with warm_programs() as programs:
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}", "--no-python"]
        command = [PYTHON, *launch, f"--max-restarts={restarts}", str(programs / "python"), *map(str, words)]
        return run_warm(command, cwd, _environment(), timeout)


def run_with_children(command: Sequence[object], cwd: Path, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
    """Run a Python command that starts others by ``sys.executable``: all of them begin with their imports done.

    A small program stands for each of the others: it passes SIGTERM and SIGINT on, and other signals end that alone.
    """
    with warm_programs() as programs:
        python = str(programs / "python")
        return run_warm(list(map(str, command)), cwd, _environment(), timeout, executable=python)


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def _at_start() -> dict[str, str]:
    return {name: value for name, value in _environment().items() if name.startswith(READ_AT_START)}
