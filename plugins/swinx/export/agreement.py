"""Agreement of an exported network with the network in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from swinx.errors import ExportError

__all__ = ["Agreement", "measure_agreement", "probe_windows"]


@dataclass(frozen=True)
class Agreement:
    """Difference between the logits of an exported network and those of PyTorch's eager mode.

    Attributes:
        max_difference: Largest absolute difference of a logit.
        largest_score: Largest absolute logit of eager mode, to compare it with.
        same_labels: Share of voxels with the same class of highest logit, 0 to 1.
        batches: How many inputs were compared.
    """

    max_difference: float
    largest_score: float
    same_labels: float
    batches: int

    def __str__(self) -> str:
        """Return one line for people."""
        return (
            f"max difference {self.max_difference:.2g} (largest score {self.largest_score:.3g}), same class in "
            f"{self.same_labels:.4%} of voxels, {self.batches} inputs"
        )


def probe_windows(window: Sequence[int], seed: int = 0) -> list[Tensor]:
    """Return inputs that an exported network is tried on: noise, smooth shapes, air, and a batch of two.

    Args:
        window: Channels and sides ``(C, X, Y, Z)``; intensities are those of preprocessed CT, 0 to 1.
        seed: The same seed gives the same inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand((1, *window), generator=generator)
    coarse = torch.rand((1, window[0], *(-(-side // 8) for side in window[1:])), generator=generator)
    smooth = (2 * interpolate(coarse, window[1:], mode="trilinear") - 0.5).clamp(0, 1)  # with air and bone
    return [noise, smooth, torch.zeros(1, *window), torch.cat([noise, smooth])]


@torch.no_grad()
def measure_agreement(
    eager: Callable[[Tensor], Tensor], exported: Callable[[Tensor], Tensor], inputs: Sequence[Tensor]
) -> Agreement:
    """Run both on all inputs and compare their logits ``(B, classes, X, Y, Z)``.

    Raises:
        ExportError: If shapes differ, or either gives a logit that is not finite.
    """
    differences, scores, same, voxels = [0.0], [0.0], 0, 0
    for image in inputs:
        wanted, found = eager(image).float().cpu(), exported(image).float().cpu()
        if wanted.shape != found.shape:
            raise ExportError(f"gives {tuple(found.shape)} for {tuple(image.shape)}, PyTorch {tuple(wanted.shape)}")
        for name, values in (("PyTorch", wanted), ("the exported network", found)):
            if not torch.isfinite(values).all():
                raise ExportError(f"{name} gives NaN or infinity for an input within 0 to 1")
        differences.append(float((wanted - found).abs().max()))
        scores.append(float(wanted.abs().max()))
        labels = wanted.argmax(1) == found.argmax(1)
        same, voxels = same + int(labels.sum()), voxels + labels.numel()
    return Agreement(max(differences), max(scores), same / max(1, voxels), len(inputs))
