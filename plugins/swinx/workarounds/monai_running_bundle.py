"""The bundle that MONAI is running, found on the call stack.

Symptom: a component, or an expression of a configuration, cannot ask for the configuration that it stands in, nor for
the folder of its file or for the settings of the command line. MONAI hands them to nobody, and takes unknown settings
without a word.
Report: none found; MONAI's parser has had no such hook since its first version
(https://github.com/Project-MONAI/MONAI/pull/3822).
Can go: when MONAI passes its parser to what it builds, or checks settings itself. MONAI 1.6.1 does neither.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

__all__ = ["RunningBundle", "replace_setting", "running_bundle"]

_FUNCTIONS = {"run": "override", "run_workflow": "kwargs"}
_MODULE = "monai.bundle.scripts"
_ARGUMENTS = frozenset(
    {
        *("run_id", "init_id", "final_id", "config_file", "meta_file", "logging_file", "workflow_type"),
        *("properties_path", "tracking"),
    }
)


@dataclass(frozen=True)
class RunningBundle:
    """MONAI's state of the bundle that is building the caller.

    Attributes:
        parser: The outermost parser, as others may be active within it; None if no bundle is building.
        folder: Folder of the bundle of the innermost workflow; None without a workflow.
        given: Settings of the command line by name, with those that are None, which MONAI drops.
        tracking: MONAI's argument ``tracking``.
    """

    parser: ConfigParser | None = None
    folder: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    tracking: Any = None


def running_bundle() -> RunningBundle:
    """Return the bundle that is building the caller; all is empty if there is none."""
    if "monai.bundle" not in sys.modules:  # commands that need no network start without it
        return RunningBundle()
    from monai.bundle import ConfigParser, ConfigWorkflow

    parser: ConfigParser | None = None
    folder: Path | None = None
    call: Mapping[str, Any] = {}
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, ConfigParser):
            parser = owner
        elif isinstance(owner, ConfigWorkflow) and folder is None:
            folder = Path(owner.config_root_path).parent
        elif not call and frame.f_code.co_name in _FUNCTIONS and frame.f_globals.get("__name__") == _MODULE:
            call = dict(frame.f_locals)
        frame = frame.f_back
    settings: Mapping[str, Any] = next(
        (call[name] for name in _FUNCTIONS.values() if isinstance(call.get(name), Mapping)), {}
    )
    given = {name: value for name, value in settings.items() if name not in _ARGUMENTS}
    return RunningBundle(parser, folder, given, call.get("tracking"))


def replace_setting(parser: ConfigParser, name: str, value: Any) -> None:
    """Set a value in a configuration that has been parsed, and of which nothing has been evaluated."""
    parser.get()[name] = value
    if (item := parser.ref_resolver.get_item(name)) is not None:
        item.update_config(value)
    parser.ref_resolver.remove_resolved_content(name)
