"""Rules about figures: what is not scored, not averaged, or not taken from a teacher."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["ScoreRules", "TeacherRules"]


class ScoreRules(Rules):
    """Scores, their averages and their intervals."""

    UNKNOWN_VOXELS = Rule(
        "warned",
        "references",
        "{count} voxels of the reference ({percent:.1f} %) are 255, unknown, and are not scored",
    )
    OTHER_NUMBERS = Rule(
        "refused",
        "predictions",
        "{source}: the predictions have {recorded}, and the label set in use has {given}; give --labels as "
        "they were made with",
    )
    NO_CLASSES = Rule(
        "refused",
        "label maps",
        "{source}: nothing says what the numbers in these files mean, neither the record of an inference nor a "
        "datalist.json beside them; name their label set by {option}, such as flare23 or a file",
    )
    NUMBERS_ALONE = Rule(
        "warned",
        "predictions",
        "{source} has names and numbers of the classes alone: colours and codes are taken from known structures of "
        "these names, surface tolerances are 2 mm, and no class is a lesion; give --labels if these are others",
    )
    KNOWN_NUMBERS = Rule(
        "warned",
        "predictions",
        "{source} has names and numbers of the classes alone, which are those of the label set {name}: it is taken",
    )
    NOT_ANNOTATED = Rule(
        "warned",
        "references",
        "{count} values are left out, since {source} says that the class was not annotated in the case, or that a "
        "network labelled it",
    )
    NO_REFERENCE = Rule(
        "warned",
        "scores",
        "no reference has {classes}: not in the averages",
    )
    FEW_PATIENTS = Rule(
        "warned",
        "scores",
        "no confidence intervals: {patients} of {cases} cases, and an interval takes {least} independent patients",
    )
    OTHER_CLASSES = Rule(
        "refused",
        "protocols of scoring",
        "protocol flare23 is for the classes of FLARE-23, and the label set {name} has others; give protocol standard",
    )
    TWO_SETS = Rule(
        "refused",
        "comparisons of scores",
        "the two tables are of the label sets {first} and {second}, which differ in {difference}; score both by one",
    )
    NOT_LISTED = Rule(
        "warned",
        "scores",
        "{missing} of {total} references are not in {source}: all their classes are scored, and each counts as a "
        "patient of its own: {cases}",
    )
    LIST_UNUSABLE = Rule(
        "warned",
        "scores",
        "{source} lies beside the references and is not used: {detail}; all classes are scored",
    )
    LABELS_UNUSABLE = Rule(
        "warned",
        "label maps",
        "{source} lies beside the files and its label set is not used: {detail}; give --labels",
    )
    PATIENT = Rule("refused", "entries of data lists", "{key} is {value}; give the patient as a text or a whole number")


class TeacherRules(Rules):
    """Organs of a teacher that cannot be true."""

    IMPLAUSIBLE = Rule(
        "warned",
        "refinement",
        "the teacher's {organ} measures {found} ml, outside {low:g}..{high:g} ml; it is not taken, and nothing is "
        "known of it where it was not annotated",
    )
    BAD_TEACHER = Rule(
        "warned",
        "refinement",
        "WARNING, BAD TEACHER? Organs of implausible volume were not taken in {cases} of {total} cases: {counts}. See "
        "the column implausible of cases.csv, and look at the teacher's predictions; --check_volumes False takes them "
        "all the same",
    )
    RANGES = Rule(
        "refused",
        "files of volume ranges",
        "{path}: {detail}; give an object of class names, each with [least, largest] in ml",
    )
