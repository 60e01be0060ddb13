"""The bundle's inferer: labels of whole scans, and what was laid to get them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import Inferer
from torch import Tensor, nn

from swinx.inference.active_dropout import with_active_dropout
from swinx.inference.backends.part_scores import Engine
from swinx.inference.label_votes import LABEL_SAMPLE
from swinx.inference.windows.label_windows import LaidWindows, check_windows, sliding_window_labels
from swinx.inference.windows.window_budget import WindowBudget
from swinx.networks import SwinXSeg

__all__ = ["SlidingWindowLabelInferer", "air_below"]


def air_below(skip_air: bool) -> float | None:
    """Return the value at or below which a voxel of the preprocessed image is air; None if air is not left out.

    Raises:
        ValueError: If ``skip_air`` is neither true nor false.
    """
    check_flag("skip_air", skip_air)
    return 0.0 if skip_air else None


def check_flag(name: str, value: object) -> None:
    """Refuse what only looks like a yes or a no, such as the word "no".

    Raises:
        ValueError: If the value is neither true nor false.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")


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
            (:func:`swinx.inference.with_active_dropout`), and the labels have ``LABEL_SAMPLE`` in their metadata, which
            :class:`swinx.inference.LabelVotesd` looks for.
        margin: Fraction of a window, at each end, whose scores are not used where a neighbour covers them.
        empty_below: Leave out windows in which all that would be used is at or below this value.
        engine: Makes the network ready; by default, and for samples, it is called as it is.
        half_scores: Hold blended scores in half precision.
        budget: Limits that each image has to keep to.
        restore_scores: Return labels on the grid of the scan, of interpolated probabilities.

    Attributes:
        laid: What the last call laid for each image of its batch.
        seconds_to_prepare: How long :meth:`prepare` took.

    Raises:
        ValueError: If ``roi_size``, ``overlap``, ``margin`` or ``sw_batch_size`` is out of range, or ``half_scores`` or
            ``restore_scores`` neither true nor false.
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
        check_windows(roi_size, overlap, margin, sw_batch_size)
        for name, value in {"half_scores": half_scores, "restore_scores": restore_scores}.items():
            check_flag(name, value)
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
        self.laid: list[LaidWindows] = []
        self.seconds_to_prepare = 0.0

    def prepare(self, network: nn.Module) -> None:
        """Make the engine ready before the first case, whose time it would count for.

        Raises:
            ValueError: If the network cannot take windows of ``roi_size``.
        """
        if not isinstance(network, SwinXSeg):
            return
        stride = network.encoder.stride
        if any(side % stride for side in self.roi_size):
            raise ValueError(f"roi_size {list(self.roi_size)} must be multiples of {stride} for this network")
        started = time.perf_counter()
        if self.engine is not None:
            self.engine(network, self.roi_size)
        self.seconds_to_prepare = time.perf_counter() - started

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Return labels, uint8, ``(B, 1, X, Y, Z)``.

        Raises:
            ValueError: If positional network arguments are given.
            CaseError: If the budget cannot be kept.
        """
        if args:
            raise ValueError("network arguments must be given by keyword")
        is_sample = False
        if self.sample_dropout and isinstance(network, nn.Module) and network.training:
            network, is_sample = with_active_dropout(network), True
        engine = None if is_sample or kwargs else self.engine
        self.laid = []
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
                self.laid,
                **kwargs,
            )
        return MetaTensor(labels, meta={**getattr(labels, "meta", {}), LABEL_SAMPLE: True}) if is_sample else labels
