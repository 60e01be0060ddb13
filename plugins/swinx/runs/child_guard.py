"""Process between a command and its parent, which ends the command when the parent is gone.

:mod:`swinx.runs.child_process` starts it. A process that is killed cannot end its children, and those have
children of their own, some in other sessions; so a third process watches.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

import psutil

__all__ = ["GRACE_S", "main"]

GRACE_S = 5.0
"""Time in seconds that processes have to end by themselves before they are killed."""

_LOOK_EVERY_S = 0.5
_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # of Linux's prctl
_STOPPED = 128 + signal.SIGTERM
_asked_to_stop: list[int] = []


def main(parent: int, command: Sequence[str]) -> int:
    """Run a command until it ends, ``parent`` is gone or SIGTERM comes, and end all processes that it started.

    Args:
        parent: Id of the process that started this one.
        command: Program and arguments.

    Returns:
        The exit code of the command; 128 and the number of the signal for one that a signal ended.
    """
    signal.signal(signal.SIGTERM, _note)
    _prctl(_SET_SUBREAPER, 1)  # orphans of the command become children of this process
    if _is_gone(parent):
        return _STOPPED
    on_linux = {"preexec_fn": _die_with_parent} if sys.platform == "linux" else {}
    child = subprocess.Popen(list(command), **on_linux)  # type: ignore[call-overload] # the one option above
    while child.poll() is None:
        if _asked_to_stop or _is_gone(parent):
            _end_descendants()
            return _STOPPED
        try:
            child.wait(_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
    _end_descendants()
    code = int(child.returncode)
    return code if code >= 0 else 128 - code


def _note(number: int, frame: FrameType | None) -> None:
    del frame
    _asked_to_stop.append(number)


def _is_gone(parent: int) -> bool:
    if os.name == "posix":  # an orphan has another parent at once, even before the old one is reaped
        return os.getppid() != parent
    return not psutil.pid_exists(parent)


def _end_descendants() -> None:
    """End all descendants of this process, by SIGTERM first and SIGKILL after the grace period."""
    left = psutil.Process().children(recursive=True)
    for send in ("terminate", "kill"):
        for process in left:
            try:
                getattr(process, send)()
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=GRACE_S)
        left = psutil.Process().children(recursive=True)


def _die_with_parent() -> None:
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
