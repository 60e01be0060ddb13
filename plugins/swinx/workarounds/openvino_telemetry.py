"""An import of OpenVINO that is not reported to its makers.

Symptom: ``import openvino`` sends a report over the network, unless the user has declined in a file of the home folder.
Report: https://github.com/openvinotoolkit/openvino/pull/23832 made it so on purpose.
Can go: when OpenVINO asks before it reports, or has an option in the program. OpenVINO 2026.4.1 has none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_telemetry"]

_PACKAGE = "openvino_telemetry"


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Let the package that reports seem not to be installed, which OpenVINO takes as it is.

    Where it has been imported before, nothing is changed.
    """
    if _PACKAGE in sys.modules:
        yield
        return
    sys.modules[_PACKAGE] = None  # type: ignore[assignment] # Python's mark of what cannot be found
    try:
        yield
    finally:
        del sys.modules[_PACKAGE]
