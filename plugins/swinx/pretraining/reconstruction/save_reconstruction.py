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
from numpy.typing import NDArray
from torch import Tensor

from swinx.errors import CaseError
from swinx.files import write_whole
from swinx.nifti import write_nifti
from swinx.pretraining.reconstruction.reconstruction_error import intensities_to_hu, masked_errors, token_affine

__all__ = ["SaveReconstructiond"]

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
        ref_key: The preprocessed image, a ``MetaTensor`` ``(1, X, Y, Z)`` in [0, 1].
        case_key: Item that holds the case name.
        draw: ``draw(path, original, reconstruction, mask, affine, case, window_hu, errors)`` writes the picture,
            for instance :func:`swinx.pretraining.draw_reconstruction`; volumes ``(X, Y, Z)`` in HU, ``errors`` as of
            :func:`swinx.pretraining.reconstruction.reconstruction_error.masked_errors`. None for no picture.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.

    Raises:
        ValueError: If there is more than one key, since each would replace the files of the one before.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | os.PathLike[str],
        window_hu: Sequence[float] = (-250.0, 250.0),
        ref_key: str = "image",
        case_key: str = "case",
        draw: Callable[..., object] | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"one reconstruction makes one set of files per case; got the keys {self.keys}")
        self.output_dir = Path(output_dir)
        self.window_hu = (float(window_hu[0]), float(window_hu[1]))
        self.ref_key = ref_key
        self.case_key = case_key
        self.draw = draw

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the files and return a shallow copy of ``data`` with two more items.

        ``saved_to`` is the path of the reconstruction, ``measures`` its errors in masked voxels.

        Raises:
            CaseError: If a file cannot be written, or the network's output is NaN or infinite.
            ValueError: If image and reconstruction differ in shape.
        """
        out = dict(data)
        for key in self.key_iterator(out):
            case, image = str(out[self.case_key]), out[self.ref_key]
            result = {name: torch.as_tensor(value).cpu() for name, value in out[key].items()}
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
        with _fault_of_the_case(path), write_whole(path, suffix=".npz") as partial:
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
