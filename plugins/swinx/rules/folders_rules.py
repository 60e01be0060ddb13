"""Rules about folders: which files are scans, which are label maps, and what comes of a DICOM Segmentation."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["LabelFolderRules", "ScanFolderRules", "SegRules", "SeriesRules"]


class LabelFolderRules(Rules):
    """Folders of references, predictions and other label maps."""

    NONE = Rule(
        "refused",
        "folders of label maps",
        "{folder}: holds no {kind}; looked for {suffixes} files directly in it",
    )
    TWO_FILES = Rule(
        "refused",
        "folders of label maps",
        "{first} and {other} are both {kind} of case {case!r}; remove one",
    )
    NOT_ONE_FILE = Rule(
        "refused",
        "data lists of label maps",
        "{path}: the label of case {case!r} is a mask for each class; give {kind} with all classes in one file",
    )
    OTHER_NUMBERS = Rule(
        "refused",
        "data lists of label maps",
        "{path}: the label of case {case!r} has other numbers than the label set (label_map); give {kind} with "
        "its numbers",
    )
    LAYERS = Rule(
        "refused",
        "NRRD of 3D Slicer",
        "a segmentation in {layers} layers, so that segments may overlap; export it as one label map (3D Slicer: "
        "Export to files, single file)",
    )
    NOTHING_SHARED = Rule(
        "refused",
        "scores",
        "{prediction} has a prediction of none of the cases in {reference}: the references are {references}, the "
        "predictions {predictions}; give both the same case names",
    )
    MISSING = Rule(
        "warned",
        "scores",
        "{missing} of {total} references have no prediction ({consequence}): {cases}",
    )


class ScanFolderRules(Rules):
    """Folders of scans: every scan is a case, and what is none is skipped."""

    NONE = Rule(
        "refused",
        "folders of scans",
        "no scans found in {looked}; looked for {suffixes} files and folders of DICOM slices",
    )
    MISSING = Rule("refused", "scans and folders of scans", "{looked}: no such file or folder")
    NO_PATH = Rule(
        "refused",
        "folders of scans, folders of label maps",
        "a path is empty, as of a variable that is not set; give the file or the folder, or . for this one",
    )
    ONE_NAME = Rule(
        "refused",
        "folders of scans",
        "{first} and {other} are both the case {case!r}; rename one of them",
    )
    SPLIT = Rule(
        "refused",
        "DICOM in folders",
        "the slices of the DICOM series {series} lie in several folders, {folders}; put them into one",
    )
    RENAMED = Rule(
        "repaired",
        "folders of scans",
        "named after their folders, too, since several are called {cases}: {example} ...",
    )
    HASHED = Rule(
        "repaired",
        "folders of scans",
        "with a hash of their paths at the end, since several would be called {cases}: {example} ...",
    )
    LABEL_FOLDER = Rule("skipped", "folders of scans", "{place} (a folder of labels)")
    OUTPUT = Rule("skipped", "folders of scans", "{place} (the output folder)")
    CLOSED = Rule("skipped", "folders of scans", "{place} (cannot be opened: {detail})")
    NO_FILE = Rule("skipped", "folders of scans", "{place} (no file: {detail})")
    FOLDER = Rule("skipped", "folders of scans", "{place} (a folder without scans)")
    OWN = Rule("skipped", "folders of scans", "{place} (made by swinx, says {record})")
    MASK_NAME = Rule("skipped", "folders of scans with other scans", "{place} (named as a segmentation)")
    MASK_CONTENT = Rule("skipped", "folders of scans with other scans", "{place} (holds labels, no HU)")
    NO_CT = Rule("skipped", "DICOM in folders", "{place} ({kind}, no CT image)")
    DIRECTORY = Rule("skipped", "DICOM in folders", "{place} (a directory of DICOM files)")
    LOCALIZER = Rule("skipped", "DICOM in folders", "{place} (a localizer)")
    ONE_SLICE = Rule("skipped", "DICOM in folders with other scans", "{place} (a single slice)")
    COPY = Rule("skipped", "DICOM in folders", "{place} (a copy of {other})")
    DAMAGED = Rule("skipped", "DICOM in folders", "{place} (damaged, no CT image)")


class SeriesRules(Rules):
    """The DICOM series that was asked for by its UID."""

    NOT_THERE = Rule(
        "refused",
        "--series",
        "no scan is the DICOM series {series}; series of CT found: {shown}",
    )


class SegRules(Rules):
    """The needs of a DICOM Segmentation from its series; the NIfTI file is written in any case."""

    EXPECTED = Rule(
        "warned",
        "inference_dicom.json, before the first case",
        "{case}: there will be no DICOM Segmentation: {reason}",
    )
    UNWRITTEN = Rule(
        "warned",
        "inference_dicom.json",
        "no DICOM Segmentation: {reason}",
    )
    EMPTY = Rule(
        "warned",
        "inference_dicom.json",
        "{path} is not written: every voxel is background",
    )
    NO_SERIES = Rule(
        "warned",
        "inference_dicom.json",
        "{place}: is no DICOM series; a DICOM Segmentation refers to the images it was made from",
    )
    NO_TAG = Rule(
        "warned",
        "inference_dicom.json",
        "{place}: slices without {keyword}; a DICOM Segmentation refers to it",
    )
    TAGS_DIFFER = Rule(
        "warned",
        "inference_dicom.json",
        "{place}: slices with {count} different values of {keyword}; they make no one series",
    )
    HEADERS = Rule(
        "warned",
        "inference_dicom.json",
        "{place}: its headers make no DICOM Segmentation: {detail}; correct them, or go on with the NIfTI alone",
    )
    BAD_TAG = Rule(
        "warned",
        "inference_dicom.json",
        "{keyword} is {value}, which DICOM does not allow, and a DICOM Segmentation takes it over; correct it in all "
        "slices",
    )
    NO_PACKAGE = Rule(
        "warned",
        "inference_dicom.json",
        "DICOM-SEG needs {packages}: pip install {install}",
    )
    PRIVATE_CODES = Rule(
        "warned",
        "DICOM Segmentations",
        "classes without a SNOMED CT code, which have private ones of the scheme {scheme}: {names}; give codes in the "
        "label set",
    )
    OCCUPIED = Rule(
        "refused",
        "inference_dicom.json, before the first case",
        "{path} is there and is no DICOM Segmentation, and would be replaced by one; choose another --output_dir",
    )
