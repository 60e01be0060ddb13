"""Rules about the files of scans: bytes, geometry and values."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["ByteRules", "GeometryRules", "ValueRules"]


class ByteRules(Rules):
    """What a header promises against what the file holds."""

    SHORT = Rule(
        "refused",
        "every format",
        "the header promises {promised} bytes of voxels and the file holds {found}; cut off: copy it from the source "
        "again",
    )
    HEADER_CUT = Rule("refused", "DICOM", "the file ends within its header, or has no pixels")
    COMPRESSED_CUT = Rule("refused", "DICOM that is compressed", "its compressed pixels are cut off: {detail}")
    DECODED_SIZE = Rule(
        "refused",
        "DICOM that is compressed",
        "the header promises {promised} and the compressed picture has {found}",
    )
    JPEG = Rule(
        "refused",
        "DICOM that is compressed as JPEG",
        "a slice is damaged, and its decoder made up what is missing ({detail}); copy the series from the source again",
    )
    IMPOSSIBLE_CLAIM = Rule(
        "refused",
        "compressed files",
        "the header promises {promised} bytes of voxels, more than {found} compressed bytes can hold; damaged, or made "
        "to fill the memory",
    )
    CHECKSUM = Rule(
        "refused",
        "NIfTI, NRRD and MetaImage that are compressed",
        "damaged: {detail}; copy it from the source again",
    )
    MEMORY = Rule(
        "refused",
        "every format",
        "reading it takes {needed} MB and {available} MB are allowed or free; crop it, or use a machine with more "
        "memory",
    )
    OUTSIDE = Rule(
        "refused",
        "MetaImage and NRRD with detached data",
        "its header names the data file {name!r}, which does not lie beside it; move the data beside the header",
    )
    MISSING_DATA = Rule(
        "refused",
        "MetaImage and NRRD with detached data",
        "its header names the data file {name!r}, which does not exist; copy it from the source, too",
    )


class GeometryRules(Rules):
    """Where the voxels lie."""


class ValueRules(Rules):
    """The values of the voxels."""

    BITS = Rule(
        "refused",
        "DICOM",
        "{name} stores {stored} bits in {allocated}; a CT stores at most as many as are allocated, 8, 16 or 32",
    )
    PADDING = Rule(
        "repaired",
        "DICOM",
        "{count} voxels of pixel padding ({value} HU) are taken as air",
    )
