"""The stack on which a thread handles signals, kept as it is while a library is at work that would change it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["same_signal_stack"]


class _Stack(ctypes.Structure):
    """``stack_t`` of Linux."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def same_signal_stack() -> Iterator[None]:
    """Give this thread back the signal stack that it had; on Linux, elsewhere nothing happens.

    A model that OpenVINO compiles for a CPU brings a signal stack along. At its end it frees it, and brings back the
    one of before, if its own is still in use: of several models that may be one that is free already. The next signal,
    such as Ctrl-C or the end of a child, is then a segmentation fault.
    """
    if sys.platform != "linux":
        yield
        return
    sigaltstack = ctypes.CDLL(None).sigaltstack
    before = _Stack()
    is_known = sigaltstack(None, ctypes.byref(before)) == 0
    try:
        yield
    finally:
        if is_known:
            sigaltstack(ctypes.byref(before), None)
