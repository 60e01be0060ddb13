"""Rules about label sets, and about numbers in label files."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["LabelSetRules"]

_SET = "label sets"
_MAP = "label_map"


class LabelSetRules(Rules):
    """Label sets, and maps from the numbers in label files to classes."""

    NO_SET = Rule(
        "refused", _SET, "{source}: no label set {given}; give one of {known}, a JSON file, or names and numbers"
    )
    NO_FILE = Rule("refused", _SET, "{source}: no such file {given}; give a JSON file, or one of {known}")
    RESERVED = Rule("refused", _SET, "{source}: {name} cannot name a class, since it means {meaning}; rename it")
    CIRCLE = Rule("refused", _SET, "{source}: {names} lie inside each other; leave out inside of one of them")
    CHANGED = Rule(
        "refused",
        "label sets in records",
        "{source}: names or numbers of classes were changed after the record was written; restore it, or take out "
        "sha256 if the change is right",
    )
    KEY = Rule("refused", _SET, "{source}: unknown entry {key}; a label set has name, description, labels and classes")
    NAME = Rule(
        "refused", _SET, "{source}: {name} is no name of a class; give a text of at most {longest} characters on a line"
    )
    NUMBER = Rule(
        "refused", _SET, "{source}: class {name} has the number {value}; give one whole number from 0 on for each class"
    )
    TWICE = Rule("refused", _SET, "{source}: classes {first} and {second} are both called {name}; rename one")
    ALIKE = Rule(
        "refused",
        _SET,
        "{source}: classes {first} and {second} have one name; case, order of words and Unicode form do not "
        "tell names apart; rename one",
    )
    SAME_NUMBER = Rule("refused", _SET, "{source}: classes {first} and {second} both have the number {value}")
    NO_BACKGROUND = Rule("refused", _SET, "{source}: number 0 must be the class background, and no other")
    NO_CLASSES = Rule("refused", _SET, "{source}: there is no class but background; name at least one")
    TOO_MANY = Rule(
        "refused",
        _SET,
        "{source}: {count} classes up to number {largest}; label maps tell numbers up to {most}, and 255 is unknown",
    )
    FACTS_OF = Rule("refused", _SET, "{source}: classes has {name}, which labels does not name")
    FACT = Rule("refused", _SET, "{source}: class {name} has the unknown entry {key}; known are {known}")
    FACT_VALUE = Rule("refused", _SET, "{source}: class {name} has {key} {value}; give {wanted}")
    OTHER_CLASS = Rule("refused", _SET, "{source}: class {name} refers to {other}, which is no other class of the set")
    ONE_SIDED = Rule("refused", _SET, "{source}: the mirror of {name} is {other}, but not the other way round")
    ALIAS = Rule("refused", _SET, "{source}: {alias} is a name of both {first} and {second}")
    PAIRS = Rule("warned", _SET, "{source}: by their names these classes are partners of left and right: {pairs}")
    NO_CLASS = Rule("refused", "class names and ids", "{source}: {given} is no class of the label set; {known}")
    BACKGROUND_GIVEN = Rule("refused", "class names and ids", "{source}: background cannot be given here")
    NO_MAP = Rule(
        "refused",
        _MAP,
        "{source}: no label map {given}; give numbers and names, a JSON file with a label set, or one of {known}",
    )
    MAP_NUMBER = Rule("refused", _MAP, "{source}: {number} stands where a number of the label files is needed")
    MAP_BACKGROUND = Rule("refused", _MAP, "{source}: number 0 is mapped to {name}; it must stay background")
    MAP_TWICE = Rule(
        "refused", _MAP, "{source}: numbers {first} and {second} are both mapped to {name}; map one to background"
    )
    MAP_EMPTY = Rule(
        "refused", _MAP, "{source}: no number is mapped to a class of the label set {name}; nothing would be left"
    )
