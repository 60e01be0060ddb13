"""Grids, resampling, connected components and checks of volumes: pure functions."""

from __future__ import annotations

from swinx.geometry.components import Component, class_boxes, components_of, voxel_volume_mm3
from swinx.geometry.grids import (
    GRID_TOLERANCE_VOXELS,
    axial_axis,
    check_affine,
    check_spacing,
    compare_grids,
    grid_difference_mm,
    voxel_sizes_mm,
)
from swinx.geometry.patient_grid import SHEAR_TOLERANCE_DEGREES, find_grid_faults, find_grid_notes
from swinx.geometry.resampling import axis_map, labels_between, resample_linear, resample_nearest, restore_nearest
from swinx.geometry.volume_checks import (
    READER_NOTES,
    find_image_faults,
    find_image_notes,
    find_label_faults,
    find_shape_faults,
    label_values,
    looks_like_labels,
    reader_notes,
)

__all__ = [
    "GRID_TOLERANCE_VOXELS",
    "READER_NOTES",
    "SHEAR_TOLERANCE_DEGREES",
    "Component",
    "axial_axis",
    "axis_map",
    "check_affine",
    "check_spacing",
    "class_boxes",
    "compare_grids",
    "components_of",
    "find_grid_faults",
    "find_grid_notes",
    "find_image_faults",
    "find_image_notes",
    "find_label_faults",
    "find_shape_faults",
    "grid_difference_mm",
    "label_values",
    "labels_between",
    "looks_like_labels",
    "reader_notes",
    "resample_linear",
    "resample_nearest",
    "restore_nearest",
    "voxel_sizes_mm",
    "voxel_volume_mm3",
]
