"""Settings that weights were trained with, for runs that use the weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from swinx.bundle import PLACES, SETTINGS, broken_relation, read_setting
from swinx.errors import BundleError, LabelSetError, RecordError, WeightsError
from swinx.files import shown
from swinx.labels import DEFAULT_LABEL_SET, LabelSet, read_label_set
from swinx.rules import WeightsRules as Rule
from swinx.tracking.lineage import read_sidecar, sidecar_path
from swinx.tracking.weights_record import read_record
from swinx.visible_text import visible
from swinx.workarounds import running_bundle

__all__ = ["agreed_label_set", "compare_settings", "recorded_label_set", "trained_settings"]

_logger = logging.getLogger(__name__)

_OF_TENSORS = ("embed_dim", "depths", "num_heads", "qkv_bias", "decoder_channels", "norm", "published_window_order")
"""Settings of which tensors, or what they mean, depend."""

_OF_PREPROCESSING = ("pixdim", "intensity", "window_hu", "body_crop", "body_margin_mm", "antialias")

_MANY = 10


def trained_settings(checkpoint: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the settings that weights were trained with, from the record beside them.

    A configuration has them as ``"trained": "$trained_settings(@checkpoint)"``, and each setting as
    ``"$@trained.get('pixdim', [1.0, 1.0, 1.0])"``: what a user gives replaces the whole item, and without weights the
    default is taken.

    Args:
        checkpoint: The weights.

    Returns:
        Plain values by name, of names and ranges in the table of settings, without places; empty if there are no
        weights, or no record of them.

    Raises:
        RecordError: If the record holds more than plain data, or an impossible value.
        BundleError: If the weights were changed after the record was written.
    """
    weights = Path(checkpoint)
    if not weights.is_file():
        return {}  # what loads them says so
    if not read_sidecar(weights):
        _warn_once(f"{visible(weights)}: {Rule.NO_RECORD.says(record=visible(sidecar_path(weights)))}")
        return {}
    record = read_record(weights)
    if (about := record.get("about")) and running_bundle().folder:  # a model that is loaded says it by itself
        _inform_once(f"{visible(weights)}: {about}")
    settings = record.get("settings") or {}
    found = {}
    for name, value in settings.items():
        if name in PLACES or name not in SETTINGS:
            continue
        try:
            read_setting(SETTINGS[name], value)
        except BundleError as error:
            raise RecordError(f"{sidecar_path(weights)}: {error}") from error
        found[name] = value
    return found


def recorded_label_set(checkpoint: str | os.PathLike[str]) -> LabelSet | None:
    """Return the label set that weights were trained with; None if there are none, or nothing is recorded.

    Raises:
        RecordError: If it is recorded, and is no label set.
    """
    weights = Path(checkpoint)
    if not weights.is_file():
        return None
    labels = read_sidecar(weights).get("labels")
    if labels is None:
        return None
    try:
        return read_label_set(labels, str(sidecar_path(weights)))
    except LabelSetError as error:
        raise RecordError(str(error)) from error


def agreed_label_set(
    labels: Any = None,
    checkpoint: str | os.PathLike[str] = "",
    trained: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> LabelSet:
    """Return the label set of a run that uses weights, once its settings are found to agree with theirs.

    The network of a configuration is built from this label set, so that no program can build one from settings that
    contradict the weights.

    Args:
        labels: Label set that the user gives: name, file or plain data; None for that of the weights.
        checkpoint: The weights.
        trained: Their settings, see :func:`trained_settings`.
        settings: Settings of the run by name. One that decides on tensors must be that of the weights; one of the
            preprocessing that differs is told in the log with both values.

    Raises:
        BundleError: If two settings contradict each other.
        WeightsError: If a setting of the network, or the classes, differ from those of the weights.
        LabelSetError: If ``labels`` is no label set.
    """
    compare_settings(checkpoint, settings or {}, trained or {})
    if fault := broken_relation(settings or {}, {}):
        raise BundleError(fault)
    own = recorded_label_set(checkpoint) if checkpoint else None
    if labels is None:
        return own or read_label_set(DEFAULT_LABEL_SET)
    given = read_label_set(labels)
    if own is not None and not own.same_classes(given):
        raise WeightsError(Rule.OTHER_CLASSES.says(path=visible(checkpoint), difference=_difference(own, given)))
    return given


def compare_settings(
    checkpoint: str | os.PathLike[str] | None,
    settings: Mapping[str, Any],
    trained: Mapping[str, Any] | None = None,
    further: bool = False,
) -> None:
    """Compare settings of a run with those of its weights: warn of other preprocessing, refuse another network.

    Args:
        checkpoint: The weights; None for none.
        settings: Settings of the run by name.
        trained: Settings of the weights; by default those that their record has.
        further: Whether the weights are trained further: then :func:`swinx.networks.load_pretrained` judges the
            network, and settings of the preprocessing alone are compared.

    Raises:
        WeightsError: If a setting on which tensors depend differs.
        RecordError: If the record of the weights holds more than plain data.
        BundleError: If the weights were changed after the record was written.
    """
    if checkpoint is None:
        return
    recorded = trained
    if recorded is None:
        recorded = read_sidecar(checkpoint).get("settings") or {} if further else trained_settings(checkpoint)
    for name, value in settings.items():
        if name not in recorded or _plain(recorded[name]) == _plain(value):
            continue
        words = {"path": visible(checkpoint), "name": name, "given": shown(value), "recorded": shown(recorded[name])}
        if further:
            if name in _OF_PREPROCESSING:
                _logger.warning("%s", Rule.PRETRAINED_OTHERWISE.says(**words))
        elif name in _OF_TENSORS:
            raise WeightsError(Rule.OTHER_NETWORK.says(**words))
        elif name in _OF_PREPROCESSING:
            _logger.warning("%s", Rule.OTHER_PREPROCESSING.says(**words))


@lru_cache(maxsize=64)
def _inform_once(text: str) -> None:
    _logger.info("%s", text)


@lru_cache(maxsize=64)
def _warn_once(text: str) -> None:
    _logger.warning("%s", text)


def _difference(own: LabelSet, given: LabelSet) -> str:
    """Return the difference between two label sets, for a message."""
    lost = [label for label in own.foreground if given.find(own.names[label]) is None]
    new = [label for label in given.foreground if own.find(given.names[label]) is None]
    parts = [f"it lacks {own.listed(lost, _MANY)}"] if lost else []
    parts += [f"they do not know {given.listed(new, _MANY)}"] if new else []
    return " and ".join(parts) or f"its order is {given.listed(given.foreground)}, not {own.listed(own.foreground)}"


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
