"""A bundle with its weights as one archive."""

from __future__ import annotations

from swinx.packaging.archive import write_zip
from swinx.packaging.half_precision import write_half_precision
from swinx.packaging.metadata_rules import metadata_faults
from swinx.packaging.pack_bundle import pack_bundle

__all__ = [
    "metadata_faults",
    "pack_bundle",
    "write_half_precision",
    "write_zip",
]
