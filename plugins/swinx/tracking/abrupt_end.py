"""Orderly end of a process that is stopped, with a last message to the tracker."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

__all__ = ["end_by_exception_on_sigterm", "was_stopped"]

_stopped: list[int] = []


def end_by_exception_on_sigterm() -> None:
    """Let SIGTERM, which Slurm and containers send, end the process by ``SystemExit``, so that its exit is in order.

    Without it the process just stops to be. A handler that somebody else has set stays; outside of the main thread,
    where none can be set, nothing happens.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop)


def was_stopped() -> bool:
    """Return whether SIGTERM or Ctrl-C ends this process."""
    last = getattr(sys, "last_type", None)
    return bool(_stopped) or (last is not None and issubclass(last, KeyboardInterrupt))


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    _stopped.append(number)
    raise SystemExit(128 + number)
