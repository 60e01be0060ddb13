"""Rules about data lists as a whole, and about manifests of annotated classes."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["CollectionListRules", "ListRules", "ManifestRules"]

_LISTS = "data lists"
_MANIFESTS = "manifests of annotated classes"
_COLLECTIONS = "swinx data list"


class ListRules(Rules):
    """The list and its sections."""

    UNREADABLE = Rule("refused", _LISTS, "{path}: cannot read the data list: {detail}")
    NO_OBJECT = Rule("refused", _LISTS, "{path}: a data list is an object of sections, not a {kind}")
    NO_SECTION = Rule("refused", _LISTS, "{path}: no section {section!r}; choose one of {sections}")
    SECTION_KIND = Rule("refused", _LISTS, "{path}: section {section!r} is a {kind}, not a list of entries")
    LEFT_OUT = Rule(
        "warned",
        _LISTS,
        "{path}: classes of the list that the label set in use lacks count as background: {names}",
    )
    EMPTY_SECTION = Rule("refused", _LISTS, "{path}: section {section!r} is empty; with cases are: {filled}")
    FAULTS = Rule("refused", "data lists in training", "{path}: {count} fault(s) in section {section!r}:{faults}")
    TWO_SECTIONS = Rule("warned", "swinx data check", "listed under {first} and under {other}")
    NOTHING = Rule("refused", "swinx data check", "{path}: no entries to check; sections: {sections}")
    ABSENT = Rule(
        "warned",
        "data lists in training",
        "annotated in no training case and taken as absent, so that they are never predicted: {classes}",
    )
    NUMBERINGS = Rule(
        "warned",
        "data lists in training, refinement",
        "label files of two numberings: {count} of {looked} that were looked at (of {total}) contradict {others} "
        "others, {moved} there: {cases}; give them a label_map; swinx data check names all of them",
    )
    UNKNOWN_SECTIONS = Rule(
        "refused", "data lists that are written", "{path}: unknown sections {sections}; a data list has {known}"
    )
    OUTSIDE = Rule(
        "refused",
        "data lists that are written",
        "{path}: {key} {file} is outside the data directory {folder}; give its folder as one of the roots (--roots)",
    )


class ManifestRules(Rules):
    """Manifests of annotated classes by case."""

    UNREADABLE = Rule("refused", _MANIFESTS, "{path}: cannot read the manifest: {detail}")
    NO_OBJECT = Rule("refused", _MANIFESTS, "{path}: a manifest is an object of cases, not a {kind}")
    COLUMNS = Rule(
        "refused",
        _MANIFESTS,
        "{path}: not a manifest of annotated classes: columns {columns} instead of case, annotated",
    )
    UNUSED = Rule("warned", _MANIFESTS, "{path}: {count} rows match no case, which may be misspelt: {rows}")
    UNCOVERED = Rule("warned", _MANIFESTS, "{path}: {count} labelled cases have no row and count as complete: {cases}")
    INFERRED = Rule(
        "warned",
        "swinx data flare, refinement",
        "{path}: {count} labelled cases have no row, and what occurs in them counts as annotated: {cases}",
    )
    TWICE = Rule("refused", _MANIFESTS, "{path}: case {case} has two rows")
    CLASS_IDS = Rule(
        "refused", _MANIFESTS, "{source}: {value} is not a list of class ids in {ids}, or of names of classes"
    )
    NO_ID = Rule(
        "refused",
        _MANIFESTS,
        "{path}: not a manifest of annotated classes: {case}: {word} is no class id; write ids with blanks between, "
        "as in 1 2 13, or names with ; between",
    )


class CollectionListRules(Rules):
    """Collections of which a data list is made."""

    NO_FOLDER = Rule("refused", _COLLECTIONS, "{folder}: no such folder")
    NO_LAYOUT = Rule(
        "refused",
        _COLLECTIONS,
        "{folder}: the layout is none of these: {layouts}; give patterns, such as --image '**/{{case}}/ct.nii.gz' "
        "--label '**/{{case}}/seg.nii.gz'",
    )
    NO_CASE = Rule("refused", _COLLECTIONS, "{folder}: no scan found ({layout}){reason}")
    NO_LABEL = Rule("refused", _COLLECTIONS, "--label {pattern}: matches nothing in {folder}")
    PATTERN = Rule(
        "refused", _COLLECTIONS, "{pattern}: {part} is unknown in a pattern; known are *, ?, **/ and {{case}}"
    )
    LABELS = Rule("refused", _COLLECTIONS, "{folder}: {detail}; give the label set by --labels")
    DATASET = Rule("refused", _COLLECTIONS, "{path}: {entry} names no files of a case")
    TABLE = Rule("refused", _COLLECTIONS, "{path}: cannot read the table: {detail}")
    LABEL_MAP = Rule(
        "refused",
        _COLLECTIONS,
        "--label_map {given}: give JSON of numbers and class names, or of sources with such a map each, or a file of "
        "it, or the name of a label set",
    )
    LOST_MAPS = Rule(
        "refused",
        _COLLECTIONS,
        "{path}: the list that is there has {maps}, which the new one would not have; give the maps by --label_map, or "
        "another --out",
    )
    SOURCE = Rule("refused", _COLLECTIONS, "--source {pattern}: is no regular expression: {detail}")
    NO_SOURCE = Rule(
        "refused",
        _COLLECTIONS,
        "--label_map has a map for each of {sources}; give --source, an expression that finds them in paths of scans",
    )
    OTHER_SOURCE = Rule("refused", _COLLECTIONS, "--label_map has no map for source {source}; it has {sources}")
    WITHOUT_MAP = Rule(
        "refused",
        _COLLECTIONS,
        "{count} of {total} paths of scans do not match --source {pattern}, such as {path}, and --label_map has maps "
        "by source alone; give an expression that matches all",
    )
    WITHOUT_SOURCE = Rule(
        "warned", _COLLECTIONS, "{count} of {total} paths of scans do not match --source {pattern}: they have no source"
    )
    FRACTION = Rule("refused", _COLLECTIONS, "--validation {fraction}: give a part from 0 to below 1, such as 0.2")
    FOLDS = Rule(
        "refused", _COLLECTIONS, "--folds {folds}: give at least 2, and at most one for each of {patients} patients"
    )
    EXPRESSION = Rule("refused", _COLLECTIONS, "--patient {pattern}: is no regular expression: {detail}")
    TWICE = Rule("skipped", _COLLECTIONS, "case {case!r} is {other} already; give a pattern with a unique {{case}}")
    TWO_LABELS = Rule("skipped", _COLLECTIONS, "two labels: {first} and {other}")
    NO_IMAGE = Rule("skipped", _COLLECTIONS, "no scan of case {case}")
    MISSING = Rule("skipped", _COLLECTIONS, "{path} does not exist")
    CHANNELS = Rule("warned", _COLLECTIONS, "{count} files of further channels in {folder} are not used")
    SPLIT_OF = Rule("warned", _COLLECTIONS, "training, validation and testing are those of {path}")
    NO_LABELS = Rule("warned", _COLLECTIONS, "no label set is named, and {name} is taken; give another by --labels")
    BY_NAME = Rule(
        "warned",
        _COLLECTIONS,
        "classes of --labels are those of the same name in {layout}, whose numbers the label files have; left out: "
        "{lacking}",
    )
    RENAMED = Rule(
        "warned",
        _COLLECTIONS,
        "no class of --labels has the name of one of {layout} ({names}); label files are taken to have the numbers of "
        "--labels",
    )
    NO_PATIENT = Rule(
        "warned",
        _COLLECTIONS,
        "{count} of {total} names of cases do not match --patient {pattern}: each is one of its own",
    )
    HELD_OUT = Rule("warned", _COLLECTIONS, "{count} cases are held out for validation (seed {seed})")
