"""Settings of a training, planned out of a collection of scans and a machine."""

from __future__ import annotations

from swinx.planning.fingerprint import Fingerprint
from swinx.planning.machine import Machine, this_machine
from swinx.planning.plan import Plan, PlannedSetting, plan
from swinx.planning.plan_files import plan_table, write_plan
from swinx.planning.read_fingerprint import read_fingerprint

__all__ = [
    "Fingerprint",
    "Machine",
    "Plan",
    "PlannedSetting",
    "plan",
    "plan_table",
    "read_fingerprint",
    "this_machine",
    "write_plan",
]
