"""Files of a masked reconstruction: volumes over the scan, tokens in the scan's space, a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from swinx.errors import CaseError
from swinx.files import write_atomic
from swinx.nifti import write_nifti

__all__ = ["SaveReconstructiond", "intensities_to_hu", "masked_errors", "token_affine"]


_MASKED_HU = -1024


class SaveReconstructiond(MapTransform):
    """Transform that writes the result of :class:`swinx.pretraining.MaskedReconstructionInferer` for a case.

    Each file is written atomically. Volumes are int16 HU on the network's grid, with its affine, so that a viewer lays
    them over the scan:

    * ``<case>_original.nii.gz``: the scan, clipped to the window.
    * ``<case>_masked.nii.gz``: the same with -1024 HU (or less, below a lower window) in masked voxels.
    * ``<case>_reconstruction.nii.gz``: the network's output everywhere, not clipped; only that of masked voxels
      was ever trained.
    * ``<case>_features.npz``, to be read with ``allow_pickle=False``: ``patch_tokens`` float32 ``(gx, gy, gz, C)``
      of the unmasked scan, ``affine`` float64 ``(4, 4)`` from the token's index to RAS mm at its centre,
      ``image_tokens`` float32 ``(windows, C)``, ``image_affine`` float64 ``(4, 4)`` of the preprocessed scan.
    * ``<case>_reconstruction.png``, if there is ``draw``.

    Args:
        keys: The inferer's dictionary, without batch axes.
        output_dir: Folder of the files; made when the first one is written.
        window_hu: HU of the intensities 0 and 1, as in the preprocessing.
        draw: ``draw(path, original, reconstruction, mask, affine, case, window_hu, errors)`` writes the picture,
            for instance :func:`swinx.pretraining.draw_reconstruction`; volumes ``(X, Y, Z)`` in HU, ``errors`` as of
            :func:`swinx.pretraining.reconstruction.save_reconstruction.masked_errors`. None for no picture.

    Raises:
        ValueError: If there is more than one key, since each would replace the files of the one before.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | os.PathLike[str],
        window_hu: Sequence[float] = (-250.0, 250.0),
        draw: Callable[..., object] | None = None,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one reconstruction makes one set of files per case; got the keys {self.keys}")
        self.output_dir = Path(output_dir)
        self.window_hu = (float(window_hu[0]), float(window_hu[1]))
        self.draw = draw

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the files and return a shallow copy of ``data`` with two more items.

        It reads ``case``, and ``image``, the preprocessed scan, a ``MetaTensor`` ``(1, X, Y, Z)`` in [0, 1].

        ``saved_to`` is the path of the reconstruction, ``measures`` its errors in masked voxels.

        Raises:
            CaseError: If a file cannot be written, or the network's output is NaN or infinite.
            ValueError: If image and reconstruction differ in shape.
        """
        out = dict(data)
        case, image = str(out["case"]), out["image"]
        result = {name: torch.as_tensor(value).cpu() for name, value in out[self.keys[0]].items()}
        _check_finite(case, result)
        original = image.as_tensor().cpu()
        affine = image.affine.cpu().numpy().astype(np.float64)
        reconstruction, mask = result["reconstruction"], result["mask"]
        out["measures"] = masked_errors(original, reconstruction, mask, self.window_hu)
        volumes = self._volumes(original, reconstruction, mask)
        for name, volume in volumes.items():
            path = self.output_dir / f"{case}_{name}.nii.gz"
            with _fault_of_the_case(path):
                write_nifti(path, volume, affine)
        self._save_features(self.output_dir / f"{case}_features.npz", result, affine)
        if self.draw is not None:
            path = self.output_dir / f"{case}_reconstruction.png"
            with _fault_of_the_case(path):
                self.draw(
                    path,
                    volumes["original"],
                    volumes["reconstruction"],
                    mask[0].numpy() > 0,
                    affine,
                    case,
                    self.window_hu,
                    out["measures"],
                )
        out["saved_to"] = str(self.output_dir / f"{case}_reconstruction.nii.gz")
        return out

    def _volumes(self, original: Tensor, reconstruction: Tensor, mask: Tensor) -> dict[str, NDArray[np.int16]]:
        scan = intensities_to_hu(original[0], self.window_hu)
        below = min(_MASKED_HU, int(np.floor(self.window_hu[0])) - 1)
        return {
            "original": scan,
            "masked": np.where(mask[0].numpy() > 0, np.int16(below), scan),
            "reconstruction": intensities_to_hu(reconstruction[0], self.window_hu),
        }

    def _save_features(self, path: Path, result: Mapping[str, Tensor], affine: NDArray[np.float64]) -> None:
        with _fault_of_the_case(path), write_atomic(path, suffix=".npz") as partial:
            np.savez_compressed(
                partial,
                patch_tokens=result["patch_tokens"].float().numpy(),
                affine=token_affine(affine, int(result["token_stride"])),
                image_tokens=result["image_tokens"].float().numpy(),
                image_affine=affine,
            )


@contextmanager
def _fault_of_the_case(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` into a fault of the case, so that the next cases go on."""
    try:
        yield
    except OSError as error:
        raise CaseError(path, f"the reconstruction cannot be written: {error}") from error


