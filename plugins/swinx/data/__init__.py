"""Readers, data lists, integrity checks and cohorts."""

from __future__ import annotations

from swinx.data.demo_cohort import write_demo_cohort
from swinx.data.demo_ct import fetch_demo_ct

__all__ = [
    "fetch_demo_ct",
    "write_demo_cohort",
]
