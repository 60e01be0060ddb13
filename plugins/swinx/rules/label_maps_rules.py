"""Rules about label maps: annotations, refined labels and predictions of other programs."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["LabelRules", "PredictionRules", "TruthRules"]

_LABELS = "label maps"
_REFINEMENT = "refinement"


class LabelRules(Rules):
    """The ids of a label map."""

    NOT_FINITE = Rule("refused", _LABELS, "label with {count} NaN or infinite voxels")
    NOT_WHOLE = Rule("refused", _LABELS, "label values that are not integers: {values}")
    OUTSIDE = Rule("refused", _LABELS, "label ids outside 0..{last}: {ids}")
    EMPTY = Rule("refused", "label maps in which a class is expected", "empty label: every voxel is background")
    EMPTY_OR_UNKNOWN = Rule(
        "refused", "refined labels in which a class is expected", "empty label: every voxel is background or unknown"
    )
    EMPTY_UNDECLARED = Rule(
        "refused",
        "training, validation",
        "empty label: every voxel is background or unknown; if that is what was found, list the classes that were "
        "looked for as annotated",
    )
    UNKNOWN_SHARE = Rule(
        "warned",
        "swinx data check",
        "{percent:.3g} % of the voxels are {unknown}, unknown; the training ignores them",
    )
    NONE_FOUND = Rule("warned", "swinx data check", "none of the annotated classes {annotated} occurs in it")
    UNLISTED = Rule("warned", "swinx data check", "classes {ids} occur but are not listed as annotated")


class TruthRules(Rules):
    """The parts of a refined label."""

    NOT_WHOLE = Rule("refused", _REFINEMENT, "{what} holds {low} to {high}; a label map holds whole class ids")
    OUTSIDE = Rule("refused", _REFINEMENT, "{what} holds ids {ids}; class ids are 0..{last}, and {unknown} unknown")
    OTHER_GRID = Rule("refused", _REFINEMENT, "label and pseudo label do not fit together: {detail}")
    NOT_ANNOTATED = Rule(
        "refused",
        _REFINEMENT,
        "the label holds class ids {ids}, which are not annotated in this case (annotated: {annotated}); correct the "
        "manifest or data list, or give --annotated inferred",
    )


class PredictionRules(Rules):
    """Predictions of another program as a teacher."""

    NO_FOLDER = Rule(
        "refused", "folders of predictions", "{folder}: no such folder; give the folder that holds the predictions"
    )
    NONE = Rule("refused", "folders of predictions", "no prediction {case}.nii.gz (or {suffixes}) in {folder}")
    NOT_IN_MAP = Rule(
        "refused",
        "folders of predictions",
        "label ids {ids} are not in the label map {label_map!r}; give a label map that has them",
    )
    OVERHANG = Rule(
        "refused",
        "folders of predictions",
        "the scan of case {case} reaches {overhang:.1f} voxels beyond this prediction (shape {shape}; at most "
        "{allowed:g} allowed); predict the whole scan",
    )
    OTHER_GRID = Rule("warned", "folders of predictions", "carried to the nearest voxel from another grid: {detail}")
