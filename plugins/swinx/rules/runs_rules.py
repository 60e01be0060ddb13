"""Rules about runs: two at once, one that was killed, one that is resumed, caches, and the results of several."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["CacheRules", "LockRules", "ReadingRules", "ResultRules", "ResumeRules"]


class LockRules(Rules):
    """Locks on folders of results."""

    IN_USE = Rule(
        "refused",
        "output folders, checkpoints",
        "{place} is being written by another run: process {process} on {machine}, since {since}: {command}; wait for "
        "it, stop it, or choose another output folder",
    )
    NO_LOCK = Rule(
        "warned",
        "output folders without file locks",
        "{place} cannot be locked ({detail}); start no second run that writes there",
    )
    KEPT = Rule(
        "warned",
        "output folders without file locks",
        "{path} was written by another process since this run began, and is kept though its case failed here; is "
        "another run writing into this folder?",
    )
    REPLACED = Rule(
        "warned",
        "checkpoints of trainings",
        "{path}: weights are there that are not of the training in {folder}, and will be replaced; to keep them, stop "
        "this run and give another checkpoint",
    )


class CacheRules(Rules):
    """Prepared scans that trainings keep on the disk."""

    NO_FOLDER = Rule(
        "refused", "cache_dir of a training", "cache_dir {folder} cannot be made ({detail}); give another folder"
    )
    UNWRITTEN = Rule(
        "warned",
        "cache_dir of a training",
        "no more prepared scans are kept in {folder} ({detail}); they are read anew in every epoch",
    )
    DAMAGED = Rule("repaired", "cache_dir of a training", "{path} is damaged; its scan is read anew")


class ReadingRules(Rules):
    """The inputs of a result."""

    CHANGED = Rule(
        "refused", "scans and labels of a refinement", "was changed while the case was refined; start the run again"
    )


class ResumeRules(Rules):
    """States of trainings, and the trainings that may resume from them."""

    OTHER_SETTINGS = Rule(
        "refused",
        "training_state.pt of a training that is resumed",
        "it is the state of another training, with other settings ({difference})",
    )
    OTHER_DATA = Rule(
        "refused",
        "training_state.pt of a training that is resumed",
        "it is the state of another training, on other data ({difference})",
    )
    NO_BEST = Rule(
        "warned",
        "training_state.pt of a training that is resumed",
        "the best weights so far are not at {checkpoint}; the next validation counts as the best",
    )


class ResultRules(Rules):
    """Results and scores that belong together."""

    MIXED = Rule(
        "refused",
        "folders of predictions",
        "{folder} holds results of {sets} runs with other weights or settings ({ids}): {count} of one are {cases}; "
        "segment all cases into an empty folder",
    )
    STALE = Rule(
        "refused",
        "folders of predictions",
        "{path} is the record of another file than {prediction} is now; segment the case again, or delete the record",
    )
    DAMAGED = Rule(
        "refused",
        "folders of predictions",
        "{path} cannot be read as the record of a prediction; segment the case again, or delete it",
    )
    NO_RECORD = Rule(
        "warned",
        "folders of predictions",
        "{count} predictions have no record beside them: it is not known whether they are of the same weights and "
        "settings as the others ({cases})",
    )
    OTHER_SCORES = Rule(
        "refused",
        "swinx report",
        "the scores are of the results {scored}, and {folder} holds the results {found}; score them again",
    )
    CUT = Rule(
        "refused",
        "scores.csv",
        "{path} has {rows} cases, and the summary.json beside it is of {cases} or of others; score the cases again",
    )
    IMPOSSIBLE = Rule(
        "refused",
        "scores.csv",
        "{path}: {column} of {case} is {value}; a score is a number from 0 to 1, or nan where the class is not "
        "defined; score the cases again",
    )
    CHANGED = Rule(
        "refused",
        "scores.csv",
        "{path} was changed after it was written, as the summary.json beside it tells; score the cases again",
    )
    TWICE = Rule("refused", "scores.csv", "{path}: {case} has two rows; score the cases again")
    NO_COLUMN = Rule("refused", "scores.csv", "{path}: the column {column} is missing; score the cases again")
    UNKNOWN_COLUMN = Rule(
        "refused", "scores.csv", "{path}: {column} is no column of scores; give a scores.csv that `score` wrote"
    )
