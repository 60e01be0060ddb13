"""Bundles as zips that load wherever MONAI is, and the rules of MONAI's Model Zoo."""

from __future__ import annotations

from swinx.packaging.archive import write_zip
from swinx.packaging.metadata_rules import metadata_faults
from swinx.packaging.pack import pack_bundle

__all__ = ["metadata_faults", "pack_bundle", "write_zip"]
