"""Runs of bundles: the table of their settings, checks of them, and how a run ends."""

from __future__ import annotations

from swinx.bundle.check_settings import check_run_settings, read_setting, read_settings
from swinx.bundle.error_report import end_with_reason
from swinx.bundle.setting import Setting
from swinx.bundle.setting_fault import setting_fault
from swinx.bundle.settings_table import SECTIONS, SETTINGS, nearest

__all__ = [
    "SECTIONS",
    "SETTINGS",
    "Setting",
    "check_run_settings",
    "end_with_reason",
    "nearest",
    "read_setting",
    "read_settings",
    "setting_fault",
]
