"""Scans of every kind that a user may have in hand, as one kind for the network, and labels back in the user's kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from monai.utils import MetaKeys, SpaceKeys
from numpy.typing import NDArray

from swinx.data import affine_from_itk, array_from_itk, case_name, find_cases, import_sitk, pick_series
from swinx.errors import CaseError
from swinx.geometry import READER_NOTES, find_grid_faults, find_grid_notes, find_image_faults
from swinx.rules import ScanInputRules as Rule
from swinx.visible_text import visible

__all__ = ["Scan", "as_nibabel", "scan_of"]

Labels = NDArray[Any]

_NAME = "scan"
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Scan:
    """A scan for the network.

    Attributes:
        case: Its name.
        item: What the preprocessing takes: ``image``, a path to be loaded or a loaded ``MetaTensor`` ``(1, X, Y, Z)``.
        give_back: Makes the user's kind of image of labels ``(X, Y, Z)`` and the affine of the scan.
    """

    case: str
    item: dict[str, Any]
    give_back: Callable[[Labels, NDArray[np.float64]], Any]

    @property
    def path(self) -> Path | None:
        """The file or folder that is to be loaded; None for a scan in memory."""
        image = self.item["image"]
        return Path(image) if isinstance(image, str) else None


def scan_of(image: Any, series: str | None = None, hu: bool = True) -> Scan:
    """Return a scan for the network.

    Args:
        image: A path of a file, of a DICOM series or of a folder with one scan; a nibabel image; a SimpleITK image; a
            ``MetaTensor`` ``(X, Y, Z)`` or ``(1, X, Y, Z)``; or ``(array, affine)`` with an array ``(X, Y, Z)`` in HU
            and the affine from voxels to RAS millimetres.
        series: SeriesInstanceUID, where a folder has several.
        hu: The model is for CT in HU; False for MR, whose series are then scans.

    Raises:
        CaseError: If it is none of these, or cannot be segmented: not three dimensions, NaN, an unusable affine.
        DataListError: If a folder has no scan, or not this series.
    """
    if isinstance(image, str | os.PathLike):
        return _of_path(os.fspath(image), series, hu)
    if isinstance(image, MetaTensor):
        return _of_meta_tensor(image)
    if isinstance(image, nib.spatialimages.SpatialImage):
        return _in_memory(_nibabel_voxels(image), image.affine, as_nibabel)
    if isinstance(image, tuple) and len(image) == 2 and _is_array(image[0]):
        return _of_pair(*image)
    if type(image).__module__.startswith("SimpleITK"):
        return _of_itk(image)
    rule = Rule.NO_AFFINE if _is_array(image) else Rule.KIND
    raise CaseError(_NAME, rule.says(kind=type(image).__name__))


def as_nibabel(labels: Labels, affine: NDArray[np.float64]) -> Any:
    """Return labels as a nibabel image in mm."""
    make: Any = nib.Nifti1Image
    image = make(labels, affine, dtype=labels.dtype)
    image.header.set_xyzt_units("mm", "sec")
    return image


def _of_path(path: str, series: str | None, hu: bool) -> Scan:
    items = pick_series(find_cases(path, label_set=None, hu=hu), series)
    if len(items) > 1:
        first, second, *_ = (visible(item["case"]) for item in items)
        raise CaseError(path, Rule.SEVERAL.says(count=len(items), first=first, second=second))
    item = dict(items[0])
    if "fault" in item:
        raise CaseError(item["image"], str(item["fault"]).removeprefix(f"{visible(item['image'])}: "))
    return Scan(str(item["case"]), item, as_nibabel)


def _of_meta_tensor(image: MetaTensor) -> Scan:
    has_channel = image.ndim == 4 and image.shape[0] == 1
    affine = image.affine.cpu().numpy().astype(np.float64)
    if str(image.meta.get(MetaKeys.SPACE.value, SpaceKeys.RAS)) in (SpaceKeys.LPS, str(SpaceKeys.LPS)):
        affine = _LPS_TO_RAS @ affine

    def give_back(labels: Labels, _affine: NDArray[np.float64]) -> MetaTensor:
        tensor = torch.from_numpy(np.ascontiguousarray(labels)).to(image.device)
        meta = {name: value for name, value in image.meta.items() if name != MetaKeys.AFFINE.value}
        return MetaTensor(tensor[None] if has_channel else tensor, affine=image.affine.clone(), meta=meta)

    voxels = image.as_tensor().detach().cpu().numpy()
    source = str(image.meta.get("filename_or_obj", ""))
    return _in_memory(voxels[0] if has_channel else voxels, affine, give_back, source)


def _of_pair(array: Any, affine: Any) -> Scan:
    def give_back(labels: Labels, _affine: NDArray[np.float64]) -> tuple[Any, Any]:
        if isinstance(array, torch.Tensor):
            return torch.from_numpy(np.ascontiguousarray(labels)).to(array.device), affine
        return labels, affine

    plain = affine.detach().cpu().numpy() if isinstance(affine, torch.Tensor) else affine
    try:
        matrix = np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CaseError(_NAME, Rule.NO_AFFINE.says()) from error
    voxels = array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else array
    return _in_memory(voxels, matrix, give_back)


def _of_itk(image: Any) -> Scan:
    def give_back(labels: Labels, _affine: NDArray[np.float64]) -> Any:
        found = import_sitk().GetImageFromArray(np.ascontiguousarray(labels.transpose()))
        found.CopyInformation(image)
        return found

    if not hasattr(image, "GetDirection"):
        raise CaseError(_NAME, Rule.KIND.says(kind=type(image).__name__))
    voxels = array_from_itk(image)
    affine = affine_from_itk(image) if image.GetDimension() == 3 else np.eye(4)  # another shape is refused below
    return _in_memory(voxels, affine, give_back)


def _in_memory(
    voxels: NDArray[Any],
    affine: Any,
    give_back: Callable[[Labels, NDArray[np.float64]], Any],
    source: str = "",
) -> Scan:
    """Return a scan as the reader of the bundles would have loaded it, with the same checks and notes."""
    case = (case_name(source) if source else "") or _NAME
    while voxels.ndim > 3 and voxels.shape[-1] == 1:  # an axis of time, as some NIfTI files have it
        voxels = voxels[..., 0]
    if faults := find_image_faults(voxels):
        raise CaseError(source or case, "; ".join(faults))
    grid = np.array(affine, dtype=np.float64)
    if faults := find_grid_faults(grid, voxels.shape, of_scan=True):
        raise CaseError(source or case, "; ".join(faults))
    notes = find_grid_notes(grid, voxels.shape)
    meta = {
        MetaKeys.ORIGINAL_AFFINE.value: grid.copy(),
        MetaKeys.SPATIAL_SHAPE.value: np.asarray(voxels.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM.value: 0,
        MetaKeys.SPACE.value: SpaceKeys.RAS,
        READER_NOTES: "\n".join(notes),
        "filename_or_obj": source or case,
    }
    tensor = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))
    return Scan(case, {"image": MetaTensor(tensor[None].clone(), affine=torch.from_numpy(grid), meta=meta)}, give_back)


def _nibabel_voxels(image: Any) -> NDArray[Any]:
    """Return the voxels as swinx reads them from a file: the stored numbers, or single precision if they are scaled."""
    data = image.dataobj
    if isinstance(data, np.ndarray):
        return data
    whole = data.dtype.kind in "iub" and not getattr(data, "inter", 0) and getattr(data, "slope", 1) == 1
    return np.asarray(data) if whole or data.dtype.kind not in "iubf" else image.get_fdata(dtype=np.float32)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | torch.Tensor)
