"""Models that OpenVINO compiled, kept for the next process: converting the network takes most of the time."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

import swinx
from swinx.files import write_atomic
from swinx.inference.backends.openvino_package import cpu_settings, import_openvino
from swinx.workarounds import same_signal_stack

__all__ = ["cache_folder", "compiled_or_kept"]

_MOST_BYTES = 2 * 2**30
"""Files of all models together; beyond it those that were not used for longest go."""

_OFF = ("off", "0", "no", "false")
_COUNTED_NAME = re.compile(r"___torch_mangle_\d+\.")
_DIGEST_BYTES = hashlib.sha256().digest_size
_logger = logging.getLogger(__name__)


def cache_folder() -> Path | None:
    """Return the folder in which compiled models are kept; None if none are.

    It is ``SWINX_CACHE``, or ``swinx`` in the user's folder of caches; ``SWINX_CACHE=off`` keeps none.
    """
    if (chosen := os.environ.get("SWINX_CACHE", "")).lower() in _OFF:
        return None
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA") or Path("~", "AppData", "Local")
    elif sys.platform == "darwin":
        place = Path("~", "Library", "Caches")
    else:
        place = os.environ.get("XDG_CACHE_HOME") or Path("~", ".cache")
    folder = Path(os.path.expanduser(place), "swinx")  # noqa: PTH111 - pathlib raises where there is no home
    return folder if folder.is_absolute() else None


def _key(traced: Any, shapes: Sequence[Sequence[int]], bfloat16: bool) -> str:
    """Return a name that differs between all that compiles to different models."""
    openvino = import_openvino()
    processor = openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    made_with = (swinx.__version__, torch.__version__, openvino.get_version(), processor, cpu_settings(bfloat16))
    found = hashlib.sha256(repr((made_with, shapes)).encode())
    # Names in the graph count the networks that the process has traced before.
    graph = traced.inlined_graph
    found.update(_COUNTED_NAME.sub("", str(graph)).encode())
    constants = [node.t("value") for node in graph.findAllNodes("prim::Constant") if _is_tensor(node)]
    for name, tensor in (*traced.state_dict().items(), *enumerate(constants)):
        array = tensor.detach().cpu().contiguous().numpy()
        found.update(repr((name, array.dtype.str, array.shape)).encode())
        found.update(array)
    return found.hexdigest()


def _is_tensor(constant: Any) -> bool:
    return bool(constant.hasAttribute("value")) and constant.kindOf("value") == "t"


def compiled_or_kept(
    traced: Any, shapes: Sequence[Sequence[int]], bfloat16: bool, compile_model: Callable[[], Any]
) -> Any:
    """Return a compiled model as it was kept, or compile it and keep it.

    A file that is damaged, and a folder that cannot be written to, are no errors: the model is compiled.

    Args:
        traced: A network as PyTorch traced it: what it computes, and its weights.
        shapes: Shapes of its inputs; -1 for any size.
        bfloat16: Whether it computes in bfloat16.
        compile_model: Compiles it.
    """
    if (folder := cache_folder()) is None:
        return compile_model()
    path = folder / f"openvino_{_key(traced, shapes, bfloat16)}.bin"
    if (kept := _read(path, bfloat16)) is not None:
        return kept
    compiled = compile_model()
    try:
        stream = io.BytesIO()
        compiled.export_model(stream)
        content = stream.getbuffer()
        with write_atomic(path) as partial, partial.open("wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        _remove_oldest(folder)
    except (OSError, RuntimeError) as error:
        _logger.info("the compiled network is not kept: %s", error)
    return compiled


def _read(path: Path, bfloat16: bool) -> Any:
    """Return a model that was kept; None if there is none, or none that is as it was written."""
    try:
        with path.open("rb") as file:
            digest, model = file.read(_DIGEST_BYTES), file.read()
        if hashlib.sha256(model).digest() != digest:
            return None
        with same_signal_stack():
            found = import_openvino().Core().import_model(model, "CPU", cpu_settings(bfloat16))
    except (OSError, RuntimeError):
        return None
    with suppress(OSError):  # of a folder that may only be read
        path.touch()  # used last
    return found


def _remove_oldest(folder: Path) -> None:
    """Remove the models that were not used for longest, until the others are within the limit."""
    files = sorted(folder.glob("openvino_*.bin"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > _MOST_BYTES:
            path.unlink(missing_ok=True)
