"""SimpleITK images as arrays with RAS affines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["affine_from_itk", "array_from_itk", "import_sitk"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def import_sitk() -> Any:
    """Import SimpleITK, whose Python layer carries no types, where a file is read that needs it.

    Raises:
        ImportError: If it is not installed; the message says how to get it.
    """
    try:
        import SimpleITK
    except ImportError as error:
        raise ImportError("reading this format needs SimpleITK: pip install simpleitk") from error
    return SimpleITK


def affine_from_itk(image: Any) -> NDArray[np.float64]:
    """Return the voxel-to-RAS affine of a 3D ``SimpleITK.Image`` or ``ImageFileReader``.

    ITK's world is LPS (x to the left, y to the back), so the first two rows change sign.

    Examples:
        >>> sitk = import_sitk()
        >>> image = sitk.Image([2, 2, 2], sitk.sitkInt16)
        >>> image.SetOrigin((10.0, 20.0, 30.0))
        >>> affine_from_itk(image)[:3, 3].tolist()
        [-10.0, -20.0, 30.0]
    """
    affine = np.eye(4)
    direction = np.asarray(image.GetDirection(), dtype=np.float64).reshape(3, 3)
    affine[:3, :3] = direction * np.asarray(image.GetSpacing(), dtype=np.float64)
    affine[:3, 3] = np.asarray(image.GetOrigin(), dtype=np.float64)
    return _LPS_TO_RAS @ affine


def array_from_itk(image: Any) -> NDArray[Any]:
    """Return the voxels of a 3D ``SimpleITK.Image`` in ``(x, y, z)`` index order, as a copy that outlives it."""
    array: NDArray[Any] = import_sitk().GetArrayFromImage(image)
    return array.transpose()