def _check_finite(case: str, result: Mapping[str, Tensor]) -> None:
    for name in ("reconstruction", "patch_tokens", "image_tokens"):
        if not torch.isfinite(result[name]).all():
            raise CaseError(case, f"the network's {name} hold NaN or infinite values; try again with --amp False")


def token_affine(affine: ArrayLike, stride: int) -> NDArray[np.float64]:
    """Return the grid of tokens, each at the centre of its cube of voxels.

    Args:
        affine: Voxel to RAS world matrix of the image, ``(4, 4)``, mm.
        stride: Side of the cube in voxels; the first cube begins at the first voxel.

    Returns:
        Token to RAS world matrix, ``(4, 4)``, mm.

    Raises:
        ValueError: If the affine is not 4x4 or the stride is not positive.

    Examples:
        >>> token_affine(np.diag([2.0, 1.0, 1.0, 1.0]), 16)[0].tolist()
        [32.0, 0.0, 0.0, 15.0]
    """
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or stride < 1:
        raise ValueError(f"a token grid needs an affine (4, 4) and a positive stride, not {matrix.shape} and {stride}")
    matrix[:3, 3] += matrix[:3, :3].sum(axis=1) * (stride - 1) / 2
    matrix[:3, :3] *= stride
    return matrix


def intensities_to_hu(intensities: Tensor, window_hu: Sequence[float]) -> NDArray[np.int16]:
    """Return intensities as HU: the inverse of the windowing of :class:`swinx.preprocessing.CTPreprocessingd`.

    Args:
        intensities: Any shape; 0 and 1 become the ends of the window, others lie on the same line.
        window_hu: HU of 0 and of 1.

    Returns:
        The nearest whole HU, the same shape, clipped to the range of int16.

    Raises:
        ValueError: If a value is NaN or infinite.

    Examples:
        >>> intensities_to_hu(torch.tensor([0.0, 0.5, 1.1, 1e9]), (-250, 250)).tolist()
        [-250, 0, 300, 32767]
    """
    values = intensities.detach().to("cpu", torch.float32)
    if not torch.isfinite(values).all():
        raise ValueError("intensities that are NaN or infinite have no HU")
    low, high = window_hu
    limits = torch.iinfo(torch.int16)
    hu: NDArray[np.int16] = (
        (values * (high - low) + low).round_().clamp_(limits.min, limits.max).to(torch.int16).numpy()
    )
    return hu


def masked_errors(
    original: Tensor, reconstruction: Tensor, mask: Tensor, window_hu: Sequence[float]
) -> dict[str, float | None]:
    """Return the errors of a reconstruction in masked voxels, and those of a baseline.

    The baseline fills every masked voxel with the mean of the visible ones: a network that has learned nothing of
    anatomy does as well.

    Args:
        original: Intensities in [0, 1], any shape.
        reconstruction: The same shape.
        mask: 1 where a voxel was masked, else 0; the same shape.
        window_hu: HU of the intensities 0 and 1.

    Returns:
        ``hidden_share``, the masked share of the voxels; mean absolute errors over the masked voxels, ``mae`` and
        ``baseline_mae`` in units of the window's width, ``mae_hu`` and ``baseline_mae_hu`` in HU. An error without
        voxels is None.

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> original, mask = torch.tensor([0.0, 0.2, 0.5]), torch.tensor([0, 0, 1])
        >>> errors = masked_errors(original, torch.tensor([9.0, 9.0, 0.75]), mask, (-250, 250))
        >>> {name: round(value, 3) for name, value in errors.items()}
        {'hidden_share': 0.333, 'mae': 0.25, 'mae_hu': 125.0, 'baseline_mae': 0.4, 'baseline_mae_hu': 200.0}
    """
    if not original.shape == reconstruction.shape == mask.shape:
        raise ValueError(
            f"original {tuple(original.shape)}, reconstruction {tuple(reconstruction.shape)} and mask "
            f"{tuple(mask.shape)} differ in shape"
        )
    where = mask > 0
    target = original[where]
    visible = original[~where]
    mae = (reconstruction[where] - target).abs_().mean(dtype=torch.float64).item() if len(target) else None
    baseline = None
    if len(target) and len(visible):
        guess = visible.mean(dtype=torch.float64).item()
        baseline = (target - guess).abs_().mean(dtype=torch.float64).item()
    width_hu = float(window_hu[1] - window_hu[0])
    return {
        "hidden_share": where.double().mean().item() if where.numel() else 0.0,
        "mae": mae,
        "mae_hu": None if mae is None else mae * width_hu,
        "baseline_mae": baseline,
        "baseline_mae_hu": None if baseline is None else baseline * width_hu,
    }
