"""Let MONAI Label import torchvision beside a build of PyTorch that torchvision's compiled part does not fit.

PyPI has torchvision for CUDA alone. Next to PyTorch for CPUs its compiled part does not load, and its Python part
then stops at operators that nobody has declared. MONAI Label needs the Python part only, to make grids of pictures.
Python imports this file when it starts, in the server and in every process that the server begins.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept: list[Any] = []  # a library's operators are gone with it


class _DeclareOperators:
    """Stands before Python's own finders until torchvision is imported."""

    @classmethod
    def find_spec(
        cls,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG003 - as Python calls it
        target: ModuleType | None = None,  # noqa: ARG003
    ) -> ModuleSpec | None:
        """Find nothing, but declare torchvision's operators before its import, if it cannot do so itself."""
        if name == "torchvision":
            sys.meta_path.remove(cls)  # type: ignore[arg-type]
            spec = PathFinder.find_spec(name)
            if spec is not None and spec.origin is not None and not _loads(Path(spec.origin).parent):
                _declare()
        return None


def _loads(package: Path) -> bool:
    """Say whether the compiled part loads; torchvision then finds it loaded."""
    import torch

    for library in package.glob("_C*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
        return True
    return False


def _declare() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    _kept.append(library)


sys.meta_path.insert(0, _DeclareOperators)  # type: ignore[arg-type]
