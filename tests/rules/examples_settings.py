"""Inputs that break the rules on settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rules.examples import example
from swinx.bundle import SETTINGS, read_setting, read_settings
from swinx.bundle.overlays import overlay_fault
from swinx.cli.front.terminal import check_paths
from swinx.errors import BundleError, DataListError
from swinx.rules import RelationRules, SettingRules


def told(given: dict[str, Any], **defaults: Any) -> str:
    """What a run says of settings that are given, in a configuration that uses the default ones."""
    names = dict.fromkeys(["embed_dim", *defaults])
    configuration = {**defaults, "network_def": {"_target_": "Net", **{name: f"@{name}" for name in names}}}
    configuration |= {name: value for name, value in given.items() if value is not None}
    try:
        return "\n".join(read_settings(configuration, given)[1])
    except BundleError as error:
        return str(error)


@example(SettingRules.UNKNOWN)
def misspelt_name(_: Path) -> str:
    return told({"overlpa": 0.3}, overlap=0.5)


@example(SettingRules.VALUE)
def value_out_of_range(_: Path) -> str:
    return told({"flip_prob": 2}, flip_prob=0.5)


@example(SettingRules.UNUSED)
def setting_of_another_command(_: Path) -> str:
    return told({"max_epochs": 3}, overlap=0.5)


@example(SettingRules.NONE_DROPPED)
def none_where_it_can_be(_: Path) -> str:
    return told({"pretrained": None}, pretrained="a.pt")


@example(SettingRules.NONE_REFUSED)
def none_where_it_cannot_be(_: Path) -> str:
    return told({"max_epochs": None}, max_epochs=3)


@example(SettingRules.PATH_LOST)
def path_that_became_a_number(_: Path) -> str:
    return told({"output_dir": 1e5}, output_dir="out")


@example(SettingRules.PATH_HASH)
def path_with_a_hash(folder: Path) -> str:
    with pytest.raises(BundleError, match="MONAI replaces #") as caught:
        read_setting(SETTINGS["dataset_dir"], f"{folder}/a#b")
    return str(caught.value)


@example(SettingRules.OVERLAY)
def overlay_alone(_: Path) -> str:
    return str(overlay_fault({"evaluate": "%run", "run": []}, Path("bundles/swinx_seg")))


@example(SettingRules.PATH_OF_FLAG)
def option_without_its_path(_: Path) -> str:
    with pytest.raises(DataListError, match="option without a value") as caught:
        check_paths("True")
    return str(caught.value)


@example(RelationRules.WARMUP)
def warm_up_longer_than_the_run(_: Path) -> str:
    return told({"warmup_epochs": 20, "max_epochs": 10}, warmup_epochs=5, max_epochs=100)


@example(RelationRules.DEFAULT_WARMUP)
def default_warm_up_longer_than_the_run(_: Path) -> str:
    return told({"max_epochs": 2}, warmup_epochs=5, max_epochs=100)


@example(RelationRules.NO_AIR)
def windows_of_air_without_hu(_: Path) -> str:
    return told({"skip_air": True, "intensity": "zscore"}, skip_air=False, intensity="hu_window")


@example(RelationRules.DIVISIBLE)
def window_that_does_not_fit(_: Path) -> str:
    return told({"roi_size": [100, 96, 96]}, roi_size=[96] * 3, embed_dim=48, depths=[2] * 4)


@example(RelationRules.REGION)
def region_smaller_than_the_window(_: Path) -> str:
    return told({"region_size": [64] * 3}, roi_size=[96] * 3, region_size=[128] * 3)


@example(RelationRules.BLOCKS)
def blocks_that_do_not_fill_a_view(_: Path) -> str:
    return told({"block_size": 7}, roi_size=[96] * 3, block_size=16, mask_ratio=0.7)


@example(RelationRules.MASKED)
def a_ratio_that_leaves_nothing_visible(_: Path) -> str:
    return told({"mask_ratio": 1}, roi_size=[96] * 3, block_size=16, mask_ratio=0.7)


@example(RelationRules.HEADS)
def heads_that_do_not_divide(_: Path) -> str:
    return told({"num_heads": [5, 6, 12, 24]}, embed_dim=48, num_heads=[3, 6, 12, 24])


@example(RelationRules.STAGES)
def stages_of_other_numbers(_: Path) -> str:
    return told({"depths": [2, 2]}, depths=[2] * 4, num_heads=[3, 6, 12, 24])


@example(RelationRules.WINDOW)
def window_upside_down(_: Path) -> str:
    return told({"window_hu": [250, -250]}, window_hu=[-250, 250])


@example(RelationRules.NO_PATCH)
def no_patch_at_all(_: Path) -> str:
    return told({"positive_patches": 0, "negative_patches": 0}, positive_patches=2, negative_patches=2)
