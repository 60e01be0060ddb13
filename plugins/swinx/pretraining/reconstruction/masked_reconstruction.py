"""Masked reconstruction of a whole scan, and features of the unmasked scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from monai.inferers import Inferer
from torch import Tensor
from tqdm import tqdm

from swinx.pretraining.masking import block_grid, draw_block_mask, enlarge_blocks
from swinx.pretraining.smit_network import SmitNetwork

__all__ = ["MaskedReconstructionInferer"]


class MaskedReconstructionInferer(Inferer):
    """Inferer that returns the reconstruction of a masked scan, and tokens of the unmasked scan.

    The scan is tiled by windows that do not overlap, as the network was pretrained on them; the last ones are padded
    with 0 (air). Each window has a random mask of its own. The reconstruction is the network's output everywhere, but
    only that of masked blocks was ever trained. The network runs twice per window: masked for the reconstruction, and
    unmasked for the tokens.

    Note:
        Windows padded at the far end are less like those of the pretraining; the error tends to be higher there.

    Args:
        roi_size: Window in voxels, three multiples of the network's stride.
        block_size: Sides of a masked block in voxels, one for all axes or one for each; they divide ``roi_size``.
        mask_ratio: Share of the blocks of a window to mask, above 0 and below 1.
        seed: Seed of the masks: the same seed and shape mask the same voxels.
        sw_batch_size: Windows per call of the network.
        progress: Show a progress bar over windows.

    Raises:
        ValueError: If the blocks do not fill the window, the ratio masks nothing or everything, or
            ``sw_batch_size`` is below 1.
    """

    def __init__(
        self,
        roi_size: Sequence[int] = (96, 96, 96),
        block_size: int | Sequence[int] = 16,
        mask_ratio: float = 0.7,
        seed: int = 0,
        sw_batch_size: int = 1,
        progress: bool = False,
    ) -> None:
        super().__init__()
        _draw_masks(1, roi_size, block_size, mask_ratio, seed)
        if sw_batch_size < 1:
            raise ValueError(f"sw_batch_size must be at least 1 window, not {sw_batch_size}")
        self.roi_size = tuple(int(side) for side in roi_size)
        self.block_size = block_size
        self.mask_ratio = mask_ratio
        self.seed = seed
        self.sw_batch_size = sw_batch_size
        self.progress = progress

    @torch.no_grad()
    def __call__(  # type: ignore[override]  # not one tensor, but several of different shapes
        self, inputs: Tensor, network: SmitNetwork, *args: Any, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Return reconstruction, mask and tokens of one scan.

        Args:
            inputs: One scan in [0, 1], ``(1, 1, X, Y, Z)``.
            network: A student with reconstruction.
            args: None: the network takes windows and masks alone.
            kwargs: None.

        Returns:
            On the device of ``inputs``, each with a leading batch axis of 1:
            ``reconstruction``, float32, ``(1, 1, X, Y, Z)``, not clipped;
            ``mask``, uint8, ``(1, 1, X, Y, Z)``, 1 where masked;
            ``patch_tokens``, float32, ``(1, gx, gy, gz, C)``: the grid over the padded scan, see
            :func:`swinx.pretraining.reconstruction.save_reconstruction.token_affine`;
            ``image_tokens``, float32, ``(1, windows, C)``, one per window, the last axis of the scan fastest;
            ``token_stride``, int64, ``(1,)``: voxels per token along each axis.

        Raises:
            ValueError: If the input is not one scan of one channel, or network arguments are given.
        """
        if args or kwargs:
            raise ValueError(f"the network takes windows and masks only, not {args or kwargs}")
        if inputs.ndim != 5 or inputs.shape[:2] != (1, 1):
            raise ValueError(
                f"one scan of one channel (1, 1, X, Y, Z) is reconstructed at a time, not {tuple(inputs.shape)}"
            )
        image = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
        roi = self.roi_size
        size = tuple(image.shape[2:])
        counts = [math.ceil(length / side) for length, side in zip(size, roi, strict=True)]
        windows = [
            tuple(slice(index * side, (index + 1) * side) for index, side in zip(place, roi, strict=True))
            for place in product(*(range(count) for count in counts))
        ]
        masks = _draw_masks(len(windows), roi, self.block_size, self.mask_ratio, self.seed).to(image.device)
        reconstruction = torch.zeros((1, 1, *size), dtype=torch.float32, device=image.device)
        covered = torch.zeros((1, 1, *size), dtype=torch.uint8, device=image.device)
        patch_tokens, image_tokens = [], []
        bar = tqdm(total=len(windows), desc="windows", disable=not self.progress, leave=False)
        for start in range(0, len(windows), self.sw_batch_size):
            chosen = windows[start : start + self.sw_batch_size]
            mask = masks[start : start + self.sw_batch_size]
            views = torch.cat([_cut(image, window, roi) for window in chosen])
            filled = network(views, mask)
            for window, output, cover in zip(chosen, filled, enlarge_blocks(mask, roi), strict=True):
                _paste(reconstruction, output, window)
                _paste(covered, cover, window)
            whole = network.distil(views)
            patch_tokens.append(whole.patch_tokens.float())
            image_tokens.append(whole.image_token.float())
            bar.update(len(chosen))
        bar.close()
        stride = network.token_stride
        return {
            "reconstruction": reconstruction,
            "mask": covered,
            "patch_tokens": _join(torch.cat(patch_tokens), counts, [side // stride for side in roi])[None],
            "image_tokens": torch.cat(image_tokens)[None],
            "token_stride": torch.tensor([stride], device=image.device),
        }


def _draw_masks(count: int, roi: Sequence[int], block_size: int | Sequence[int], ratio: float, seed: int) -> Tensor:
    """Return masks ``(count, 1, d, h, w)``; they depend on nothing but the arguments."""
    random = np.random.RandomState(seed)
    grid = block_grid(roi, block_size)
    return torch.from_numpy(np.stack([draw_block_mask(grid, ratio, random)[None] for _ in range(count)]))


def _cut(image: Tensor, window: tuple[slice, ...], roi: Sequence[int]) -> Tensor:
    """Return a window ``(1, 1, *roi)``, padded with 0 at its far end where the scan is over."""
    x, y, z = window
    part = image[:, :, x, y, z]
    missing = [side - length for side, length in zip(roi, part.shape[2:], strict=True)]
    return functional.pad(part, [pad for after in reversed(missing) for pad in (0, after)])


def _paste(volume: Tensor, values: Tensor, window: tuple[slice, ...]) -> None:
    """Write values ``(1, *roi)`` into a window of a volume ``(1, 1, X, Y, Z)``, as far as it reaches."""
    x, y, z = window
    target = volume[0, :, x, y, z]
    a, b, c = target.shape[1:]
    target.copy_(values[:, :a, :b, :c])


def _join(tokens: Tensor, counts: Sequence[int], grid: Sequence[int]) -> Tensor:
    """Join the tokens of all windows, ``(windows, N, C)``, to one grid ``(gx, gy, gz, C)``."""
    apart = tokens.reshape(*counts, *grid, tokens.shape[-1]).permute(0, 3, 1, 4, 2, 5, 6)
    return apart.reshape(*(count * cells for count, cells in zip(counts, grid, strict=True)), tokens.shape[-1])
