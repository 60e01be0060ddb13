"""Grids that break careless code: anisotropic, oblique, not RAS."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

__all__ = ["oblique_affine"]


def oblique_affine(codes: str = "LPS", spacing_mm=(1.6, 1.8, 2.5), degrees: float = 12.0) -> NDArray[np.float64]:
    """Return a voxel to RAS matrix with the given axis codes, turned about two axes, off the origin."""
    turn = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    about_z = np.array([[np.cos(turn / 2), -np.sin(turn / 2), 0], [np.sin(turn / 2), np.cos(turn / 2), 0], [0, 0, 1]])
    axes = np.zeros((3, 3))
    for column, code in enumerate(codes):
        row, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[code]
        axes[row, column] = sign
    affine = np.eye(4)
    affine[:3, :3] = about_x @ about_z @ axes @ np.diag(spacing_mm)
    affine[:3, 3] = (37.5, -81.25, 412.0)
    assert "".join(nib.aff2axcodes(affine)) == codes
    return affine
