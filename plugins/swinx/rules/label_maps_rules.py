"""Rules about label maps: annotations, refined labels and predictions of other programs."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["CollectionRules", "LabelMaskRules", "LabelRules", "PredictionRules", "TruthRules"]

_LABELS = "label maps"
_MASKS = "one mask a class"
_REFINEMENT = "refinement"


class LabelRules(Rules):
    """The ids of a label map."""

    NOT_FINITE = Rule("refused", _LABELS, "label with {count} NaN or infinite voxels")
    NOT_WHOLE = Rule("refused", _LABELS, "label values that are not integers: {values}")
    OUTSIDE = Rule("refused", _LABELS, "label ids outside {allowed}: {ids}")
    OUTSIDE_SET = Rule("refused", _LABELS, "label ids outside {allowed}: {ids} (label set {name})")
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
    NONE_FOUND = Rule("warned", "swinx data check", "none of the annotated classes occurs in it: {names}")
    UNLISTED = Rule(
        "warned",
        "swinx data check, training, refinement",
        "classes that occur but are not listed as annotated: {names}; what is labelled stays, and more of them may be "
        "elsewhere",
    )
    VOLUME = Rule("warned", "swinx data check", "class {number} {name!r} has {volume}, {relation} than {limit}")
    OTHER_NUMBERING = Rule("warned", "swinx data check", "{found}: is this another numbering?")
    IS_OTHER = Rule("refused", "swinx data check", "{here} is the {there}")
    CONTRADICTS = Rule(
        "refused",
        "swinx data check",
        "its numbers contradict those of {others} other labels by volumes and places: {moved} there; give it a "
        "label_map, or check the orientation of its file",
    )
    SIDES = Rule(
        "warned",
        "swinx data check",
        "right and left are exchanged, in the label or in the orientation of the file: {pairs}",
    )


class CollectionRules(Rules):
    """The labels of a collection as a whole."""

    COMPLETE = Rule(
        "warned",
        "swinx data check",
        "{count} labels without a record of annotated classes are taken as complete: a class that does not occur "
        "counts as looked for and not found: {cases}",
    )
    OUTSIDE = Rule(
        "refused",
        "swinx data check",
        "numbers that are no class of the label set {name}, by any label_map, in {count} labels: {numbers} ({cases}); "
        "give a label_map that has them",
    )
    LEFT_OUT = Rule(
        "skipped",
        "swinx data check",
        "{count} masks or regions have names of no class of the label set {name}, and are left out: {names}",
    )
    UNKNOWN = Rule(
        "warned", "swinx data check", "voxels of unknown class in {count} of {total} labels, up to {most:.3g} % of one"
    )
    UNLISTED = Rule("warned", "swinx data check", "classes that are not listed as annotated in {count} labels: {cases}")
    VOLUMES = Rule("warned", "swinx data check", "implausible volumes in {count} of {total} labels: {classes}")
    SIDES = Rule("warned", "swinx data check", "right and left exchanged in {count} of {total} labels: {classes}")
    OTHER_SET = Rule(
        "warned",
        "swinx data check",
        "{count} of {total} labels fit the numbers of the label set {fits} better than those of the label set {name}; "
        "if they follow it, say so by labels or label_map",
    )
    TWO = Rule(
        "warned",
        "swinx data check",
        "{count} of {total} labels differ from the others by numbers, volumes or sides, as if of another "
        "numbering: {cases}",
    )
    CONTRADICT = Rule(
        "refused",
        "swinx data check",
        "{count} labels have another numbering than {others} others, by volumes and places of their classes: {moved} "
        "there ({cases}); give them a label_map, by entry or source",
    )
    FITS = Rule(
        "warned",
        "swinx data check",
        "{count} of these fit the numbers of the label set {fits} better; if they follow it, give them a label_map",
    )


class LabelMaskRules(Rules):
    """Labels that are a mask for each class, and the regions of an RTSTRUCT, which become masks."""

    NO_CLASS = Rule(
        "refused",
        _MASKS,
        "none of {count} masks is named as a class of the label set {name}: {found}; rename them, or give aliases to "
        "the classes",
    )
    TWO = Rule("refused", _MASKS, "{first} and {second} are both masks of {name}; keep one")
    NOT_A_MASK = Rule("refused", _MASKS, "holds the numbers {values}; a mask has 0 and one other")
    OTHER_GRID = Rule(
        "refused",
        _MASKS,
        "a grid {difference:.3g} mm from that of {first}; all masks of a case need one grid",
    )
    OTHER_SHAPE = Rule("refused", _MASKS, "shape {shape}, and {first} has {other}; all masks of a case need one grid")
    OVERLAP = Rule(
        "refused",
        _MASKS,
        "the masks of {first} and {second} share {count} voxels, {percent:.3g} % of the smaller one; correct them, or "
        "say in the label set that one lies inside the other",
    )
    FEW_SHARED = Rule(
        "warned", _MASKS, "the masks of {first} and {second} share {count} voxels, which count as {winner}"
    )
    ABSENT = Rule("warned", _MASKS, "no mask of {names}: not annotated here")
    CLAIMED = Rule(
        "warned",
        _MASKS,
        "annotated lists {names}, of which there is no mask: taken as looked for and not found; if that is wrong, take "
        "them out of annotated",
    )
    OTHER_CLASSES = Rule("skipped", _MASKS, "{count} masks are of no class of the label set {name}: {names}")


class TruthRules(Rules):
    """The parts of a refined label."""

    NOT_WHOLE = Rule("refused", _REFINEMENT, "{what} holds {low} to {high}; a label map holds whole class ids")
    OUTSIDE = Rule("refused", _REFINEMENT, "{what} holds ids {ids}; class ids are 0..{last}, and {unknown} unknown")
    OTHER_GRID = Rule("refused", _REFINEMENT, "label and pseudo label do not fit together: {detail}")


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
