"""Synthetic cohorts: phantoms, and variants of one real CT."""

from __future__ import annotations

from swinx.cohorts.demo_cohort import write_demo_cohort
from swinx.cohorts.demo_ct import fetch_demo_ct
from swinx.cohorts.demo_verdict import demo_verdict
from swinx.cohorts.generator import (
    GeometryRanges,
    RandAcquisitiond,
    RandContrastd,
    RandFieldOfViewd,
    RandLumend,
    RandPatchd,
    RandSurroundingsd,
    SourceScan,
    StructuresToLabeld,
    load_sources,
    write_held_out,
)
from swinx.cohorts.other_cts import fetch_example_ct
from swinx.cohorts.phantoms.phantom import Phantom, make_phantom
from swinx.cohorts.phantoms.synthetic import write_synthetic_cohort

__all__ = [
    "GeometryRanges",
    "Phantom",
    "RandAcquisitiond",
    "RandContrastd",
    "RandFieldOfViewd",
    "RandLumend",
    "RandPatchd",
    "RandSurroundingsd",
    "SourceScan",
    "StructuresToLabeld",
    "demo_verdict",
    "fetch_demo_ct",
    "fetch_example_ct",
    "load_sources",
    "make_phantom",
    "write_demo_cohort",
    "write_held_out",
    "write_synthetic_cohort",
]
