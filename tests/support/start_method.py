"""Start method of the processes that load data: ``SWINX_TEST_START_METHOD=spawn`` tests that of macOS and Windows."""

from __future__ import annotations

import multiprocessing
import os

__all__ = ["use_start_method"]


def use_start_method() -> None:
    """Start processes by the method that ``SWINX_TEST_START_METHOD`` names; without it by that of the system."""
    if method := os.environ.get("SWINX_TEST_START_METHOD"):
        multiprocessing.set_start_method(method, force=True)
