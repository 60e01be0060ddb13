"""Synthetic cohorts: phantoms, and variants of one real CT."""

from __future__ import annotations

from swinx.cohorts.demo_cohort import write_demo_cohort
from swinx.cohorts.demo_ct import fetch_demo_ct
from swinx.cohorts.demo_verdict import demo_verdict
from swinx.cohorts.phantoms.phantom import Phantom, make_phantom
from swinx.cohorts.synthetic import write_synthetic_cohort

__all__ = [
    "Phantom",
    "demo_verdict",
    "fetch_demo_ct",
    "make_phantom",
    "write_demo_cohort",
    "write_synthetic_cohort",
]
