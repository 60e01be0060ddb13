"""Random patients on the fly: geometry, contrast, contents and acquisition of patches of a few sources."""

from __future__ import annotations

from swinx.cohorts.generator.acquisition import RandAcquisitiond
from swinx.cohorts.generator.generated_patch import RandPatchd, StructuresToLabeld
from swinx.cohorts.generator.held_out_patients import write_held_out
from swinx.cohorts.generator.known_sources import load_sources
from swinx.cohorts.generator.lumen import RandLumend
from swinx.cohorts.generator.patch_geometry import GeometryRanges
from swinx.cohorts.generator.recolour import RandContrastd
from swinx.cohorts.generator.source_scan import SourceScan
from swinx.cohorts.generator.surroundings import RandFieldOfViewd, RandSurroundingsd

__all__ = [
    "GeometryRanges",
    "RandAcquisitiond",
    "RandContrastd",
    "RandFieldOfViewd",
    "RandLumend",
    "RandPatchd",
    "RandSurroundingsd",
    "SourceScan",
    "StructuresToLabeld",
    "load_sources",
    "write_held_out",
]
