"""Sliding-window segmentation whose memory does not grow with the number of windows or slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, islice
from typing import Any

import torch
import torch.nn.functional as functional
from monai.data import MetaTensor
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers import Inferer
from monai.utils import BlendMode
from torch import Tensor, nn
from tqdm import tqdm

from swinx.networks import with_active_dropout
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
    **kwargs: Any,
) -> Tensor:
    """Segment a volume by overlapping windows and return labels, not class scores.

    Windows, blending weights and padding are MONAI's ``sliding_window_inference``; the
    labels equal the argmax of its result. Scores are held only for a slab, one window
    thick, that moves along the longest axis: as soon as no later window can touch a
    slice, the slice becomes labels. No count map is needed, since the weight at a voxel
    is the same for every class.

    Args:
        inputs: Images, ``(B, C, X, Y, Z)``.
        network: Maps windows ``(N, C, *roi_size)`` to class scores ``(N, classes, *roi_size)``.
        roi_size: Window size in voxels.
        sw_batch_size: Windows per call of the network.
        overlap: Fraction of a window shared with its neighbour, in [0, 1).
        mode: Blending of overlapping windows, ``"gaussian"`` or ``"constant"``.
        sigma_scale: Width of the Gaussian as a fraction of the window.
        progress: Show a progress bar over windows.
        **kwargs: Passed on to ``network``.

    Returns:
        Labels, uint8, ``(B, 1, X, Y, Z)``, on the device of ``inputs``.

    Raises:
        ValueError: If ``overlap`` or ``roi_size`` is out of range.
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must be in [0, 1), not {overlap}")
    if len(roi_size) != inputs.ndim - 2 or min(roi_size) < 1:
        raise ValueError(f"roi_size {tuple(roi_size)} does not fit images of shape {tuple(inputs.shape)}")
    roi = tuple(int(side) for side in roi_size)
    plain = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
    weights = compute_importance_map(roi, mode=BlendMode(mode), sigma_scale=sigma_scale, device=plain.device)
    volumes = [
        _label_volume(image[None], network, roi, sw_batch_size, overlap, weights.float(), progress, kwargs)
        for image in plain
    ]
    return torch.stack(volumes)


def _label_volume(
    image: Tensor,
    network: Callable[..., Tensor],
    roi: tuple[int, ...],
    sw_batch_size: int,
    overlap: float,
    weights: Tensor,
    progress: bool,
    kwargs: dict[str, Any],
) -> Tensor:
    missing = [max(side - length, 0) for side, length in zip(roi, image.shape[2:], strict=True)]
    before = [m // 2 for m in missing]
    padding = [pad for m, b in zip(reversed(missing), reversed(before), strict=True) for pad in (b, m - b)]
    padded = functional.pad(image, padding) if any(missing) else image
    size = tuple(padded.shape[2:])
    interval = tuple(
        side if side == length else max(int(side * (1 - overlap)), 1) for side, length in zip(roi, size, strict=True)
    )
    along = max(range(3), key=lambda axis: size[axis])
    windows = sorted(dense_patch_slices(size, roi, interval), key=lambda window: window[along].start)
    labels = torch.zeros((1, *size), dtype=torch.uint8, device=image.device)
    slab = _Slab(labels, along, roi[along])
    bar = tqdm(total=len(windows), desc="windows", disable=not progress, leave=False)
    for start, layer in groupby(windows, key=lambda window: window[along].start):
        slab.advance(start)
        remaining = iter(layer)
        while batch := list(islice(remaining, sw_batch_size)):
            scores = network(torch.cat([padded[:, :, x, y, z] for x, y, z in batch]), **kwargs)
            for window, score in zip(batch, scores, strict=True):
                slab.add(window, score, weights)
            bar.update(len(batch))
    slab.advance(size[along])
    bar.close()
    inner = [slice(b, b + length) for b, length in zip(before, image.shape[2:], strict=True)]
    x, y, z = inner
    return labels[:, x, y, z]


class _Slab:
    """Weighted class scores of the slices that windows may still add to."""

    def __init__(self, labels: Tensor, along: int, thickness: int) -> None:
        self.labels = labels
        self.along = along
        self.thickness = thickness
        self.start = 0
        self.scores: Tensor | None = None

    def add(self, window: tuple[slice, ...], score: Tensor, weights: Tensor) -> None:
        """Add the scores of one window, ``(classes, *roi)``."""
        if self.scores is None:
            shape = list(self.labels.shape[1:])
            shape[self.along] = self.thickness
            self.scores = torch.zeros((score.shape[0], *shape), dtype=torch.float32, device=score.device)
        local = list(window)
        local[self.along] = slice(0, self.thickness)
        self.scores[(slice(None), *local)].addcmul_(score.float(), weights)

    def advance(self, start: int) -> None:
        """Turn the slices before ``start`` into labels and forget their scores."""
        step = start - self.start
        if step == 0 or self.scores is None:
            return
        axis = self.along + 1
        done = self.scores.narrow(axis, 0, min(step, self.thickness)).argmax(dim=0)
        self.labels[0].narrow(self.along, self.start, done.shape[self.along]).copy_(done)
        kept = self.thickness - step
        if kept > 0:
            # Slice by slice: source and target overlap in memory.
            for index in range(kept):
                self.scores.select(axis, index).copy_(self.scores.select(axis, index + step))
            self.scores.narrow(axis, kept, step).zero_()
        else:
            self.scores.zero_()
        self.start = start


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
    ) -> None:
        super().__init__()
        self.roi_size = tuple(roi_size)
        self.sw_batch_size = sw_batch_size
        self.overlap = overlap
        self.mode = mode
        self.sigma_scale = sigma_scale
        self.progress = progress
        self.sample_dropout = sample_dropout

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
                **kwargs,
            )
        return MetaTensor(labels, meta={LABEL_SAMPLE: True}) if is_sample else labels
