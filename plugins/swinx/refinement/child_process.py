"""Commands that end with the process that runs them, whatever ends that one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import swinx
from swinx.refinement.child_guard import GRACE_S

__all__ = ["run_child"]

_GUARD = (
    "import sys; sys.path[0] = sys.argv[1]; from swinx.refinement.child_guard import main; "
    "sys.exit(main(int(sys.argv[2]), sys.argv[3:]))"
)


def run_child(command: Sequence[str], env: Mapping[str, str] | None = None, log: IO[str] | None = None) -> int:
    """Run a command to its end, without standard input, in a process group of its own.

    If this process is stopped or killed meanwhile, by SIGTERM or SIGKILL, the command and all that it started end
    within seconds, through :mod:`swinx.refinement.child_guard`.

    Args:
        command: Program and arguments.
        env: Environment; by default that of this process.
        log: Where output and errors go; by default where those of this process go.

    Returns:
        The exit code; 128 and the number of the signal for a command that a signal ended.
    """
    package = str(Path(swinx.__file__).parents[1])
    guard = subprocess.Popen(
        [sys.executable, "-c", _GUARD, package, str(os.getpid()), *command],
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
            guard.wait(3 * GRACE_S)
        _kill_group(guard)
        raise
    if code < 0:
        _kill_group(guard)
    return code if code >= 0 else 128 - code


def _kill_group(guard: subprocess.Popen[bytes]) -> None:
    """Kill what a guard that did not end in order may have left."""
    if guard.poll() is None:
        guard.kill()
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(guard.pid, signal.SIGKILL)
    guard.wait()
