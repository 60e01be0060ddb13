"""Files of a plan, and its table."""

from __future__ import annotations

import json
import os
from pathlib import Path

from swinx.bundle import SETTINGS, read_setting
from swinx.files import write_several_atomic
from swinx.planning.plan import Plan

__all__ = ["plan_table", "reasons_path", "write_plan"]


def write_plan(plan: Plan, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write the settings of a plan as an overlay, and its reasons beside it: both or none.

    Args:
        plan: The plan.
        path: JSON file of the overlay to appear, which holds plain values alone.

    Returns:
        The overlay; and the record of the plan, with the fingerprint and with all settings and their reasons, named as
        the overlay with ``_reasons`` added.

    Raises:
        BundleError: If a setting cannot have its planned value.
        OSError: If the files cannot be written.
    """
    target = Path(path)
    record = reasons_path(target)
    overlay = {name: read_setting(SETTINGS[name], value) for name, value in plan.overlay().items()}
    reasons = [vars(setting) for setting in plan.settings]
    contents = {target.name: overlay, record.name: {"plan": reasons, "fingerprint": plan.fingerprint.as_json()}}
    with write_several_atomic(target) as folder:
        for name, content in contents.items():
            (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return target, record


def reasons_path(path: Path) -> Path:
    """Return the file of the reasons for an overlay.

    Examples:
        >>> reasons_path(Path("settings.json")).name
        'settings_reasons.json'
    """
    return path.with_name(f"{path.stem}_reasons.json")


def plan_table(plan: Plan) -> str:
    """Return the fingerprint and the settings with their reasons, as two tables of text."""
    facts = plan.fingerprint.facts()
    rows = [(setting.name, json.dumps(setting.value), setting.reason) for setting in plan.settings]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    name = max(map(len, facts))
    lines = [f"{fact:{name}}  {found}" for fact, found in facts.items()]
    lines += ["", *(f"{row[0]:{first}}  {row[1]:{second}}  {row[2]}" for row in rows)]
    return "\n".join(lines)
