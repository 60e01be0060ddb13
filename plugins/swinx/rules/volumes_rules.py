"""Rules about volumes of every format: the file, its shape, its voxels and its grid."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["GridRules", "VolumeFileRules", "VoxelRules"]

_EVERY = "every format"
_PAIRS = "a scan and its label"


class VolumeFileRules(Rules):
    """The file as a whole."""

    MISSING = Rule("refused", _EVERY, "no such file or folder")
    EMPTY = Rule("refused", _EVERY, "the file is empty (0 bytes)")
    UNKNOWN_KIND = Rule(
        "refused", "other files", "unknown kind of file {suffix!r}; give {formats} or a DICOM series folder"
    )
    DAMAGED = Rule("refused", _EVERY, "damaged, or not a {kind}: {detail}")
    COMPRESSED = Rule("refused", "NIfTI", "its content is compressed and its name says otherwise; name it {name!r}")
    NOT_COMPRESSED = Rule("refused", "NIfTI", "its content is not compressed as its name says; name it {name!r}")
    ENCODING = Rule("refused", "NRRD", "encoding {encoding!r} is not known here; write it as raw or gzip")
    LINE_SKIP = Rule("refused", "NRRD", "it skips lines of its data; write it anew without")
    NO_ASSIGNMENT = Rule("refused", "MetaImage", "line {line!r} of the header is no 'key = value'")
    FIELD = Rule("refused", "NRRD, MetaImage", "its header lacks the field {name!r}")
    ELEMENT_TYPE = Rule("refused", "NRRD, MetaImage", "its header states voxels of type {kind!r}, which is not known")
    HEADER_SIZE = Rule("refused", "NRRD, MetaImage", "size {size!r} holds no voxels")
    PATTERN = Rule(
        "refused",
        "NRRD, MetaImage with detached data",
        "the pattern {pattern!r} of data files is not of the form name%03d.raw",
    )
    TWO_SIZES = Rule("refused", "NRRD, MetaImage", "its size reads as {shape} and as {other}")
    SEVERAL = Rule("refused", "configurations", "{count} files given as one case; give one volume per case")


class VoxelRules(Rules):
    """The array of voxels."""

    CHANNELS = Rule("refused", _EVERY, "{channels} values per voxel (RGB or vector image); a CT has one")
    DIMENSIONS = Rule("refused", _EVERY, "{dimensions}D volume of shape {shape}; give one 3D volume per file")
    NO_VOXELS = Rule("refused", _EVERY, "zero size: shape {shape} holds no voxels")
    ONE_SLICE = Rule("refused", _EVERY, "single slice: shape {shape} needs at least {least} voxels along each axis")
    TYPE = Rule("refused", _EVERY, "voxels of type {kind}; a volume of real numbers is needed")
    NOT_FINITE = Rule("refused", "scans", "{nans} NaN and {infinite} infinite of {count} voxels")
    CONSTANT = Rule("refused", "scans", "constant image: every voxel is {value:g}")


class GridRules(Rules):
    """Spacing, affine, and the grid that a scan shares with its label."""

    NO_SIZE = Rule("refused", _EVERY, "spacing {spacing} mm: {size:g} is not a voxel size")
    SPACING = Rule("refused", _EVERY, "spacing {spacing} mm: {size:g} is outside {smallest:g}..{largest:g} mm")
    AFFINE_SHAPE = Rule("refused", _EVERY, "affine of shape {shape} instead of (4, 4)")
    AFFINE_VALUES = Rule("refused", _EVERY, "affine with {count} entries that are NaN or infinite")
    AXES = Rule("refused", _EVERY, "{count} array axes instead of 3")
    LAST_ROW = Rule("refused", _EVERY, "last row of the affine is {row} instead of [0, 0, 0, 1]")
    SINGULAR = Rule("refused", _EVERY, "affine is singular")
    ONE_PLANE = Rule("refused", _EVERY, "affine is singular: its axes lie in one plane")
    OTHER_SHAPE = Rule("refused", _PAIRS, "image of shape {image} and label of shape {label}")
    APART = Rule(
        "refused",
        _PAIRS,
        "grids of image and label are {difference:.3g} mm apart (smallest voxel side {smallest:g} mm)",
    )
    NEARLY = Rule(
        "warned", _PAIRS, "grids of image and label differ by {difference:.3g} mm at most; accepted as one grid"
    )
