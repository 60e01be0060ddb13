"""Pure functions on arrays and tensors; they know no MONAI engine and no file."""

from __future__ import annotations

from swinx.ops.fusion import Fusion, Source
from swinx.ops.fusion_policies import Agreement, FillUnannotated, OverwriteOrgans, TruthOnly, TumorHostChecked
from swinx.ops.grids import axial_axis, check_affine, check_spacing, compare_grids, grid_difference_mm, voxel_sizes_mm
from swinx.ops.pseudo_filters import FillHoles, LargestComponent, Laterality, MinimumComponent
from swinx.ops.selection import HasDrawnTumor, LowDisagreement, MinimumConfidence, PlausibleVolume, PredictedSomewhere
from swinx.ops.volume_checks import find_image_faults, find_image_notes, find_label_faults, label_values

__all__ = [
    "Agreement",
    "FillHoles",
    "FillUnannotated",
    "Fusion",
    "HasDrawnTumor",
    "LargestComponent",
    "Laterality",
    "LowDisagreement",
    "MinimumComponent",
    "MinimumConfidence",
    "OverwriteOrgans",
    "PlausibleVolume",
    "PredictedSomewhere",
    "Source",
    "TruthOnly",
    "TumorHostChecked",
    "axial_axis",
    "check_affine",
    "check_spacing",
    "compare_grids",
    "find_image_faults",
    "find_image_notes",
    "find_label_faults",
    "grid_difference_mm",
    "label_values",
    "voxel_sizes_mm",
]
