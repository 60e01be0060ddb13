"""Sliding-window segmentation whose memory does not grow with the number of windows or slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch
import torch.nn.functional as functional
from monai.data import MetaTensor
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers import Inferer
from monai.utils import BlendMode
from torch import Tensor, nn
from tqdm import tqdm

from swinx.inferers.out_of_memory import after_out_of_memory, is_out_of_memory
from swinx.inferers.score_slab import ScoreSlab
from swinx.networks import Engine, PartScores, WholeScores, with_active_dropout
from swinx.ops.window_parts import WindowPart, interval_of, largest_margin, window_part
from swinx.transforms import LABEL_SAMPLE

__all__ = ["SlidingWindowLabelInferer", "sliding_window_labels"]


def sliding_window_labels(
    inputs: Tensor,
    network: Callable[..., Tensor],
    roi_size: Sequence[int],
    sw_batch_size: int = 1,
    overlap: float = 0.5,
    mode: str = "gaussian",
    sigma_scale: float = 0.125,
    progress: bool = False,
    margin: int = 0,
    empty_below: float | None = None,
    engine: Engine | None = None,
    score_dtype: torch.dtype = torch.float32,
    **kwargs: Any,
) -> Tensor:
    """Segment a volume by overlapping windows and return labels, not class scores.

    Windows, blending weights and padding are MONAI's ``sliding_window_inference``; the
    labels equal the argmax of its result. Scores are held only for a slab, one window
    thick, that moves along the longest axis: as soon as no later window can touch a
    slice, the slice becomes labels. No count map is needed, since the weight at a voxel
    is the same for every class.

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
        margin: Voxels at each end of a window whose scores are not used, where a neighbour covers them; even, and at
            most a quarter of the window at an overlap of a half (:func:`swinx.ops.window_parts.largest_margin`).
        empty_below: Leave out windows in which all that would be used is at or below this value; what no window covers
            is background.
        engine: Makes the network ready, such as :class:`swinx.networks.TorchEngine`, which does not compute the
            margins at full resolution; by default it is called as it is.
        score_dtype: Of the blended scores that are held.
        **kwargs: Passed on to ``network``.

    Returns:
        Labels, uint8, ``(B, 1, X, Y, Z)``, on the device of ``inputs``.

    Raises:
        ValueError: If ``overlap``, ``roi_size`` or ``margin`` is out of range, or arguments are given for the network
            of an engine.
    """
    roi = tuple(int(side) for side in roi_size)
    _check(inputs, roi, overlap, margin)
    if engine is not None and kwargs:
        raise ValueError(f"an engine takes no arguments for the network, and was given {', '.join(kwargs)}")
    plain = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
    weights = compute_importance_map(roi, mode=BlendMode(mode), sigma_scale=sigma_scale, device=plain.device).float()
    scores: PartScores = WholeScores(network, **kwargs) if engine is None else engine(network, roi)
    volumes = []
    for image in plain:
        padded, inner = _padded(image[None], roi)
        windows = _windows(padded, roi, overlap, margin, empty_below)
        labels = torch.zeros((1, *padded.shape[2:]), dtype=torch.uint8, device=image.device)
        _fill(labels, padded, windows, scores, weights, sw_batch_size, progress, score_dtype)
        x, y, z = inner
        volumes.append(labels[:, x, y, z])
    return torch.stack(volumes)


def _check(inputs: Tensor, roi: tuple[int, ...], overlap: float, margin: int) -> None:
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must be in [0, 1), not {overlap}")
    if len(roi) != inputs.ndim - 2 or min(roi) < 1:
        raise ValueError(f"roi_size {roi} does not fit images of shape {tuple(inputs.shape)}")
    largest = min(largest_margin(side, overlap) for side in roi)
    if margin < 0 or margin % 2 or margin > largest:
        raise ValueError(
            f"margin must be an even number of voxels, from 0 to {largest} for windows of {roi} that overlap by "
            f"{overlap}, not {margin}"
        )


def _padded(image: Tensor, roi: tuple[int, ...]) -> tuple[Tensor, tuple[slice, ...]]:
    """Return an image at least as large as a window, and where the image lies in it."""
    missing = [max(side - length, 0) for side, length in zip(roi, image.shape[2:], strict=True)]
    before = [m // 2 for m in missing]
    padding = [pad for m, b in zip(reversed(missing), reversed(before), strict=True) for pad in (b, m - b)]
    inner = tuple(slice(b, b + length) for b, length in zip(before, image.shape[2:], strict=True))
    return (functional.pad(image, padding) if any(missing) else image), inner


class _Window(NamedTuple):
    """Where a window lies in the volume, what is used of it, and where that lies."""

    extent: tuple[slice, ...]
    part: WindowPart
    place: tuple[slice, ...]


def _windows(
    image: Tensor, roi: tuple[int, ...], overlap: float, margin: int, empty_below: float | None
) -> list[_Window]:
    size = tuple(image.shape[2:])
    interval = tuple(interval_of(side, length, overlap) for side, length in zip(roi, size, strict=True))
    windows = []
    for extent in dense_patch_slices(size, roi, interval):
        part = window_part(extent, size, roi, margin)
        place = tuple(
            slice(e.start + inside.start, e.start + inside.stop) for e, inside in zip(extent, part.inside, strict=True)
        )
        x, y, z = place
        if empty_below is None or bool((image[:, :, x, y, z] > empty_below).any()):
            windows.append(_Window(extent, part, place))
    return windows


def _fill(
    labels: Tensor,
    image: Tensor,
    windows: Sequence[_Window],
    scores: PartScores,
    weights: Tensor,
    sw_batch_size: int,
    progress: bool,
    score_dtype: torch.dtype,
) -> None:
    """Label what the windows cover, slab by slab along the longest axis."""
    along = max(range(3), key=lambda axis: labels.shape[axis + 1])
    slab = ScoreSlab(labels, along, weights.shape[along], score_dtype)
    ordered = sorted(windows, key=lambda window: (window.extent[along].start, _kind(window)))
    with tqdm(total=len(windows), desc="windows", disable=not progress, leave=False) as bar:
        for (start, _), layer in groupby(ordered, key=lambda window: (window.extent[along].start, _kind(window))):
            slab.advance(start)
            waiting = list(layer)
            while waiting:
                batch = waiting[:sw_batch_size]
                part = batch[0].part
                stacked = torch.cat([image[(slice(None), slice(None), *window.extent)] for window in batch])
                try:
                    found = scores(stacked, part)
                except RuntimeError as error:
                    if not is_out_of_memory(error) or len(batch) == 1:
                        raise
                    sw_batch_size = after_out_of_memory(len(batch))
                    continue
                for window, score in zip(batch, found, strict=True):
                    slab.add(window.place, score, weights[part.inside])
                waiting = waiting[len(batch) :]
                bar.update(len(batch))
        slab.advance(labels.shape[along + 1])


def _kind(window: _Window) -> tuple[tuple[int, int], ...]:
    """Return what windows that go through the network together have in common."""
    return tuple((inside.start, inside.stop) for inside in window.part.inside)


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
        margin: Voxels at each end of a window whose scores are not used, where a neighbour covers them.
        empty_below: Leave out windows in which all that would be used is at or below this value.
        engine: Makes the network ready; by default, and for samples, it is called as it is.
        half_scores: Hold blended scores in half precision.
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
        margin: int = 0,
        empty_below: float | None = None,
        engine: Engine | None = None,
        half_scores: bool = False,
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
        self.score_dtype = torch.float16 if half_scores else torch.float32

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Return labels, uint8, ``(B, 1, X, Y, Z)``.

        Raises:
            ValueError: If positional network arguments are given.
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
                self.score_dtype,
                **kwargs,
            )
        return MetaTensor(labels, meta={LABEL_SAMPLE: True}) if is_sample else labels
