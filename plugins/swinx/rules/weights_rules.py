"""Rules about weights and the runs that use them."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["WeightsRules"]

_RUNS = "inference, evaluation, export, packing with weights"


class WeightsRules(Rules):
    """Settings and classes of a run against those of the training of its weights."""

    NO_RECORD = Rule(
        "warned",
        _RUNS,
        "there is no record {record} beside the weights: voxel size, window and classes are those of the configuration",
    )
    OTHER_NETWORK = Rule(
        "refused",
        _RUNS,
        "{path}: {name} is {given}, and these weights were trained with {recorded}; leave {name} out, or give other "
        "weights",
    )
    OTHER_PREPROCESSING = Rule(
        "warned",
        _RUNS,
        "{path}: {name} is {given}, and these weights were trained with {recorded}: the labels get worse the more they "
        "differ; leave {name} out for that of the training",
    )
    PRETRAINED_OTHERWISE = Rule(
        "warned",
        "training from other weights",
        "{path}: {name} is {given}, and these weights were pretrained with {recorded}: they help less the more these "
        "differ",
    )
    ENCODER_ONLY = Rule(
        "warned",
        "training from a whole network",
        "{path}: the encoder alone is taken over, and the decoder starts at random, since {reason}",
    )
    OTHER_CLASSES = Rule(
        "refused",
        _RUNS,
        "{path}: the label set given is not that of these weights: {difference}; leave labels out, or give other "
        "weights",
    )
    ROWS = Rule(
        "warned",
        "training from a whole network",
        "{path}: {matched} classes are taken over by name; new and initialised at random: {new}; left out: {lost}",
    )
