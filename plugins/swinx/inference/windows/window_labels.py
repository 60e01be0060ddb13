"""Sliding-window segmentation that returns labels on the grid of the scan."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, takewhile
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from monai.data.utils import compute_importance_map
from monai.utils import BlendMode
from torch import Tensor
from tqdm import tqdm

from swinx.inference.backends.part_logits import Backend, PartLogits, WholeLogits
from swinx.inference.windows.measured_windows import after_out_of_memory, is_out_of_memory
from swinx.inference.windows.slab_logits import LabelGrid, SlabLogits, grid_of_image, grid_of_scan
from swinx.inference.windows.tiling import Window, place_window, tile
from swinx.inference.windows.window_budget import BudgetedTiling, WindowBudget
from swinx.inference.windows.window_cost import Limits, ResamplingCost, WindowCost
from swinx.inference.windows.window_settings import WindowSettings
from swinx.networks import SwinXSeg

__all__ = ["Tiling", "sliding_window_labels"]

_logger = logging.getLogger(__name__)

_MOST_CLASSES = 256


@dataclass(frozen=True)
class Tiling:
    """The windows of an image and their cost, for its record.

    Attributes:
        count: Windows that went through the network.
        cut: Number of windows, at the end, that were cut to the widest margin because the others took too long.
        backend: Name of the backend.
        settings: The settings; with as many windows at once as fitted.
        wanted: The settings as they were asked for.
        limits: Limits of the cost.
        predicted: Predicted cost of the case; None without limits.
    """

    count: int
    cut: int
    backend: str
    settings: WindowSettings
    wanted: WindowSettings
    limits: Limits
    predicted: WindowCost | None = None

    def as_record(self) -> dict[str, Any]:
        """Return the content of JSON: costs in seconds and MiB, and ``wanted`` only if it differs."""
        settings = asdict(self.settings)
        record: dict[str, Any] = {"count": self.count, "cut": self.cut, "backend": self.backend, **settings}
        if self.wanted != self.settings:
            record["wanted"] = asdict(self.wanted)
        if self.limits:
            record["limits"] = {name: value for name, value in asdict(self.limits).items() if value is not None}
        if self.predicted is not None:
            costs = {name: value for name, value in asdict(self.predicted).items() if value is not None}
            record["predicted"] = {name: round(value, 1) for name, value in costs.items()}
        return record


def sliding_window_labels(
    inputs: Tensor,
    network: Callable[..., Tensor],
    settings: WindowSettings,
    *,
    on_scan_grid: bool = True,
    backend: Backend | None = None,
    budget: WindowBudget | None = None,
    progress: bool = False,
    seconds_before: float = 0.0,
    tilings: list[Tiling] | None = None,
    probabilities: list[Tensor] | None = None,
) -> Tensor:
    """Segment a volume by overlapping windows and return labels.

    The labels are those of MONAI's ``sliding_window_inference``, softmax, linear interpolation to the voxels of the
    scan (``Invertd``) and argmax. Logits are held only in the planes where windows still overlap, and probabilities are
    interpolated some planes at a time, so that memory is bounded however long the scan is.

    Args:
        inputs: Images, ``(B, C, X, Y, Z)``.
        network: Maps windows ``(N, C, *roi_size)`` to logits ``(N, classes, *roi_size)``.
        settings: Size, overlap and use of the windows.
        on_scan_grid: Return labels on the grid of the scan, which the metadata of ``inputs`` name, and not on that of
            ``inputs``. An image whose metadata name no ``original_affine`` is taken for the scan itself.
        backend: Runs the network, such as :class:`swinx.inference.TorchBackend`, which does not compute the margins at
            full resolution; by default, and if the network is no ``SwinXSeg``, it is called directly.
        budget: Limits that each image has to keep to; settings are made cheaper if need be.
        progress: Show a progress bar over windows.
        seconds_before: Seconds that the image has taken so far, which count for the budget.
        tilings: Is extended by the tiling of each image.
        probabilities: Is extended by those of each image in 255ths, uint8, ``(classes, ...)``, on the host.

    Returns:
        Labels, uint8, ``(B, 1, X, Y, Z)``, on the device of ``inputs``.

    Raises:
        ValueError: If the metadata do not tell the grid of one scan, the windows have not as many sides as the image,
            or there are more than 256 classes.
        CaseError: If the budget cannot be kept.
    """
    started = time.perf_counter() - seconds_before
    roi = tuple(settings.roi_size)
    if len(roi) != inputs.ndim - 2:
        raise ValueError(f"roi_size {roi} does not fit images of shape {tuple(inputs.shape)}")
    plain = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
    meta = getattr(inputs, "meta", {})
    name = _name(meta)
    mode, scale = BlendMode(settings.mode), settings.sigma_scale
    weights = compute_importance_map(roi, mode=mode, sigma_scale=scale, device=plain.device).float()
    if backend is not None and not isinstance(network, SwinXSeg):
        _logger.info("only SwinXSeg can be split, not %s, which runs as it is", type(network).__name__)
        backend = None
    logits: PartLogits = WholeLogits(network) if backend is None else backend(network, roi)
    is_scan = not on_scan_grid or "original_affine" not in meta
    grid = grid_of_image(plain.shape[2:]) if is_scan else grid_of_scan(meta)
    result = torch.zeros((len(plain), 1, *grid.shape), dtype=torch.uint8, device=plain.device)
    budget = budget or WindowBudget()
    for image, labels in zip(plain, result, strict=True):
        padded, inner = _padded(image[None], roi)
        resampling = ResamplingCost(grid, padded.shape[2:], inner, plain.device)
        before = time.perf_counter() - started  # compiling counts
        chosen = budget.choose(padded, logits, settings, resampling, int(np.prod(grid.shape)), before, name)
        windows = tile(padded, chosen.settings)
        keep = probabilities is not None
        cut, batch, kept = _fill(labels, grid, padded, inner, windows, logits, weights, chosen, progress, keep)
        if probabilities is not None and kept is not None:
            probabilities.append(kept)
        if tilings is not None:
            used = replace(chosen.settings, sw_batch_size=batch)
            run_by = "plain" if backend is None else backend.name
            tilings.append(Tiling(len(windows), cut, run_by, used, settings, budget.limits, chosen.cost))
        chosen.pace.tell_if_late(name)
        started = time.perf_counter()
    return result


def _name(meta: Mapping[str, Any]) -> str:
    """Return the file of the image, for messages, by the metadata of a batch."""
    name = meta.get("filename_or_obj", "the scan")
    return str(name[0] if isinstance(name, list | tuple) else name)


def _check_classes(count: int) -> None:
    if count > _MOST_CLASSES:
        raise ValueError(f"the network has {count} classes, and labels in uint8 are of {_MOST_CLASSES} at most")


def _padded(image: Tensor, roi: tuple[int, ...]) -> tuple[Tensor, tuple[slice, ...]]:
    """Return the image padded to the size of a window at least, and its place in that."""
    missing = [max(side - length, 0) for side, length in zip(roi, image.shape[2:], strict=True)]
    before = [m // 2 for m in missing]
    padding = [pad for m, b in zip(reversed(missing), reversed(before), strict=True) for pad in (b, m - b)]
    inner = tuple(slice(b, b + length) for b, length in zip(before, image.shape[2:], strict=True))
    return (functional.pad(image, padding) if any(missing) else image), inner


def _fill(
    labels: Tensor,
    grid: LabelGrid,
    image: Tensor,
    inner: tuple[slice, ...],
    windows: Sequence[Window],
    logits: PartLogits,
    weights: Tensor,
    chosen: BudgetedTiling,
    progress: bool,
    keep: bool,
) -> tuple[int, int, Tensor | None]:
    """Label the part of a grid that the windows cover.

    Returns:
        The number of windows that were cut to the widest margin, and of those that went at once at the end; and the
        probabilities, if they are to be kept.
    """
    settings, pace, _ = chosen
    size, roi = image.shape[2:], weights.shape
    shorter = [] if pace.seconds is None else [place_window(w.extent, size, roi, pace.margin) for w in windows]
    dtype = torch.float16 if settings.half_logits else torch.float32
    places = [window.place for window in (*windows, *shorter)]
    held = SlabLogits(labels, grid, size, inner, places, dtype, logits.output_layer, keep)
    waiting, batch_size, cut, may_cut = list(windows), settings.sw_batch_size, 0, pace.margin > settings.margin
    shares = pace.shares(windows)
    with tqdm(total=len(windows), desc="windows", disable=not progress, leave=False) as bar:
        while waiting:
            kind = waiting[0].kind
            batch = list(islice(takewhile(lambda window: window.kind == kind, waiting), batch_size))  # noqa: B023
            found = None
            try:
                stacked = torch.cat([image[:, :, x, y, z] for x, y, z in (window.extent for window in batch)])
                found = logits(stacked, batch[0].part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(batch) == 1:
                    raise
            if found is None:  # only now nothing of the failed attempt is held by its traceback
                batch_size = after_out_of_memory(len(batch))
                continue
            _check_classes(found.shape[1] if logits.output_layer is None else len(logits.output_layer.bias))
            for window, part in zip(batch, found, strict=True):
                held.add(window.place, part, weights[window.part.inside])
            del found, part  # before the next windows
            del waiting[: len(batch)]
            bar.update(len(batch))
            done = len(windows) - len(waiting)
            if not cut and may_cut and pace.is_late(done, shares[done - 1]):
                _logger.warning("windows take longer than predicted: the others are cut to a margin of %g", pace.margin)
                cut, waiting = len(waiting), shorter[done:]
    held.close()
    return cut, batch_size, held.kept
