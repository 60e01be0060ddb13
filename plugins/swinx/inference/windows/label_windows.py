"""Sliding-window segmentation that holds scores only where windows are still to come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, takewhile
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from monai.data import MetaTensor
from monai.data.utils import compute_importance_map
from monai.utils import BlendMode
from torch import Tensor
from tqdm import tqdm

from swinx.inference.backends.part_scores import Engine, PartScores, WholeScores
from swinx.inference.restore_labels import ON_SCAN_GRID
from swinx.inference.windows.open_scores import OpenScores
from swinx.inference.windows.out_of_memory import after_out_of_memory, is_out_of_memory
from swinx.inference.windows.restoring_cost import RestoringCost
from swinx.inference.windows.slab_scores import ScanGrid, SlabScores, scan_grid_of
from swinx.inference.windows.window_budget import BudgetedPlan, WindowBudget
from swinx.inference.windows.window_layout import Window, lay_windows, place_window
from swinx.inference.windows.window_plan import SECONDS_BEFORE, Limits, WindowCost, WindowPlan
from swinx.networks import SwinXSeg

__all__ = ["LaidWindows", "check_windows", "sliding_window_labels"]

_logger = logging.getLogger(__name__)

_MOST_CLASSES = 256


@dataclass(frozen=True)
class LaidWindows:
    """What was laid for an image, and what was predicted before.

    Attributes:
        count: Windows that went through the network.
        cut: How many of them, at the end, were cut to the widest margin because they came too slowly.
        engine: What ran the network.
        plan: The settings; the windows at once are those that fitted.
        wanted: The settings as they were asked for.
        limits: What the case might cost.
        predicted: What a budget thought that the case would cost; None without limits.
    """

    count: int
    cut: int
    engine: str
    plan: WindowPlan
    wanted: WindowPlan
    limits: Limits
    predicted: WindowCost | None = None

    def as_record(self) -> dict[str, Any]:
        """Return what JSON holds: costs in seconds and MiB, and what was asked for only if it was set aside."""
        record: dict[str, Any] = {"count": self.count, "cut": self.cut, "engine": self.engine, **asdict(self.plan)}
        if self.wanted != self.plan:
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
    roi_size: Sequence[int],
    sw_batch_size: int = 1,
    overlap: float = 0.5,
    mode: str = "gaussian",
    sigma_scale: float = 0.125,
    progress: bool = False,
    margin: float = 0.0,
    empty_below: float | None = None,
    engine: Engine | None = None,
    half_scores: bool = False,
    budget: WindowBudget | None = None,
    restore_scores: bool = False,
    laid: list[LaidWindows] | None = None,
    **kwargs: Any,
) -> Tensor:
    """Segment a volume by overlapping windows and return labels, not class scores.

    Windows, blending weights and padding are MONAI's ``sliding_window_inference``; the
    labels equal the argmax of its result. Scores are held only where windows overlap and
    one of them is still to come: next to nothing if nothing of what is used overlaps,
    however many classes there are. No count map is needed, since the weight at a voxel is
    the same for every class.

    ``margin`` and ``empty_below`` leave work out, at the price of small differences; see ``docs/performance.md``.

    Args:
        inputs: Images, ``(B, C, X, Y, Z)``.
        network: Maps windows ``(N, C, *roi_size)`` to class scores ``(N, classes, *roi_size)``.
        roi_size: Window size in voxels.
        sw_batch_size: Windows per call of the network; halved for the rest of the volume where memory runs out.
        overlap: Fraction of a window shared with its neighbour, in [0, 1).
        mode: Blending of overlapping windows, ``"gaussian"`` or ``"constant"``.
        sigma_scale: Width of the Gaussian as a fraction of the window.
        progress: Show a progress bar over windows.
        margin: Fraction of a window, at each end, whose scores are not used where a neighbour covers them; at most half
            of the overlap.
        empty_below: Leave out windows in which all that would be used is at or below this value; what no window covers
            is background.
        engine: Makes the network ready, such as :class:`swinx.inference.TorchEngine`, which does not compute the
            margins at full resolution; by default, and if it is no ``SwinXSeg``, it is called as it is.
        half_scores: Hold blended scores in half precision.
        budget: Limits that each image has to keep to; settings are made cheaper where need be.
        restore_scores: Return labels on the grid of the scan, which the metadata of ``inputs`` tell, of class
            probabilities that are interpolated there: :class:`swinx.inference.windows.slab_scores.SlabScores`.
        laid: Is extended by what was laid for each image.
        **kwargs: Passed on to ``network``.

    Returns:
        Labels, uint8, ``(B, 1, X, Y, Z)``, on the device of ``inputs``; with ``restore_scores`` a ``MetaTensor``.

    Raises:
        ValueError: If the metadata do not tell the scan's grid, with ``restore_scores``, or there are more than 256
            classes.
        ValueError: If ``overlap``, ``roi_size`` or ``margin`` is out of range, or arguments are given for the network
            of an engine.
        CaseError: If the budget cannot be kept.
    """
    started = time.perf_counter()
    roi = tuple(roi_size)
    check_windows(roi, overlap, margin, sw_batch_size)
    if len(roi) != inputs.ndim - 2:
        raise ValueError(f"roi_size {roi} does not fit images of shape {tuple(inputs.shape)}")
    if engine is not None and kwargs:
        raise ValueError(f"an engine takes no arguments for the network, and was given {', '.join(kwargs)}")
    plain = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
    weights = compute_importance_map(roi, mode=BlendMode(mode), sigma_scale=sigma_scale, device=plain.device).float()
    if engine is not None and not isinstance(network, SwinXSeg):
        _logger.info("only SwinXSeg can be split, not %s, which runs as it is", type(network).__name__)
        engine = None
    scores: PartScores = WholeScores(network, **kwargs) if engine is None else engine(network, roi)
    wanted = WindowPlan(overlap, margin, sw_batch_size, half_scores)
    meta = getattr(inputs, "meta", {})
    grid = scan_grid_of(meta) if restore_scores else None
    shape = plain.shape[2:] if grid is None else grid.shape
    result = torch.zeros((len(plain), 1, *shape), dtype=torch.uint8, device=plain.device)
    for image, labels in zip(plain, result, strict=True):
        padded, inner = _padded(image[None], roi)
        known = _known(meta)
        known["seconds_before"] += time.perf_counter() - started  # compiling counts
        restoring = None if grid is None else RestoringCost(grid, padded.shape[2:], inner, plain.device)
        budget = budget or WindowBudget()
        chosen = budget.plan(padded, scores, roi, wanted, empty_below, **known, restoring=restoring)
        windows = lay_windows(padded, roi, chosen.plan.overlap, chosen.plan.margin, empty_below)
        cut, batch = _fill(labels, grid, padded, inner, windows, scores, weights, chosen, progress)
        if laid is not None:
            plan = replace(chosen.plan, sw_batch_size=batch)
            name = "plain" if engine is None else engine.name
            laid.append(LaidWindows(len(windows), cut, name, plan, wanted, budget.limits, chosen.cost))
        chosen.pace.tell_if_late(known["name"])
        started = time.perf_counter()
    if grid is None:
        return result
    return MetaTensor(result, affine=torch.as_tensor(grid.affine), meta={ON_SCAN_GRID: True})


def _known(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the metadata of a batch of one image tell a budget."""
    shape = np.asarray(meta.get("spatial_shape", 0)).ravel()
    name = meta.get("filename_or_obj", "the scan")
    return {
        "seconds_before": float(np.asarray(meta.get(SECONDS_BEFORE, 0.0)).ravel()[0]),
        "scan_voxels": int(np.prod(shape, dtype=np.int64)),
        "name": str(name[0] if isinstance(name, list | tuple) else name),
    }


