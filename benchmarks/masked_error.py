"""Error of a reconstruction in the masked voxels of unseen scans, as a share of that of a constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from monai.data import MetaTensor
from torch import Tensor

from swinx.networks import load_weights
from swinx.pretraining import RandBlockMaskd, RandTwoViewsd, SmitNetwork
from swinx.pretraining.masking import masked_share
from swinx.pretraining.reconstruction.save_reconstruction import masked_errors

__all__ = ["masked_share_of_constant"]


@torch.no_grad()
def masked_share_of_constant(
    student: SmitNetwork,
    weights: str | None,
    scans: Sequence[Tensor],
    roi_size: Sequence[int],
    region_size: Sequence[int],
    block_size: int,
    mask_ratio: float = 0.7,
) -> float:
    """Return the mean masked error over the mean error of a constant, the visible voxels' mean of each view.

    Views are drawn as in the training, two of each scan, and the same for every network. A network that has learned
    nothing but a grey value has a share of about 1.

    Args:
        student: The network, as it was trained.
        weights: Its weights; None to take the network as it is.
        scans: Preprocessed scans ``(1, X, Y, Z)`` in [0, 1].
        roi_size: Sides of a view in voxels.
        region_size: Sides of the region that both views are cropped from.
        block_size: Side of a masked block in voxels.
        mask_ratio: Masked share of the blocks.
    """
    if weights is not None:
        load_weights(student, weights)
    student.eval()
    device = student.mask_token.device
    views = RandTwoViewsd(region_size=region_size, roi_size=roi_size).set_random_state(0)
    masks = RandBlockMaskd(block_size=block_size, ratio=mask_ratio).set_random_state(0)
    errors = []
    for number, scan in enumerate(scans):
        item = masks(views({"image": MetaTensor(scan, meta={"filename_or_obj": f"scan {number}"})}))
        for view in ("1", "2"):
            image, mask = item[f"view_{view}"].as_tensor()[None], item[f"mask_{view}"][None]
            filled = student(image.to(device), mask.to(device)).float().cpu()
            found = masked_errors(image, filled, masked_share(mask, image.shape[2:]), (-250, 250))
            errors.append((float(found["mae"] or np.nan), float(found["baseline_mae"] or np.nan)))
    network, constant = np.mean(errors, axis=0)
    return float(network / constant)
