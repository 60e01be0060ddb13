"""Python commands that start at once: a server has imported what they need, and forks a process for each."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path

__all__ = ["READ_AT_START", "WarmProcess", "run_warm", "start_warm"]

SERVER = Path(__file__).parent / "forking_server.py"
IMPORTED = (
    "monai.bundle",
    "torch._dynamo",  # comes with the first optimizer
    "swinx.cli",
    "swinx.training",
    "swinx.inference",
    "swinx.pretraining",
    "swinx.refinement",
    "swinx.preprocessing",
    "swinx.runs",
)
READ_AT_START = ("PYTHON", "OMP_", "MKL_", "MALLOC_", "LD_", "LC_", "LANG", "PATH", "CUDA_", "HOME", "XDG_", "TMP")
"""Beginnings of the environment's variables that Python, or a library that is imported, reads when it starts.

A server is started for each set of them; libraries that set others, as MLflow does, do not cost one more server.
"""
OTHERS = {name: value for name, value in os.environ.items() if not name.startswith(READ_AT_START)}
"""The other variables of a server."""


class WarmProcess:
    """A process that a server forked, with the part of :class:`subprocess.Popen` that the tests use."""

    def __init__(self, server: _Server, order: dict[str, object]) -> None:
        self.args = order["command"]
        self._server = server
        self._number = server.send(order)
        self.pid: int = server.told(self._number, "began", 600)  # a server that starts has much to import

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        return self._server.facts.get((self._number, "ended"))

    def wait(self, timeout: float = 900) -> int:
        """Return its exit status when it has ended."""
        return self._server.told(self._number, "ended", timeout)

    def send_signal(self, number: int) -> None:
        """Send a signal to it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


class _Server:
    """A running server, and what it told of its processes."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
            encoding="utf-8",
            start_new_session=True,
        )
        self.facts: dict[tuple[int, str], int] = {}
        self._numbers = count()
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()
        atexit.register(self.end)

    def send(self, order: dict[str, object]) -> int:
        """Send an order; return its number."""
        with self._news:
            number = next(self._numbers)
            self.process.stdin.write(json.dumps(order | {"number": number}) + "\n")
            self.process.stdin.flush()
        return number

    def told(self, number: int, kind: str, timeout: float) -> int:
        """Wait for what it tells of a process: that it ``began``, with its id, or ``ended``, with its status."""
        with self._news:
            self._news.wait_for(lambda: (number, kind) in self.facts or self._is_gone, timeout)
        if (number, kind) in self.facts:
            return self.facts[number, kind]
        if self._is_gone:
            raise RuntimeError(f"the server of Python processes ended; {SERVER.name} says why")
        raise subprocess.TimeoutExpired(self.process.args, timeout)

    _is_gone = False

    def _listen(self) -> None:
        for line in self.process.stdout:
            number, kind, value = line.split()
            with self._news:
                self.facts[int(number), kind] = int(value)
                self._news.notify_all()
        with self._news:
            self._is_gone = True
            self._news.notify_all()

    def end(self) -> None:
        """Kill it with all its processes."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run_warm(
    command: Sequence[str],
    cwd: Path,
    environment: dict[str, str],
    timeout: float = 900,
    imported: tuple[str, ...] = IMPORTED,
    of_server: Mapping[str, str] | None = None,
    executable: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run Python with ``-m``, with ``-c`` or with a program, and return it finished, with what it wrote.

    Like ``subprocess.run``, but for the seed of hashes, which all processes share, and the imports, which are done.

    Args:
        command: The command; its first word is the interpreter.
        cwd: Where it runs.
        environment: All variables that it has.
        timeout: Seconds after which it is killed, and the server with it.
        imported: What the server has imported.
        of_server: Variables of the server that are read at its start; by default those of the command.
        executable: Its ``sys.executable``, by which it starts others; by default the interpreter.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = start_warm(command, cwd, environment, out, err, imported, of_server, executable)
        try:
            code = process.wait(timeout)
        except (RuntimeError, subprocess.TimeoutExpired):
            process._server.end()
            _server.cache_clear()
            raise
        return subprocess.CompletedProcess(
            list(command), code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        )


def start_warm(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    out: str | Path = os.devnull,
    err: str | Path = os.devnull,
    imported: tuple[str, ...] = IMPORTED,
    of_server: Mapping[str, str] | None = None,
    executable: str = "",
) -> WarmProcess:
    """Start what :func:`run_warm` runs, to be watched and killed; it writes into the files ``out`` and ``err``."""
    at_start = {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}
    server = _server(command[0], imported, frozenset((at_start if of_server is None else of_server).items()))
    for path in (out, err):
        Path(path).open("ab").close()  # it is there from the beginning, for those who watch it
    order = {"command": list(command), "cwd": str(Path(cwd).resolve()), "environment": dict(environment)}
    return WarmProcess(server, order | {"out": str(out), "err": str(err), "executable": executable})


@cache
def _server(python: str, imported: tuple[str, ...], environment: frozenset[tuple[str, str]]) -> _Server:
    """The server of an interpreter and an environment; it ends with this process."""
    return _Server([python, str(SERVER), *imported], OTHERS | dict(environment))
