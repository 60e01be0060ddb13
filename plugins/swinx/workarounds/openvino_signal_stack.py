"""The signal stack of a thread, kept while OpenVINO compiles a model.

Symptom: a model that OpenVINO compiles for a CPU sets a signal stack, for the AMX instructions. At its end it frees it
and sets the one of before, which may belong to another model and be free already. The next signal, such as Ctrl-C or
the end of a child process, is then a segmentation fault.
Report: none found; https://github.com/openvinotoolkit/openvino/pull/11894 brought the signal stack in.
Can go: when models of OpenVINO can end in any order; seen with OpenVINO 2026.4.1.
"""

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
    """Give this thread back the signal stack that it had, on Linux; elsewhere nothing happens."""
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
