"""Rules about names, paths and text: case names, entries of a data list, JSON and CSV files."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["EntryRules", "NameRules", "TextRules"]

_NAMES = "names of cases"
_ENTRIES = "entries of a data list"
_LISTS = "data lists"


class NameRules(Rules):
    """Names under which no result can be filed. The case is reported as failed and the batch goes on."""

    NO_TEXT = Rule("refused", _NAMES, "case {case} cannot name an output file: it is no text; write it in quotes")
    EMPTY = Rule("refused", _NAMES, "case {case!r} cannot name an output file: it is empty; give it a name")
    FOLDER = Rule(
        "refused", _NAMES, "case {case!r} cannot name an output file: / and \\ stand between folders; rename it"
    )
    HIDDEN = Rule(
        "refused", _NAMES, "case {case!r} cannot name an output file: files with a leading dot are hidden; rename it"
    )
    CONTROL = Rule(
        "refused",
        _NAMES,
        "case {case!r} cannot name an output file: it has line breaks or control characters; rename it",
    )
    NOT_UNICODE = Rule(
        "refused", _NAMES, "case {case!r} cannot name an output file: the name is not valid UTF-8; rename the file"
    )
    LONG = Rule(
        "refused",
        _NAMES,
        "case {case!r} cannot name an output file: {found} bytes, and {allowed} leave room for endings; shorten it",
    )


class EntryRules(Rules):
    """Entries of a data list, and the list as a whole."""

    NO_OBJECT = Rule("refused", _ENTRIES, "{entry} is not an object with 'image'")
    NO_KEY = Rule("refused", _ENTRIES, "key {key!r} is missing; the entry has {keys}")
    MISSPELT = Rule(
        "warned",
        _ENTRIES,
        "{path}: {key!r} of {count} entries in {section!r} means nothing here; did you mean {nearest!r}?",
    )
    NO_PATH = Rule("refused", _ENTRIES, "{key} is {value}, not a path")
    OUTSIDE = Rule(
        "refused",
        _ENTRIES,
        "{key} {value} is outside the data directory {allowed}; name its folder under roots (swinx data list --roots)",
    )
    MISSING = Rule("refused", _ENTRIES, "{key} {path} does not exist")
    TWICE = Rule("refused", _ENTRIES, "case {case!r} is already entry {first}")
    SHARED_FILE = Rule(
        "refused",
        "data lists in refinement",
        "{path}: {place}: cases {first!r} and {other!r} would share a file; rename one",
    )
    CLASS_IDS = Rule("refused", _ENTRIES, "{key} is {value}; give a list of class ids in {ids}, or of names of classes")
    LABEL_MAP = Rule(
        "refused",
        _ENTRIES,
        "{key} is {value}; give an object of numbers and names of classes, or the name or file of a label set",
    )
    OTHER_MEANING = Rule(
        "refused",
        "data lists with a label_map",
        "{key} holds {number}, which is {here} in the label set and {there} in the label file, by its label_map; give "
        "the names of the classes",
    )
    NO_SOURCE = Rule("refused", _ENTRIES, "label_maps has no map for source {source}; it has {known}")
    NOT_PLAIN = Rule(
        "refused",
        _ENTRIES,
        "{key} is {value}; give a number, true, false, null, up to 1024 characters of text that do not begin with $, @ "
        "or %, or lists or objects of these",
    )
    UNICODE_FORM = Rule(
        "repaired",
        _ENTRIES,
        "{key} {path} exists under a name of other Unicode composition (NFC or NFD), which is used",
    )
    HEAD = Rule("refused", _LISTS, "{path}: {key} is {value}; give {wanted}")
    WIDE_ROOT = Rule(
        "refused",
        _LISTS,
        "{path}: roots names {root}, which is a whole disk or home folder, or holds one; name the folder of the data",
    )
    NEAR_SECTION = Rule(
        "warned",
        _LISTS,
        "{path}: {found!r} is no section and is not read; is {meant!r} meant?",
    )


class TextRules(Rules):
    """JSON and CSV files as a whole."""

    UNREADABLE = Rule("refused", "JSON files", "{path}: not {kind}: {detail}")
    KEY_TWICE = Rule(
        "refused",
        "JSON files",
        "{path}: not {kind}: key {key!r} stands twice in one object; remove or rename one of them",
    )
    NO_TABLE = Rule("refused", "CSV files", "{path}: not a table: {detail}")
