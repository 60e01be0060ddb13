"""Features of sampled voxels, and the handler that collects them case by case."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from ignite.engine import Events
from monai.engines import Workflow
from monai.inferers import Inferer
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

__all__ = ["CaseFeatures", "FeatureRecords", "SampledFeaturesInferer"]

Maps = Mapping[str, Sequence[Tensor]]


class SampledFeaturesInferer(Inferer):
    """Inferer that returns the features of single voxels, those of all feature maps side by side.

    The scan is tiled by windows that do not overlap, from its first voxel on, padded with 0 (air) at the far end.
    Only windows that contain a voxel are run, and no feature map outlives its window. The evaluator needs
    ``PrepareBatchExtraInput({"voxels": "voxels"})``, which passes on the voxels of a case.

    Args:
        roi_size: Window in voxels, multiples of the encoder's stride.
        sw_batch_size: Windows of a call of the network.
        progress: Show a progress bar.
    """

    def __init__(self, roi_size: Sequence[int], sw_batch_size: int = 1, progress: bool = False) -> None:
        super().__init__()
        self.roi_size = tuple(roi_size)
        self.sw_batch_size = sw_batch_size
        self.progress = progress

    @torch.no_grad()
    def __call__(self, inputs: Tensor, network: Callable[[Tensor], Maps], voxels: Tensor) -> dict[str, Tensor]:
        """Return features by name, float32 on the CPU, ``(1, N, F)``; empty without voxels.

        Args:
            inputs: One scan, ``(1, C, X, Y, Z)``.
            network: Maps windows ``(B, C, *roi_size)`` to named lists of feature maps, whose cells divide the window.
            voxels: Voxel indices, integer, ``(1, N, 3)``.

        Raises:
            ValueError: If a shape does not fit, or a voxel lies outside the scan.
        """
        image, places = (tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor for tensor in (inputs, voxels))
        places = places[0].cpu()
        _check(image, places)
        roi = torch.tensor(self.roi_size)
        windows, window_of = torch.unique(places // roi, dim=0, return_inverse=True)
        starts = range(0, len(windows), self.sw_batch_size)
        found: dict[str, Tensor] = {}
        for start in tqdm(starts, desc="windows", disable=not self.progress, leave=False):
            batch = windows[start : start + self.sw_batch_size] * roi
            maps = network(torch.cat([_window(image, corner, self.roi_size) for corner in batch.tolist()]))
            for name, levels in maps.items():
                for index in range(len(batch)):
                    rows = window_of == start + index
                    columns = [_look_up(level[index], places[rows] % roi, self.roi_size) for level in levels]
                    values = torch.cat(columns, dim=1).float().cpu()
                    found.setdefault(name, values.new_zeros(1, len(places), values.shape[1]))[0, rows] = values
        return found


def _check(image: Tensor, voxels: Tensor) -> None:
    if image.ndim != 5 or len(image) != 1 or voxels.ndim != 2 or voxels.shape[1] != 3:
        raise ValueError(
            f"need one scan (1, C, X, Y, Z) and voxels (N, 3), not {tuple(image.shape)} and {tuple(voxels.shape)}"
        )
    if (voxels < 0).any() or (voxels >= torch.tensor(image.shape[2:])).any():
        raise ValueError(f"voxels lie outside a scan of {tuple(image.shape[2:])}")


def _window(image: Tensor, corner: Sequence[int], size: Sequence[int]) -> Tensor:
    x, y, z = (slice(first, first + side) for first, side in zip(corner, size, strict=True))
    window = image[:, :, x, y, z]
    missing = [side - length for side, length in zip(size, window.shape[2:], strict=True)]
    return functional.pad(window, [pad for after in reversed(missing) for pad in (0, after)])


def _look_up(feature_map: Tensor, voxels: Tensor, size: Sequence[int]) -> Tensor:
    """Return the features ``(N, C)`` of the cells of a map ``(C, d, h, w)`` that contain voxels of a window."""
    cells = feature_map.shape[1:]
    if any(side % count for side, count in zip(size, cells, strict=True)):
        raise ValueError(f"a feature map {tuple(feature_map.shape)} does not divide a window of {tuple(size)} voxels")
    strides = torch.tensor([side // count for side, count in zip(size, cells, strict=True)])
    x, y, z = (voxels // strides).to(feature_map.device).unbind(dim=1)
    return feature_map[:, x, y, z].T


@dataclass(frozen=True)
class CaseFeatures:
    """Sampled voxels of one case: class ids ``(N,)``, and features ``(N, F)`` by the name of the encoder."""

    case: str
    section: str
    classes: NDArray[np.int64]
    features: Mapping[str, NDArray[np.float32]]


class FeatureRecords:
    """Handler that collects the features of each case; a case that fails is logged and left out.

    Attributes:
        done: Cases with features, in the order of the run.
        failed: ``case`` and ``reason`` of those that failed.
        empty: Names of the cases without a sampled voxel: none of their annotated classes is in the scan.
    """

    def __init__(self) -> None:
        self.logger = logging.getLogger(__name__)
        self.done: list[CaseFeatures] = []
        self.failed: list[dict[str, str]] = []
        self.empty: list[str] = []

    def attach(self, engine: Workflow) -> None:
        """Attach to an evaluator whose ``iteration_update`` is a :class:`swinx.inference.CaseIteration`."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end_case)

    def _end_case(self, engine: Workflow) -> None:
        number = f"[{engine.state.iteration}/{engine.state.epoch_length}]"
        output = engine.state.output
        if isinstance(output, dict) and "failure" in output:
            self.failed.append({"case": str(output["case"]), "reason": str(output["failure"])})
            self.logger.error("%s %s failed: %s", number, output["case"], output["failure"])
            return
        batch, found = engine.state.batch[0], output[0]["pred"]
        case, classes = str(batch["case"]), batch["classes"].cpu().numpy()
        if not len(classes):
            self.empty.append(case)
            self.logger.warning("%s %s: none of its annotated classes is in the scan, not used", number, case)
            return
        features = {name: values.cpu().numpy() for name, values in found.items()}
        self.done.append(CaseFeatures(case, str(batch["section"]), classes, features))
        self.logger.info("%s %s: %d voxels of %d classes", number, case, len(classes), len(np.unique(classes)))

    def exit_if_failed(self) -> None:
        """End the program with exit code 1 if a case failed; the last step of ``finalize``."""
        for failure in self.failed:
            self.logger.error("not probed: %s: %s", failure["case"], failure["reason"])
        if self.failed:
            raise SystemExit(1)
