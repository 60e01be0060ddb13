"""Sliding-window segmentation that holds scores only where windows are still to come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from monai.data import MetaTensor
from monai.data.utils import compute_importance_map
from monai.inferers import Inferer
from monai.utils import BlendMode
from torch import Tensor, nn
from tqdm import tqdm

from swinx.inferers.open_scores import OpenScores
from swinx.inferers.out_of_memory import after_out_of_memory, is_out_of_memory
from swinx.inferers.slab_scores import ScanGrid, SlabScores, scan_grid_of
from swinx.inferers.window_budget import Pace, WindowBudget
from swinx.inferers.window_layout import Window, lay_windows, place_window
from swinx.networks import Engine, PartScores, SwinXSeg, WholeScores, with_active_dropout
from swinx.ops.window_budget import SECONDS_BEFORE, WindowPlan
from swinx.transforms import LABEL_SAMPLE, ON_SCAN_GRID

__all__ = ["SlidingWindowLabelInferer", "sliding_window_labels"]

_logger = logging.getLogger(__name__)


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
        engine: Makes the network ready, such as :class:`swinx.networks.TorchEngine`, which does not compute the
            margins at full resolution; by default, and if it is no ``SwinXSeg``, it is called as it is.
        half_scores: Hold blended scores in half precision.
        budget: Limits that each image has to keep to; settings are made cheaper where need be.
        restore_scores: Return labels on the grid of the scan, which the metadata of ``inputs`` tell, of class
            probabilities that are interpolated there: :class:`swinx.inferers.slab_scores.SlabScores`.
        **kwargs: Passed on to ``network``.

    Returns:
        Labels, uint8, ``(B, 1, X, Y, Z)``, on the device of ``inputs``; with ``restore_scores`` a ``MetaTensor``.

    Raises:
        ValueError: If the metadata do not tell the scan's grid, with ``restore_scores``.
        ValueError: If ``overlap``, ``roi_size`` or ``margin`` is out of range, or arguments are given for the network
            of an engine.
        CaseError: If the budget cannot be kept.
    """
    started = time.perf_counter()
    roi = tuple(int(side) for side in roi_size)
    _check(inputs, roi, overlap, margin, sw_batch_size)
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
        chosen = (budget or WindowBudget()).plan(
            padded, scores, roi, wanted, empty_below, **known, restores_scores=restore_scores
        )
        windows = lay_windows(padded, roi, chosen[0].overlap, chosen[0].margin, empty_below)
        _fill(labels, grid, padded, inner, windows, scores, weights, *chosen, progress)
        chosen[1].tell_if_late(known["name"])
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


def _check(inputs: Tensor, roi: tuple[int, ...], overlap: float, margin: float, sw_batch_size: int) -> None:
    if sw_batch_size < 1:
        raise ValueError(f"sw_batch_size must be 1 or more, not {sw_batch_size}")
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must be in [0, 1), not {overlap}")
    if len(roi) != inputs.ndim - 2 or min(roi) < 1:
        raise ValueError(f"roi_size {roi} does not fit images of shape {tuple(inputs.shape)}")
    if not 0 <= margin <= overlap / 2:
        raise ValueError(
            f"margin must be from 0 to {overlap / 2:g}, half of the overlap, not {margin}: there would be gaps"
        )


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
    plan: WindowPlan,
    pace: Pace,
    progress: bool,
) -> None:
    """Label what the windows cover, on the grid of the image or of the scan."""
    size, roi = image.shape[2:], weights.shape
    shorter = [] if pace.seconds is None else [place_window(w.extent, size, roi, pace.margin) for w in windows]
    dtype = torch.float16 if plan.half_scores else torch.float32
    places, or_places = [w.place for w in windows], [w.place for w in shorter]
    held: OpenScores | SlabScores
    if grid is None:
        held = OpenScores(labels, places, or_places, dtype, inner)
    else:
        held = SlabScores(labels, grid, size, inner, [*places, *or_places], dtype)
    waiting, batch_size, is_cut = list(windows), plan.sw_batch_size, pace.margin <= plan.margin
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
            for window, score in zip(batch, found, strict=True):
                held.add(window.place, score, weights[window.part.inside])
            del found, score  # before the next ones come
            del waiting[: len(batch)]
            bar.update(len(batch))
            if not is_cut and pace.is_late(len(windows) - len(waiting), len(windows)):
                _logger.warning("windows take longer than predicted: the others are cut to a margin of %g", pace.margin)
                is_cut, waiting = True, shorter[len(windows) - len(waiting) :]
                held.move([window.place for window in waiting])
    held.close()


