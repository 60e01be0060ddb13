"""``swinx settings``: the settings of bundle runs, by name."""

from __future__ import annotations

from swinx.bundle import SETTINGS, nearest
from swinx.cli.front.terminal import say
from swinx.errors import BundleError
from swinx.rules import SettingRules
from swinx.visible_text import visible

__all__ = ["settings"]


def settings(*names: str) -> None:
    """Print meaning and values of settings, one line each.

    Args:
        names: Settings, such as max_epochs; all by default.
    """
    for name in names or SETTINGS:
        if name not in SETTINGS:
            raise BundleError(SettingRules.UNKNOWN.says(name=visible(name), nearest=nearest(str(name), SETTINGS)))
        row = SETTINGS[name]
        say(f"--{name}: {row.meaning.replace('`', '')}; {row.wanted} ({', '.join(row.stages)})")
