"""The active configuration, and its settings for records and tables of runs."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from swinx.files import is_setting
from swinx.visible_text import visible
from swinx.workarounds import running_bundle

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

__all__ = [
    "PLACES",
    "active_configuration",
    "active_settings",
    "flat_settings",
    "settings_of",
    "settings_of_network",
]

_logger = logging.getLogger(__name__)
OF_WEIGHTS = "$@trained.get("
"""How an expression begins whose value is that of the weights, see :func:`swinx.tracking.trained_settings`."""

_REFERENCE = re.compile(r"@(\w+)")

PLACES = frozenset(
    {
        *("bundle_root", "dataset_dir", "datalist", "labels", "section", "output_dir", "scores_dir"),
        *("checkpoint", "pretrained"),
        *("teacher_dir", "device", "num_workers", "num_processes", "cache_rate", "cache_dir"),
        *("amp", "progress", "is_rank_zero", "rank", "world_size"),
        *("resume", "mlflow", "registered_model", "time_limit_minutes", "picture_interval"),
        *("configs_dir", "refine_configs", "student_bundle", "student_configs", "last_round", "launcher"),
        *("teacher_bundle", "teacher_checkpoint", "teacher_source", "previous_rounds", "exported"),
    }
)
"""Settings about the machine and the place of a run, which say nothing of the network that comes out.

Among them are all that name a program or a file that is run: weights of others must not choose what is run here.
"""


def active_configuration() -> dict[str, Any]:
    """Return the configuration, with all overlays and overrides, that is building the caller.

    Returns:
        A deep copy as JSON has it, references as they stand; expressions at the top as the plain values that they have
        given so far, and else as they stand. Empty if no bundle is building.
    """
    parser = running_bundle().parser
    return {} if parser is None else _content(parser)


def _content(parser: ConfigParser) -> dict[str, Any]:
    content = json.loads(json.dumps(parser.get(), default=repr))
    found = {name: _plain(parser.ref_resolver.resolved_content.get(name)) for name in content}
    return {
        name: value if found[name] is None or not isinstance(value, str) else found[name]
        for name, value in content.items()
        if name != "_meta_"
    }


def _plain(value: Any) -> Any:
    """Return a value that JSON can tell, a device by its name; None for objects."""
    import torch  # here, since commands that need no network read the table of settings

    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str | int | float | bool) for item in value):
        return list(value)
    return value if isinstance(value, str | int | float | bool) else None


def flat_settings(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain settings: values at the top of a configuration that are neither components nor expressions.

    Examples:
        >>> flat_settings({"lr": 0.1, "roi": [96, 96], "net": {"_target_": "x"}, "device": "$torch", "imports": ["$x"]})
        {'lr': 0.1, 'roi': [96, 96]}
    """
    return {name: value for name, value in configuration.items() if _is_plain(value)}


def active_settings() -> dict[str, Any]:
    """Return the settings of the bundle that is building the caller, without :data:`PLACES`; empty if none is building.

    They are written beside weights, so that only what may be read from there again is among them.
    """
    return _settings(active_configuration())


def settings_of(parser: ConfigParser) -> dict[str, Any]:
    """Return the settings of a configuration that a program has built itself, as :func:`active_settings` does."""
    return _settings(_content(parser))


def _settings(configuration: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in flat_settings(configuration).items() if name not in PLACES}
    for name in [name for name, value in settings.items() if not is_setting(name, value)]:
        _logger.warning("%s is not recorded with the weights: it is no plain value", visible(name))
        del settings[name]
    return settings


def settings_of_network(configuration: Mapping[str, Any], id_: str = "network_def") -> list[str]:
    """Return the settings that a component of a configuration refers to, in the order in which they stand there.

    Examples:
        >>> settings_of_network({"dim": 48, "lr": 1, "network_def": {"_target_": "Net", "dim": "@dim"}})
        ['dim']
    """
    found = _REFERENCE.findall(repr(configuration.get(id_)))
    here = {name: configuration[name] for name in dict.fromkeys(found) if name in configuration}
    return [name for name, value in here.items() if _is_plain(value) or str(value).startswith(OF_WEIGHTS)]


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value) and "_target_" not in value and all(_is_plain(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return not (isinstance(value, str) and value[:1] in ("$", "@", "%"))
