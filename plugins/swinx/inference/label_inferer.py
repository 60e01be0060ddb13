"""Inferer of the bundle: sliding windows, and labels of whole scans."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import Inferer
from torch import Tensor, nn

from swinx.inference.backends.part_logits import Backend
from swinx.inference.windows.window_budget import WindowBudget
from swinx.inference.windows.window_labels import Tiling, sliding_window_labels
from swinx.inference.windows.window_settings import WindowSettings
from swinx.networks import SwinXSeg

__all__ = ["SlidingWindowLabelInferer"]


class SlidingWindowLabelInferer(Inferer):
    """Sliding-window inference that returns labels on the grid of the scan.

    A MONAI inferer around :func:`swinx.inference.sliding_window_labels`. The result needs no argmax and no
    ``Invertd``.

    Args:
        settings: Size, overlap and use of the windows.
        backend: Runs the network; by default it is called directly.
        budget: Limits that each image has to keep to.
        on_scan_grid: Return labels on the grid of the scan, and not on that of the preprocessed image.
        progress: Show a progress bar over windows.
        keep_probabilities: Keep those of all classes, in :attr:`probabilities`.

    Attributes:
        probabilities: Of each image of the last call, in 255ths, uint8, ``(classes, X, Y, Z)``; empty unless kept.
        tilings: The tiling of each image of the last call.
        seconds_to_prepare: Seconds that :meth:`prepare` took.

    Raises:
        ValueError: If ``on_scan_grid`` is neither true nor false.
    """

    def __init__(
        self,
        settings: WindowSettings,
        backend: Backend | None = None,
        budget: WindowBudget | None = None,
        on_scan_grid: bool = True,
        progress: bool = False,
        keep_probabilities: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(on_scan_grid, bool):
            raise ValueError(f"on_scan_grid must be true or false, not {on_scan_grid!r}")
        self.settings = settings
        self.backend = backend
        self.budget = budget
        self.on_scan_grid = on_scan_grid
        self.progress = progress
        self.keep_probabilities = keep_probabilities
        self.probabilities: list[Tensor] = []
        self.tilings: list[Tiling] = []
        self.seconds_to_prepare = 0.0

    def prepare(self, network: nn.Module) -> None:
        """Let the backend prepare the network before the first case, whose time it would count for.

        Raises:
            ValueError: If the network cannot take windows of ``roi_size``.
        """
        if not isinstance(network, SwinXSeg):
            return
        roi, stride = self.settings.roi_size, network.encoder.stride
        if any(side % stride for side in roi):
            raise ValueError(f"roi_size {list(roi)} must be multiples of {stride} for this network")
        started = time.perf_counter()
        if self.backend is not None:
            self.backend(network, roi)
        self.seconds_to_prepare = time.perf_counter() - started

    def __call__(
        self,
        inputs: Tensor,
        network: Callable[..., Tensor],
        *args: Any,
        seconds_before: float = 0.0,
        **kwargs: Any,
    ) -> Tensor:
        """Return labels, uint8, ``(B, 1, X, Y, Z)``.

        Those of a ``MetaTensor`` on the grid of the scan are one, too, in the memory of the host and with the metadata
        of the image, but for the affine, which is that of the scan.

        Args:
            inputs: Images, ``(B, C, X, Y, Z)``; one at a time for labels on the grid of the scan.
            network: Maps windows ``(N, C, *roi_size)`` to logits ``(N, classes, *roi_size)``.
            args: None: the network takes windows alone.
            seconds_before: Seconds that the case has taken so far, which count for the budget.
            kwargs: None.

        Raises:
            ValueError: If arguments for the network are given.
            CaseError: If the budget cannot be kept.
        """
        if args or kwargs:
            raise ValueError(f"the network takes windows alone, no other arguments: {[*args, *kwargs]}")
        self.tilings, self.probabilities = [], []
        with torch.no_grad():
            labels = sliding_window_labels(
                inputs,
                network,
                self.settings,
                on_scan_grid=self.on_scan_grid,
                backend=self.backend,
                budget=self.budget,
                progress=self.progress,
                seconds_before=seconds_before,
                tilings=self.tilings,
                probabilities=self.probabilities if self.keep_probabilities else None,
            )
        return _with_meta(labels, inputs) if self.on_scan_grid and isinstance(inputs, MetaTensor) else labels


def _with_meta(labels: Tensor, image: MetaTensor) -> MetaTensor:
    """Return labels on the grid of the scan with the metadata of the preprocessed image."""
    meta = {**image.meta, "affine": image.meta.get("original_affine", image.affine)}
    found = MetaTensor(labels.cpu(), meta=meta)
    found.is_batch = image.is_batch
    return found
