"""Rules about folders: which files are scans, which are label maps, and what comes of a DICOM Segmentation."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["LabelFolderRules"]


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
