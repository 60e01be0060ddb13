"""A bundle's folder, configuration and settings."""

from __future__ import annotations

from swinx.bundle.bundle_folders import (
    SHIPPED,
    bundle_folder,
    bundle_folders,
    chosen_bundle,
    is_installed,
    output_root,
    own_weights,
)
from swinx.bundle.bundle_root import find_bundle_root, require_plugin
from swinx.bundle.check_settings import check_run_settings, read_setting, read_settings
from swinx.bundle.configuration import (
    PLACES,
    active_configuration,
    active_settings,
    flat_settings,
    settings_of,
    settings_of_network,
)
from swinx.bundle.overlays import check_overlay, overlays_of
from swinx.bundle.settings.relations import broken_relation
from swinx.bundle.settings.setting import Setting
from swinx.bundle.settings.setting_fault import setting_fault
from swinx.bundle.settings.settings_table import SECTIONS, SETTINGS, nearest

__all__ = [
    "PLACES",
    "SECTIONS",
    "SETTINGS",
    "SHIPPED",
    "Setting",
    "active_configuration",
    "active_settings",
    "broken_relation",
    "bundle_folder",
    "bundle_folders",
    "check_overlay",
    "check_run_settings",
    "chosen_bundle",
    "find_bundle_root",
    "flat_settings",
    "is_installed",
    "nearest",
    "output_root",
    "overlays_of",
    "own_weights",
    "read_setting",
    "read_settings",
    "require_plugin",
    "setting_fault",
    "settings_of",
    "settings_of_network",
]
