"""Checks of the settings of a run, before anything of it is built."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from swinx.bundle.configuration import OF_WEIGHTS
from swinx.bundle.overlays import overlay_fault
from swinx.bundle.references import is_plain, names_in_use, tracking_names
from swinx.bundle.settings.kinds import Either, Kind, Many, MisfitError, PathName, is_expression, is_list, takes_text
from swinx.bundle.settings.relations import broken_relation, long_default_warmup
from swinx.bundle.settings.setting import Setting
from swinx.bundle.settings.settings_table import SETTINGS, nearest
from swinx.errors import BundleError
from swinx.files import shown
from swinx.rules import SettingRules as Rule
from swinx.visible_text import visible
from swinx.workarounds import end_with_reason, raw_text, replace_setting, running_bundle, silence_third_parties

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

__all__ = ["check_run_settings", "read_setting", "read_settings"]

_logger = logging.getLogger(__name__)
_PROGRAM = frozenset({"imports", "initialize", "run", "finalize", "training", "inference", "evaluate", "refine"})


def check_run_settings() -> None:
    """Check the settings of the run whose configuration calls this, and correct what is certainly meant.

    It stands first in the list ``run`` of every configuration and refers to nothing there: nothing has been evaluated
    yet, so that texts which Fire took for numbers become paths again, and words such as ``no`` become False.
    Outside of a bundle nothing happens.

    Raises:
        BundleError: If the configuration is an overlay without its base, a name is unknown, or a value or a relation
            of two impossible; one line.
    """
    end_with_reason()
    silence_third_parties()
    running = running_bundle()
    parser = running.parser
    if parser is None:
        return
    configuration = {name: value for name, value in parser.get().items() if name != parser.meta_key}
    if fault := overlay_fault(configuration, running.folder):
        raise BundleError(fault)
    found, warnings = read_settings(configuration, running.given, tracking_names(running.tracking))
    for name, value in found.items():
        replace_setting(parser, name, value)
    for warning in warnings:
        _logger.warning("%s", warning)
    if fault := broken_relation(_active_values(parser, configuration | found), running.given):
        raise BundleError(fault)


def _active_values(parser: ConfigParser, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run by name, where those that follow its weights are the weights' own."""
    values = {name: value for name, value in configuration.items() if name in SETTINGS and is_plain(value)}
    followed = [name for name, value in configuration.items() if str(value).startswith(OF_WEIGHTS) and name in SETTINGS]
    return values | {name: parser.ref_resolver.get_resolved_content(id=name) for name in followed}


def read_settings(
    configuration: Mapping[str, Any], given: Mapping[str, Any], allowed: set[str] | frozenset[str] = frozenset()
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a configuration whose values are to be replaced by what is meant, and warnings.

    Args:
        configuration: Values by name, with components and expressions.
        given: Settings from the command line, with those that are None and so not in the configuration.
        allowed: More names that may stand at the top.

    Raises:
        BundleError: As :func:`check_run_settings`.
    """
    used = names_in_use(configuration)
    warnings = _check_names(configuration, given, used, allowed)
    found: dict[str, Any] = {}
    for name in [name for name, value in given.items() if value is None and name in SETTINGS]:
        if not SETTINGS[name].optional:
            raise BundleError(Rule.NONE_REFUSED.says(name=name, wanted=SETTINGS[name].wanted))
        warnings.append(Rule.NONE_DROPPED.says(name=name))
        found[name] = None
    for name, value in configuration.items():
        if name in SETTINGS and name not in found and is_plain(value):
            meant = read_setting(SETTINGS[name], value)
            if type(meant) is not type(value) or meant != value:
                found[name] = meant
    values = {name: value for name, value in {**configuration, **found}.items() if is_plain(value)}
    if "embed_dim" not in used:
        values.pop("embed_dim", None)
    if fault := broken_relation(values, given):
        raise BundleError(fault)
    return found, [*warnings, *filter(None, [long_default_warmup(values, given)])]


def read_setting(setting: Setting, value: Any) -> Any:
    """Return the value that is meant, see :meth:`swinx.bundle.Setting.read`.

    What Fire has made of a text is undone where the kind is a text or a path.

    Raises:
        BundleError: If the setting cannot have the value.
    """
    if takes_text(setting.kind) and value is not None:
        value = _text(setting, value)
    try:
        meant = setting.read(value)
    except MisfitError:
        raise BundleError(Rule.VALUE.says(name=setting.name, value=shown(value), wanted=setting.wanted)) from None
    if _takes_path(setting.kind) and isinstance(meant, str) and "#" in meant:
        raise BundleError(Rule.PATH_HASH.says(name=setting.name, value=shown(meant)))
    return list(meant) if isinstance(meant, tuple) else meant


def _text(setting: Setting, value: Any) -> Any:
    names_a_path = _takes_path(setting.kind)
    if isinstance(setting.kind, Either) and not names_a_path and isinstance(value, str | list | tuple | dict):
        return value
    raw = raw_text(setting.name, value)
    if isinstance(setting.kind, Either) and is_list(value) and (raw is None or raw[:1] in "[("):
        return list(value)  # several paths; one with a comma in its name has no bracket
    if raw is not None and not is_expression(raw):
        return raw
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) or not names_a_path:
        return value
    kinds = {bool: "true or false", float: "a number", tuple: "a list", list: "a list", dict: "an object"}
    kind = kinds.get(type(value), type(value).__name__)
    raise BundleError(Rule.PATH_LOST.says(name=setting.name, value=shown(value), kind=kind))


def _takes_path(kind: Kind) -> bool:
    """Return whether a kind accepts one path, or a list of them."""
    if isinstance(kind, Either):
        return any(isinstance(one, Many) and isinstance(one.item, PathName) for one in kind.kinds)
    return isinstance(kind, PathName)


def _check_names(
    configuration: Mapping[str, Any], given: Mapping[str, Any], used: set[str], allowed: set[str] | frozenset[str]
) -> list[str]:
    warnings = []
    here = [name for name in configuration if name in SETTINGS and name in used]
    for name in dict.fromkeys([*given, *configuration]):
        if name in used or name in allowed or name in _PROGRAM or not str(name).isidentifier():
            continue
        if name == "dataset_dir" and "datalist" in given:  # the list goes before it, as its meaning says
            continue
        if name not in SETTINGS and (name in given or is_plain(configuration[name])):
            raise BundleError(Rule.UNKNOWN.says(name=visible(name), nearest=nearest(name, here or SETTINGS)))
        if name in given and is_plain(configuration.get(name)):
            warnings.append(Rule.UNUSED.says(name=name, nearest=nearest(name, here)))
    return warnings