def check_windows(roi_size: Any, overlap: Any, margin: Any, sw_batch_size: Any) -> None:
    """Refuse settings that no image could be cut by.

    Raises:
        ValueError: If one of them is out of range, see :func:`sliding_window_labels`; it is named.
    """
    if not isinstance(roi_size, Sequence) or not all(_is_whole(side) and side > 0 for side in roi_size):
        raise ValueError(f"roi_size must be whole numbers above 0, one for each axis, not {roi_size!r}")
    if not _is_whole(sw_batch_size) or sw_batch_size < 1:
        raise ValueError(f"sw_batch_size must be 1 or more, not {sw_batch_size!r}")
    if not _is_number(overlap) or not 0 <= overlap < 1:
        raise ValueError(f"overlap must be in [0, 1), not {overlap!r}")
    if not _is_number(margin) or not 0 <= margin <= overlap / 2:
        raise ValueError(
            f"margin must be from 0 to {overlap / 2:g}, half of the overlap, not {margin!r}: there would be gaps; "
            "where a profile sets the margin, give a smaller --margin with the smaller overlap"
        )


def _check_classes(count: int) -> None:
    if count > _MOST_CLASSES:
        raise ValueError(f"the network has {count} classes, and labels in uint8 are of {_MOST_CLASSES} at most")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _padded(image: Tensor, roi: tuple[int, ...]) -> tuple[Tensor, tuple[slice, ...]]:
    """Return an image at least as large as a window, and where the image lies in it."""
    missing = [max(side - length, 0) for side, length in zip(roi, image.shape[2:], strict=True)]
    before = [m // 2 for m in missing]
    padding = [pad for m, b in zip(reversed(missing), reversed(before), strict=True) for pad in (b, m - b)]
    inner = tuple(slice(b, b + length) for b, length in zip(before, image.shape[2:], strict=True))
    return (functional.pad(image, padding) if any(missing) else image), inner


def _fill(
    labels: Tensor,
    grid: ScanGrid | None,
    image: Tensor,
    inner: tuple[slice, ...],
    windows: Sequence[Window],
    scores: PartScores,
    weights: Tensor,
    chosen: BudgetedPlan,
    progress: bool,
) -> tuple[int, int]:
    """Label what the windows cover, on the grid of the image or of the scan.

    Returns:
        How many windows were cut to the widest margin, and how many went at once at the end.
    """
    plan, pace, _ = chosen
    size, roi = image.shape[2:], weights.shape
    shorter = [] if pace.seconds is None else [place_window(w.extent, size, roi, pace.margin) for w in windows]
    dtype = torch.float16 if plan.half_scores else torch.float32
    places, or_places = [w.place for w in windows], [w.place for w in shorter]
    held: OpenScores | SlabScores
    if grid is None:
        held = OpenScores(labels, places, or_places, dtype, inner, scores.readout)
    else:
        held = SlabScores(labels, grid, size, inner, [*places, *or_places], dtype, scores.readout)
    waiting, batch_size, cut, may_cut = list(windows), plan.sw_batch_size, 0, pace.margin > plan.margin
    shares = pace.shares(windows)
    with tqdm(total=len(windows), desc="windows", disable=not progress, leave=False) as bar:
        while waiting:
            kind = waiting[0].kind
            batch = list(islice(takewhile(lambda window: window.kind == kind, waiting), batch_size))  # noqa: B023
            found = None
            try:
                stacked = torch.cat([image[:, :, x, y, z] for x, y, z in (window.extent for window in batch)])
                found = scores(stacked, batch[0].part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(batch) == 1:
                    raise
            if found is None:  # only now nothing of the failed attempt is held by its traceback
                batch_size = after_out_of_memory(len(batch))
                continue
            _check_classes(found.shape[1] if scores.readout is None else len(scores.readout.bias))
            for window, score in zip(batch, found, strict=True):
                held.add(window.place, score, weights[window.part.inside])
            del found, score  # before the next ones come
            del waiting[: len(batch)]
            bar.update(len(batch))
            done = len(windows) - len(waiting)
            if not cut and may_cut and pace.is_late(done, shares[done - 1]):
                _logger.warning("windows take longer than predicted: the others are cut to a margin of %g", pace.margin)
                cut, waiting = len(waiting), shorter[done:]
                held.move([window.place for window in waiting])
    held.close()
    return cut, batch_size
