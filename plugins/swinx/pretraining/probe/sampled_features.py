"""Features of single voxels from a network that sees a scan window by window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as functional
from monai.inferers import Inferer
from torch import Tensor
from tqdm import tqdm

__all__ = ["SampledFeaturesInferer", "look_up", "sampled_features"]

Maps = Mapping[str, Sequence[Tensor]]


def look_up(feature_map: Tensor, voxels: Tensor, size: Sequence[int]) -> Tensor:
    """Return the features of the cells that voxels fall in.

    Args:
        feature_map: ``(C, d, h, w)``; its cells divide a window of ``size`` voxels evenly.
        voxels: Indices within the window, integer, ``(N, 3)``.
        size: Voxels of the window along each axis.

    Returns:
        Features ``(N, C)``.

    Raises:
        ValueError: If the cells do not divide the window.

    Examples:
        >>> halves = torch.tensor([7.0, 8.0]).reshape(1, 2, 1, 1)
        >>> look_up(halves, torch.tensor([[3, 0, 0], [4, 3, 3]]), (8, 4, 4)).tolist()
        [[7.0], [8.0]]
    """
    cells = feature_map.shape[1:]
    if any(side % count for side, count in zip(size, cells, strict=True)):
        raise ValueError(f"a feature map {tuple(feature_map.shape)} does not divide a window of {tuple(size)} voxels")
    strides = [side // count for side, count in zip(size, cells, strict=True)]
    first, second, third = (voxels[:, axis] // stride for axis, stride in enumerate(strides))
    return feature_map[:, first, second, third].T


def sampled_features(
    image: Tensor,
    voxels: Tensor,
    network: Callable[[Tensor], Maps],
    roi_size: Sequence[int],
    sw_batch_size: int = 1,
    progress: bool = False,
) -> dict[str, Tensor]:
    """Return the features of single voxels: those of the cells they fall in, of all maps, one after the other.

    The volume is cut into windows that do not overlap, from its first voxel on, padded with 0 (air) at the far end.
    Only windows that hold a voxel are run, and no map outlives its window.

    Args:
        image: One volume, ``(1, C, X, Y, Z)``.
        voxels: Indices into the volume, integer, ``(N, 3)``.
        network: Maps windows ``(B, C, *roi_size)`` to named lists of feature maps ``(B, F, d, h, w)``.
        roi_size: Window in voxels.
        sw_batch_size: Windows per call of the network.
        progress: Show a progress bar over windows.

    Returns:
        Features by name, float32 on the CPU, ``(N, sum of F)``, in the order of ``voxels``. Empty if there are
        no voxels.

    Raises:
        ValueError: If a shape does not fit, or a voxel lies outside the volume.
    """
    _check(image, voxels, roi_size)
    voxels = voxels.cpu()
    roi = torch.as_tensor(list(roi_size))
    places, window_of = torch.unique(voxels // roi, dim=0, return_inverse=True)
    local = voxels % roi
    found: dict[str, Tensor] = {}
    bar = tqdm(total=len(places), desc="windows", disable=not progress, leave=False)
    for start in range(0, len(places), sw_batch_size):
        numbers = range(start, min(start + sw_batch_size, len(places)))
        maps = network(torch.cat([_window(image, places[number] * roi, roi) for number in numbers]))
        for number, (name, levels) in ((number, item) for number in numbers for item in maps.items()):
            rows = window_of == number
            columns = [look_up(level[number - start], local[rows].to(level.device), roi_size) for level in levels]
            values = torch.cat(columns, dim=1).float().cpu()
            found.setdefault(name, values.new_zeros(len(voxels), values.shape[1]))[rows] = values
        bar.update(len(numbers))
    bar.close()
    return found


def _check(image: Tensor, voxels: Tensor, roi_size: Sequence[int]) -> None:
    if image.ndim != 5 or len(image) != 1 or len(roi_size) != 3 or min(roi_size) < 1:
        raise ValueError(
            f"need one volume (1, C, X, Y, Z), not {tuple(image.shape)}, and windows, not {tuple(roi_size)}"
        )
    if voxels.ndim != 2 or voxels.shape[1] != 3:
        raise ValueError(f"voxels {tuple(voxels.shape)} must be indices (N, 3)")
    if (voxels < 0).any() or (voxels >= torch.as_tensor(image.shape[2:], device=voxels.device)).any():
        raise ValueError(f"voxels lie outside a volume of {tuple(image.shape[2:])}")


def _window(image: Tensor, start: Tensor, roi: Tensor) -> Tensor:
    x, y, z = (slice(first, first + side) for first, side in zip(start.tolist(), roi.tolist(), strict=True))
    window = image[:, :, x, y, z]
    missing = [side - length for side, length in zip(roi.tolist(), window.shape[2:], strict=True)]
    return functional.pad(window, [pad for m in reversed(missing) for pad in (0, m)]) if any(missing) else window


class SampledFeaturesInferer(Inferer):
    """MONAI inferer around :func:`sampled_features`.

    Give the evaluator ``PrepareBatchExtraInput({"voxels": "voxels"})``, so that the voxels of a case come with it.

    Args:
        roi_size: Window in voxels, multiples of the encoder's stride.
        sw_batch_size: Windows per call of the network.
        progress: Show a progress bar over windows.
    """

    def __init__(self, roi_size: Sequence[int], sw_batch_size: int = 1, progress: bool = False) -> None:
        super().__init__()
        self.roi_size = tuple(roi_size)
        self.sw_batch_size = sw_batch_size
        self.progress = progress

    def __call__(self, inputs: Tensor, network: Callable[[Tensor], Maps], voxels: Tensor) -> dict[str, Tensor]:
        """Return features by name, ``(1, N, sum of F)``, of ``voxels`` ``(1, N, 3)`` of one volume."""
        plain = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
        with torch.no_grad():
            found = sampled_features(plain, voxels[0], network, self.roi_size, self.sw_batch_size, self.progress)
        return {name: values[None] for name, values in found.items()}
