"""Python commands that start at once: a server has imported what they need, and forks a process for each."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

__all__ = ["run_warm"]

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
READ_AT_RUN = ("SWINX_", "MLFLOW_", "PYTEST_")
"""Beginnings of the environment's variables that a process may have of its own: no module reads them when imported."""


def run_warm(
    command: Sequence[str],
    cwd: Path,
    environment: dict[str, str],
    timeout: float = 300,
    imported: tuple[str, ...] = IMPORTED,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m module ...`` or ``python program.py ...`` and return it finished, with what it wrote.

    Like ``subprocess.run``, but for the seed of hashes, which all processes share, and the imports, which are done.
    """
    kept = frozenset(item for item in environment.items() if not item[0].startswith(READ_AT_RUN))
    server = _server(command[0], imported, kept)
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        order = {"command": list(command), "cwd": str(Path(cwd).resolve()), "environment": environment}
        server.stdin.write(json.dumps(order | {"out": str(out), "err": str(err)}) + "\n")
        server.stdin.flush()
        answered, _, _ = select.select([server.stdout], [], [], timeout)
        code = server.stdout.readline() if answered else ""
        if not code:
            _end(server)
            _server.cache_clear()
            if answered:
                raise RuntimeError(f"the server of Python processes ended; {SERVER.name} says why")
            raise subprocess.TimeoutExpired(list(command), timeout)
        return subprocess.CompletedProcess(
            list(command), int(code), out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        )


@cache
def _server(python: str, imported: tuple[str, ...], environment: frozenset[tuple[str, str]]) -> subprocess.Popen[str]:
    """The server of an interpreter and an environment; it ends with this process."""
    server = subprocess.Popen(
        [python, str(SERVER), *imported],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(environment),
        encoding="utf-8",
        start_new_session=True,
    )
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[str]) -> None:
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