class SlidingWindowLabelInferer(Inferer):
    """MONAI inferer around :func:`sliding_window_labels`; same arguments, and one more.

    The result holds labels ``(B, 1, X, Y, Z)``: what follows needs no argmax.

    Args:
        roi_size: Window size in voxels.
        sw_batch_size: Windows per call of the network.
        overlap: Fraction of a window shared with its neighbour, in [0, 1).
        mode: Blending of overlapping windows, ``"gaussian"`` or ``"constant"``.
        sigma_scale: Width of the Gaussian as a fraction of the window.
        progress: Show a progress bar over windows.
        sample_dropout: Take a network in training mode, as MONAI Label's epistemic score hands it over, as a wish for
            a sample: dropout is at work, batch norm is not
            (:func:`swinx.networks.with_active_dropout`), and the labels have ``LABEL_SAMPLE`` in their metadata, which
            :class:`swinx.transforms.LabelVotesd` looks for.
        margin: Fraction of a window, at each end, whose scores are not used where a neighbour covers them.
        empty_below: Leave out windows in which all that would be used is at or below this value.
        engine: Makes the network ready; by default, and for samples, it is called as it is.
        half_scores: Hold blended scores in half precision.
        budget: Limits that each image has to keep to.
        restore_scores: Return labels on the grid of the scan, of interpolated probabilities.
    """

    def __init__(
        self,
        roi_size: Sequence[int],
        sw_batch_size: int = 1,
        overlap: float = 0.5,
        mode: str = "gaussian",
        sigma_scale: float = 0.125,
        progress: bool = False,
        sample_dropout: bool = False,
        margin: float = 0.0,
        empty_below: float | None = None,
        engine: Engine | None = None,
        half_scores: bool = False,
        budget: WindowBudget | None = None,
        restore_scores: bool = False,
    ) -> None:
        super().__init__()
        self.roi_size = tuple(roi_size)
        self.sw_batch_size = sw_batch_size
        self.overlap = overlap
        self.mode = mode
        self.sigma_scale = sigma_scale
        self.progress = progress
        self.sample_dropout = sample_dropout
        self.margin = margin
        self.empty_below = empty_below
        self.engine = engine
        self.half_scores = half_scores
        self.budget = budget
        self.restore_scores = restore_scores

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Return labels, uint8, ``(B, 1, X, Y, Z)``.

        Raises:
            ValueError: If positional network arguments are given, or a setting is out of range.
            CaseError: If the budget cannot be kept.
        """
        if args:
            raise ValueError("network arguments must be given by keyword")
        is_sample = False
        if self.sample_dropout and isinstance(network, nn.Module) and network.training:
            network, is_sample = with_active_dropout(network), True
        engine = None if is_sample or kwargs else self.engine
        with torch.no_grad():
            labels = sliding_window_labels(
                inputs,
                network,
                self.roi_size,
                self.sw_batch_size,
                self.overlap,
                self.mode,
                self.sigma_scale,
                self.progress,
                self.margin,
                self.empty_below,
                engine,
                self.half_scores,
                self.budget,
                self.restore_scores,
                **kwargs,
            )
        return MetaTensor(labels, meta={**getattr(labels, "meta", {}), LABEL_SAMPLE: True}) if is_sample else labels
