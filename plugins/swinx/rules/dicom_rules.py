"""Rules about DICOM: headers, the choice of a series, slices as a volume, and values in HU."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["HeaderRules", "RescaleRules", "SeriesChoiceRules", "SliceRules", "StructureSetRules"]

_DICOM = "DICOM"
_STRUCTURES = "DICOM RTSTRUCT"


class HeaderRules(Rules):
    """One file of a series."""

    DAMAGED = Rule("refused", _DICOM, "{name} is damaged, or not a DICOM object: {detail}")
    NO_TAG = Rule("refused", _DICOM, "it holds no DICOM tag")
    TAG_CUT = Rule("refused", _DICOM, "the file ends within tag ({group:04x},{element:04x})")
    TAG_MISSING = Rule("refused", _DICOM, "DICOM tag {tag}, {meaning}, is missing from {name}")
    TAG_VALUE = Rule("refused", _DICOM, "DICOM tag {tag} of {name} is {value!r}, not {count} numbers")


class SeriesChoiceRules(Rules):
    """The choice of one series in a folder."""

    UNREADABLE = Rule(
        "refused",
        "DICOM in folders",
        "{files} of this folder cannot be read: {names} ({detail}); damaged or cut off: copy from the source again, or "
        "move away what is no slice of the scan",
    )
    NO_SLICES = Rule("refused", "DICOM in folders", "no DICOM slices in this folder")
    NO_IMAGE = Rule(
        "refused",
        "files that are given as a slice",
        "is no slice of a series: it holds no image, or its name begins with a dot",
    )
    NO_CT = Rule(
        "refused",
        "DICOM in folders",
        "no CT in this folder, but {found}; settings and weights with intensity hu_window are for CT in HU, and other "
        "scans need a training with percentiles or zscore",
    )
    NO_SCAN = Rule("refused", "DICOM in folders", "neither MR nor CT in this folder, but {found}")
    EQUALLY_LONG = Rule(
        "refused",
        "DICOM in folders",
        "{count} DICOM series of {kind}, two of them equally long: {found}; give the path of one slice of the series "
        "that is meant, or its UID (--series UID)",
    )
    LONGEST = Rule("warned", "DICOM in folders", "{count} DICOM series of {kind}: took {taken} and not {others}")
    OTHER_SLICE = Rule(
        "refused", "a slice and --series", "is a slice of the series {own}, not of {series}; give its folder instead"
    )
    NOT_HERE = Rule("refused", "a folder and --series", "has no DICOM series {series}; it has {found}")
    NOT_CT = Rule(
        "refused",
        "a folder and --series",
        "the DICOM series {series} is {kind}, not CT; settings and weights with intensity hu_window are for CT in HU, "
        "and other scans need a training with percentiles or zscore",
    )
    NO_SCAN_OF = Rule(
        "refused",
        "a folder and --series",
        "the DICOM series {series} is {kind}, neither MR nor CT; convert it to NIfTI",
    )


class SliceRules(Rules):
    """The slices of a series as one volume."""

    MULTI_FRAME = Rule(
        "refused",
        _DICOM,
        "{name} is a multi-frame image of {frames} frames (enhanced CT?); convert it to single frames or NIfTI first "
        "(dcm2niix does)",
    )
    COLOURS = Rule("refused", _DICOM, "{name} has {samples} values per voxel (RGB); a CT has one")
    ONE_SLICE = Rule("refused", _DICOM, "single slice: the DICOM series has one file")
    DIFFER = Rule("refused", _DICOM, "slices differ in {what}: {first} and {other} make no one volume")
    NOT_PARALLEL = Rule("refused", _DICOM, "slices are not parallel to each other")
    COSINES = Rule("refused", _DICOM, "direction cosines {cosines} are not two unit vectors at right angles")
    SEVERAL_PHASES = Rule(
        "refused",
        _DICOM,
        "{doubles} of {count} slices share one position with another; the series may hold several phases: put the "
        "slices of one into a folder of their own",
    )
    UNEVEN = Rule(
        "refused",
        _DICOM,
        "slices are not evenly spaced: {usual:.4g} mm as a rule, but {gap:.4g} mm after slice {number}; {uneven} of "
        "{gaps} gaps differ (missing slices?)",
    )
    LOCALIZERS = Rule("warned", _DICOM, "left out {count} localizers: {first}, ...")
    COPIES = Rule("warned", _DICOM, "left out {count} files that have the instance UID of another; are they copies?")
    NO_MODALITY = Rule("warned", _DICOM, "the header states no modality; taken as CT")
    LOSSY = Rule("warned", _DICOM, "the images were compressed with loss")


class RescaleRules(Rules):
    """The decoding of pixels, and their rescaling to HU."""

    UNDECODABLE = Rule(
        "refused",
        _DICOM,
        "damaged, or compressed in a way that SimpleITK cannot decode{syntax}; write the series uncompressed first",
    )
    NO_PREAMBLE = Rule(
        "refused",
        _DICOM,
        "its files lack the first 128 bytes and the mark of DICOM, and SimpleITK does not read them; write them anew "
        "(dcmconv of DCMTK does)",
    )
    ONE_UNDECODABLE = Rule("refused", _DICOM, "its pixels cannot be decoded")
    UNIT = Rule("refused", _DICOM, "the values are in {units}, not in HU")
    NOT_RESCALED = Rule(
        "refused",
        _DICOM,
        "{missing} of {count} slices, {first} first, state no rescale slope and intercept, and values from {low:g} on "
        "cannot be HU; write the two tags, or convert the series to HU",
    )
    TAKEN_AS_HU = Rule("warned", _DICOM, "the header states no rescale slope and intercept; the values are taken as HU")


class StructureSetRules(Rules):
    """Labels that are contours on the slices of a series."""

    DAMAGED = Rule("refused", _STRUCTURES, "damaged, or no structure set: {detail}")
    NO_NUMBER = Rule("refused", _STRUCTURES, "a contour with a coordinate that is no number")
    SEVERAL = Rule("refused", _STRUCTURES, "holds {count} structure sets ({names}); give the file of one")
    NO_SERIES = Rule(
        "refused",
        _STRUCTURES,
        "its DICOM series {series} is neither beside it nor the scan of the case; put the slices into its folder",
    )
    OTHER_FRAME = Rule(
        "refused",
        _STRUCTURES,
        "its frame of reference {own} is not that of the series, {other}; register the two, or give its own series",
    )
    TILTED = Rule("refused", _STRUCTURES, "a contour of {name} lies across {slices:.2g} slices; contours lie in slices")
    BETWEEN = Rule(
        "refused",
        _STRUCTURES,
        "a contour of {name} lies at slice {place:.4g} of {count} from 0; contours lie in slices of their series",
    )
    NO_AREA = Rule(
        "warned", _STRUCTURES, "left out {count} contours of {name} that enclose no area (open, or single points)"
    )
    GAPS = Rule("warned", _STRUCTURES, "{name} has no contour in {count} slices between its first and its last")
