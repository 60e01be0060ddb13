"""Rules about files that come from others: data never becomes code, and nothing is sent where the user did not say."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["FileRules", "NnUNetRules", "PlainDataRules", "TrackingRules"]

_RECORDS = "sidecars, records, manifests, overrides"


class FileRules(Rules):
    """The kinds of files that are read."""

    NOT_REGULAR = Rule(
        "refused", "every file that is hashed or packed", "is {kind}, not a regular file, and is not read; give a file"
    )
    LINK_OUTSIDE = Rule(
        "refused",
        "swinx pack",
        "leads out of {folder} by a link, and is not packed; put the file itself in its place",
    )


class PlainDataRules(Rules):
    """Plain data, and settings that data pass to a configuration."""

    NO_OBJECT = Rule("refused", _RECORDS, "holds {kind} where an object with names stands; delete it, or copy it again")
    TOO_LARGE = Rule(
        "refused", _RECORDS, "has {found} bytes, and a file of this kind has at most {limit}; it is another file"
    )
    TOO_DEEP = Rule("refused", _RECORDS, "{key} is nested deeper than {limit} levels; plain data are not")
    TOO_MANY = Rule("refused", _RECORDS, "{key} has {found} entries, and at most {limit} are taken")
    LONG_TEXT = Rule("refused", _RECORDS, "{key} is a text of {found} characters, and at most {limit} are taken")
    CONTROL = Rule("refused", _RECORDS, "{key} is {value}, which holds control characters; plain data hold none")
    NOT_FINITE = Rule("refused", _RECORDS, "{key} is {value}, which JSON does not know as a number")
    NO_PLAIN_VALUE = Rule("refused", "settings", "{key} is {value}; give a number, a text, true, false or a list")
    COMPONENT = Rule(
        "refused",
        _RECORDS,
        "{key} has the name {name}, by which a configuration builds components; data build none",
    )
    OTHER_KIND = Rule("refused", _RECORDS, "{key} is {value}, where {wanted} stands; delete the file, or correct it")
    EXPRESSION = Rule(
        "refused",
        "settings in sidecars, in overrides, for swinx pack and swinx export",
        "{key} is {value}, and $, @ and % make a program of a text in a configuration; settings are plain values: "
        "correct it, or leave it out",
    )
    SETTING_NAME = Rule(
        "refused",
        "settings in sidecars, in overrides, for swinx pack and swinx export",
        "{name} is no name of a setting; a setting stands at the top of a configuration, under one word",
    )
    PROGRAM = Rule(
        "refused",
        "settings in sidecars, in overrides, for swinx pack and swinx export",
        "no override of {name} is taken: it is a part of the program of a configuration and no setting; leave it out",
    )


class NnUNetRules(Rules):
    """Names in the files of an nnU-Net model."""

    FOREIGN_CODE = Rule(
        "refused",
        "plans.json",
        "{key} is {value}, which nnU-Net would import and call; known are classes of dynamic_network_architectures and "
        "of torch.nn. If you trust it, predict by nnU-Net itself and give its output folder to PredictionFolderTeacher",
    )
    NO_NAME = Rule(
        "refused",
        "plans.json, dataset.json, checkpoints of nnU-Net",
        "{key} is {value}, where the name of a class or a function of nnU-Net stands",
    )


class TrackingRules(Rules):
    """Stores of runs that are contacted."""

    NOT_CONTACTED = Rule(
        "warned",
        "swinx lineage",
        "recorded at {address}, which is not contacted; give it as --tracking_uri to look there",
    )
    OTHER_STORE = Rule(
        "warned",
        "mlflow_run.json of a resumed run",
        "names the store {address}, which neither MLFLOW_TRACKING_URI nor mlflow.json name, and is not contacted; the "
        "run becomes a new one at {store}",
    )
    CREDENTIALS = Rule(
        "warned",
        "mlflow.json of a bundle",
        "names the server {address}, MLFLOW_TRACKING_URI does not, and {holder} would be sent there; tracking goes to "
        "{store}. Set MLFLOW_TRACKING_URI={address} if you trust it",
    )
    FOREIGN_ARTIFACTS = Rule(
        "warned",
        "SQLite files of MLflow",
        "keeps the artifacts of the run at {address}, another machine, and is not used",
    )
    NOT_LOOKED_AT = Rule(
        "warned", "swinx lineage", "not looked at: outside of the folders of the artefact and of the project"
    )
