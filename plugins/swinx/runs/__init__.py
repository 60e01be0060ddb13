"""Log, lock, tracking and processes of every bundle run."""

from __future__ import annotations

from swinx.runs.child_process import run_child
from swinx.runs.mlflow_run import MLflowRun
from swinx.runs.open_run import open_run
from swinx.runs.own_files import SUMMARY, check_own, files_in_record
from swinx.runs.run_log import require_writable, start_log
from swinx.runs.seeding import seed_epoch
from swinx.workarounds import join_processes, leave_processes

__all__ = [
    "SUMMARY",
    "MLflowRun",
    "check_own",
    "files_in_record",
    "join_processes",
    "leave_processes",
    "open_run",
    "require_writable",
    "run_child",
    "seed_epoch",
    "start_log",
]
