"""Commands that end when the process that started them ends, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from swinx.runs import child_guard

__all__ = ["run_child"]

# The guard by its path: imported as part of its room, it would import torch and MONAI to watch a process.
_GUARD = "import runpy, sys; del sys.argv[0], sys.path[0]; runpy.run_path(sys.argv[0], run_name='__main__')"


def run_child(command: Sequence[str], env: Mapping[str, str] | None = None, log: IO[str] | None = None) -> int:
    """Run a command to its end, without standard input, in a process group of its own.

    If this process is stopped or killed meanwhile, by SIGTERM or SIGKILL, the command and all that it started end
    within seconds, through :mod:`swinx.runs.child_guard`.

    Args:
        command: Program and arguments.
        env: Environment; by default that of this process.
        log: Where output and errors go; by default where those of this process go.

    Returns:
        The exit code; 128 and the number of the signal for a command that a signal ended.
    """
    guard = subprocess.Popen(
        [sys.executable, "-c", _GUARD, child_guard.__file__, str(os.getpid()), *command],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=None if log is None else subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        code = guard.wait()
    except BaseException:  # Ctrl-C or SIGTERM: this process ends, and the command with it
        guard.terminate()
        with suppress(subprocess.TimeoutExpired):
            guard.wait(3 * child_guard.GRACE_S)
        _kill_group(guard)
        raise
    if code < 0:
        _kill_group(guard)
    return code if code >= 0 else 128 - code


def _kill_group(guard: subprocess.Popen[bytes]) -> None:
    """Kill the processes that a guard which was killed may have left."""
    if guard.poll() is None:
        guard.kill()
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(guard.pid, signal.SIGKILL)
    guard.wait()
