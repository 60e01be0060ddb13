"""Rules about the files of scans: bytes, geometry and values."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["ByteRules", "GeometryRules", "ValueRules"]


class ByteRules(Rules):
    """Size of the voxels in the header against the content of the file."""

    SHORT = Rule(
        "refused",
        "every format",
        "the header declares {promised} bytes of voxels and the file holds {found}; cut off: copy it from the source "
        "again",
    )
    SURPLUS = Rule(
        "refused",
        "every format",
        "the header declares {promised} bytes of voxels and the file holds {found}; the stated size is wrong",
    )
    PARTS = Rule(
        "refused",
        "MetaImage and NRRD with detached data",
        "its header names {found} data files or more for {promised} slices; each file holds the same number of slices",
    )
    OFFSET = Rule(
        "refused",
        "NIfTI, NRRD, MetaImage",
        "the header says that the voxels begin at byte {offset}, within the header; they begin at {least} or later",
    )
    HEADER_CUT = Rule("refused", "DICOM", "the file ends within its header, or has no pixels")
    COMPRESSED_CUT = Rule("refused", "DICOM that is compressed", "its compressed pixels are cut off: {detail}")
    DECODED_SIZE = Rule(
        "refused",
        "DICOM that is compressed",
        "the header declares {promised} and the compressed picture has {found}",
    )
    RLE_TABLE = Rule(
        "refused",
        "DICOM that is compressed as RLE",
        "its compressed pixels are damaged, or not of {segments} segments; copy the series from the source again",
    )
    RLE_SEGMENT = Rule(
        "refused",
        "DICOM that is compressed as RLE",
        "segment {number} of its compressed pixels gives {found} bytes in place of {promised}; damaged: copy the "
        "series from the source again",
    )
    JPEG_END = Rule(
        "refused",
        "DICOM that is compressed as JPEG",
        "its compressed pixels have no end mark; damaged: copy the series from the source again",
    )
    JPEG = Rule(
        "refused",
        "DICOM that is compressed as JPEG",
        "a slice is damaged, and its decoder made up what is missing ({detail}); copy the series from the source again",
    )
    IMPOSSIBLE_CLAIM = Rule(
        "refused",
        "compressed files",
        "the header declares {promised} bytes of voxels, more than {found} compressed bytes can hold; damaged, or made "
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
    """The positions of the voxels."""

    NO_SPACING = Rule("refused", "NRRD, MetaImage", "the {kind} header states no spacing; write it, in mm")
    SHEAR = Rule(
        "refused",
        "every format",
        "slices are shifted sideways, as by a gantry tilted by {degrees:.1f} degrees; resample the scan to a straight "
        "volume first (dcm2niix does)",
    )
    EXTENT = Rule(
        "refused",
        "every format",
        "the volume measures {extent} mm, outside {smallest:g}..{largest:g} mm along an axis; is the spacing in mm?",
    )
    WIDE = Rule(
        "warned",
        "every format",
        "the volume measures {extent} mm, more than {widest:g} mm across the body; is the spacing right?",
    )
    NO_ORIENTATION = Rule(
        "warned", "every format but DICOM", "the header states no orientation; left-right and front-back are guessed"
    )
    UNIT = Rule("warned", "NIfTI, NRRD, MetaImage", "the header states lengths in {unit}; they are taken as mm")
    HEADER_SPACING = Rule(
        "warned", "NIfTI", "header states spacing {written} mm but its affine {used} mm; the affine is used"
    )
    NO_QFORM = Rule("warned", "NIfTI", "the qform is invalid ({detail}); the sform is used")
    TWO_FORMS = Rule("warned", "NIfTI", "qform and sform place voxels up to {distance:.3g} mm apart; the sform is used")


class ValueRules(Rules):
    """The values of the voxels."""

    NO_AIR = Rule(
        "warned",
        "scans",
        "the values are not plausible HU: {low:g}..{high:g}, without air; were they rescaled to HU?",
    )
    TOO_DENSE = Rule(
        "warned",
        "scans",
        "the values are not plausible HU: {low:g}..{high:g} exceed what a CT stores (32767); were they rescaled to HU?",
    )
    BONE = Rule(
        "warned",
        "scans",
        "the values are not plausible HU: {dense:.0f} % are as dense as bone (above 700) and {air:.0f} % are air; were "
        "they rescaled to HU?",
    )
    BELOW_AIR = Rule(
        "warned",
        "scans",
        "the values are not plausible HU: {share:.0f} % are below air ({low:g}..-1100); were they rescaled to HU, or "
        "twice?",
    )
    NO_TISSUE = Rule(
        "warned",
        "scans",
        "the values are not plausible HU: {low:g}..{high:g}, hardly any of fat, water and organs (-300 to 300); were "
        "they rescaled to HU?",
    )
    OTHER_SCANS = Rule(
        "warned",
        "scans without HU, in training and checks",
        "to train on MR, or other scans than CT, set intensity to percentiles or zscore",
    )
    WEIGHTS_OF_CT = Rule(
        "warned",
        "scans without HU, with trained weights",
        "the weights were trained on CT in HU, and do not segment MR or other scans",
    )
    LABELS = Rule(
        "warned",
        "scans",
        "the values look like those of a label map: {count} whole numbers from {low:g} to {high:g}; is it a scan?",
    )
    BITS = Rule(
        "refused",
        "DICOM",
        "{name} stores {stored} bits in {allocated}; a CT stores at most as many as are allocated, 8, 16 or 32",
    )
    PHOTOMETRIC = Rule(
        "refused",
        "DICOM",
        "{name} has the photometric interpretation {kind}; the numbers of a CT are MONOCHROME2",
    )
    HIGH_BIT = Rule(
        "refused",
        "DICOM",
        "{name} stores {stored} bits up to bit {high}, and DICOM has them end at bit {last}; write the series anew",
    )
    SLOPE = Rule(
        "refused",
        "DICOM, NIfTI",
        "{name} is rescaled by slope {slope:g} and intercept {intercept:g}; a slope is a number other than 0",
    )
    RESCALING = Rule(
        "warned",
        "DICOM",
        "slices are rescaled by {count} different slopes and intercepts, {name} first by another than the rest",
    )
    PADDING = Rule(
        "repaired",
        "DICOM",
        "{count} voxels of pixel padding ({value} HU) are taken as air",
    )
