"""Scans from which patches are generated, fetched by the package client."""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np

from swinx.cohorts.demo_ct import fetch_demo_ct
from swinx.cohorts.generator.gallbladder import with_gallbladder
from swinx.cohorts.generator.pelvis_phantom import pelvis_phantom
from swinx.cohorts.generator.source_scan import SourceScan
from swinx.cohorts.other_cts import fetch_aorta_ct
from swinx.data import read_volume
from swinx.errors import CaseError
from swinx.labels import read_label_set

__all__ = ["load_sources"]


@lru_cache(maxsize=1)
def load_sources(cache_dir: str | os.PathLike[str]) -> tuple[SourceScan, ...]:
    """Return the sources, fetched into ``cache_dir`` where they are not there already.

    These are the demo's CT, whose patient has no gallbladder, as it is and once more with one; the CT angiography of
    another patient, in which the aorta alone is annotated; and two phantoms of the pelvis, which the demo's CT does not
    reach.

    Raises:
        CaseError: If the mask of the aorta does not lie on the grid of its CT.
        OSError: If a package cannot be fetched, or ``cache_dir`` cannot be written.
    """
    path, label = fetch_demo_ct(cache_dir)
    image = read_volume(path)
    structures = read_volume(label.with_name("mask.nii.gz")).array.astype(np.uint8)
    completed = with_gallbladder(image.array, structures, image.affine)
    return (
        SourceScan.from_arrays(image.array, structures, image.affine, "demo CT"),
        SourceScan.from_arrays(*completed, image.affine, "demo CT with a gallbladder"),
        _aorta_source(cache_dir),
        pelvis_phantom(0),
        pelvis_phantom(1),
    )


def _aorta_source(cache_dir: str | os.PathLike[str]) -> SourceScan:
    """Return the CT angiography, with the mask of a part of its grid put in its place."""
    path, mask_path = fetch_aorta_ct(cache_dir)
    image, mask = read_volume(path), read_volume(mask_path)
    start = np.linalg.solve(image.affine, mask.affine @ [0, 0, 0, 1])[:3]
    first = np.rint(start).astype(int)
    end = first + mask.array.shape
    same = np.allclose(image.affine[:3, :3], mask.affine[:3, :3], atol=1e-3) and np.abs(start - first).max() < 0.01
    if not same or (first < 0).any() or (end > image.array.shape).any():
        raise CaseError(mask_path, f"its grid is no part of that of {path.name}; delete both to fetch them again")
    structures = np.zeros(image.array.shape, dtype=np.uint8)
    aorta = read_label_set("totalsegmentator").names.index("aorta")
    structures[tuple(slice(a, b) for a, b in zip(first, end, strict=True))] = (mask.array > 0) * np.uint8(aorta)
    return SourceScan.from_arrays(
        image.array, structures, image.affine, "CT angiography", annotated=("aorta",), share=0.3
    )
