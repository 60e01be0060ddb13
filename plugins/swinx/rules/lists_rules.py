"""Rules about data lists as a whole, and about manifests of annotated classes."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["ListRules", "ManifestRules"]

_LISTS = "data lists"
_MANIFESTS = "manifests of annotated classes"


class ListRules(Rules):
    """The list and its sections."""

    UNREADABLE = Rule("refused", _LISTS, "{path}: cannot read the data list: {detail}")
    NO_OBJECT = Rule("refused", _LISTS, "{path}: a data list is an object of sections, not a {kind}")
    NO_SECTION = Rule("refused", _LISTS, "{path}: no section {section!r}; choose one of {sections}")
    SECTION_KIND = Rule("refused", _LISTS, "{path}: section {section!r} is a {kind}, not a list of entries")
    EMPTY_SECTION = Rule("refused", _LISTS, "{path}: section {section!r} is empty")
    FAULTS = Rule("refused", "data lists in training", "{path}: {count} fault(s) in section {section!r}:{faults}")
    TWO_SECTIONS = Rule("warned", "swinx data check", "listed under {first} and under {other}")
    NOTHING = Rule("refused", "swinx data check", "{path}: no entries to check; sections: {sections}")
    ABSENT = Rule(
        "warned",
        "data lists in training",
        "annotated in no training case and taken as absent, so that they are never predicted: {classes}",
    )
    UNKNOWN_SECTIONS = Rule(
        "refused", "data lists that are written", "{path}: unknown sections {sections}; a data list has {known}"
    )
    OUTSIDE = Rule(
        "refused", "data lists that are written", "{path}: {key} {file} is outside the data directory {folder}"
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
