"""Rules about the settings of a run: names, kinds, ranges, and what the command line made of a text."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["RelationRules", "SettingRules"]

_RUNS = "settings of a bundle run"


class SettingRules(Rules):
    """Faults of one setting."""

    UNKNOWN = Rule("refused", _RUNS, "there is no setting {name}{nearest} (swinx settings lists all)")
    VALUE = Rule("refused", _RUNS, "{name} is {value}; give {wanted}")
    NO_VALUE = Rule("refused", "settings of the commands of stages", "--{name} needs a value: {wanted}")
    UNUSED = Rule("warned", _RUNS, "{name} has no effect on this run: nothing in its configuration takes it{nearest}")
    NONE_DROPPED = Rule(
        "repaired",
        _RUNS,
        "{name} None: MONAI drops settings that are None; taken as none, which can be written as none",
    )
    NONE_REFUSED = Rule(
        "refused", _RUNS, "{name} None: MONAI drops settings that are None, and {name} cannot be none; give {wanted}"
    )
    PATH_LOST = Rule(
        "refused",
        f"{_RUNS}, paths of swinx commands",
        "{name} was read as {value}, {kind}, not as a path; write ./ in front of the name, such as ./1e5",
    )
    PATH_HASH = Rule(
        "refused", _RUNS, "{name} is {value}, and MONAI replaces # in texts; rename the folder, or give a link to it"
    )
    OVERLAY = Rule("refused", _RUNS, '{name} is an overlay; give --config_file "[{files}]"')
    PATH_OF_FLAG = Rule(
        "refused",
        "paths of swinx commands",
        "a path is {value}, as of an option without a value; give the path, or write ./{value}",
    )


class RelationRules(Rules):
    """Contradictions between two settings."""

    WARMUP = Rule(
        "refused", _RUNS, "warmup_epochs is {warmup}, longer than the run of {epochs} epochs; give {epochs} or less"
    )
    DEFAULT_WARMUP = Rule(
        "warned",
        _RUNS,
        "the warm-up of {warmup} epochs is longer than the run of {epochs}: the learning rate stays below its setting; "
        "give --warmup_epochs {epochs} or less",
    )
    NO_AIR = Rule("refused", _RUNS, "skip_air is about air in HU, and intensity is {intensity}; give --skip_air False")
    DIVISIBLE = Rule("refused", _RUNS, "roi_size is {value}, whose sides are no multiples of {divisor}; give {example}")
    REGION = Rule("refused", _RUNS, "region_size is {region}, smaller than roi_size {roi}; give at least {roi}")
    BLOCKS = Rule(
        "refused",
        _RUNS,
        "block_size is {value}, which does not fit roi_size {roi} and patch tokens of {token} voxels; give one of "
        "{examples}",
    )
    MASKED = Rule(
        "refused",
        _RUNS,
        "mask_ratio is {value}, which masks {masked} of {blocks} blocks; give a number that masks some and leaves some",
    )
    HEADS = Rule(
        "refused",
        _RUNS,
        "num_heads is {heads}, and stage {stage} has {channels} channels for embed_dim {dim}, which {head} does not "
        "divide; give numbers that do",
    )
    STAGES = Rule(
        "refused",
        _RUNS,
        "num_heads is {heads} and depths is {depths}, of another length; give one number a stage to each",
    )
    WINDOW = Rule("refused", _RUNS, "window_hu is {value}, whose first number is not below the second; exchange them")
    NO_PATCH = Rule(
        "refused", _RUNS, "positive_patches and negative_patches are both 0; give at least 1 to one of them"
    )
