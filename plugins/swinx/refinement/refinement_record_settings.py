"""Settings that decide a refined label, with a fingerprint to compare them by."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swinx.errors import DataListError
from swinx.files import json_sha256, read_object
from swinx.labels import FLARE23, LabelSet
from swinx.refinement.policies.fusion import check_label_sets
from swinx.refinement.teachers.teacher import Teacher

__all__ = ["RefinementSettings", "describe", "refinement_settings"]


@dataclass(frozen=True)
class RefinementSettings:
    """Teacher, policy, filters and label set of a refinement.

    Attributes:
        content: The same for JSON.
        fingerprint: SHA-256 of all that decides the labels, in hexadecimal; the name of the teacher does not.
    """

    content: Mapping[str, Any]
    fingerprint: str


def refinement_settings(
    teacher: Teacher,
    policy: object,
    filters: Sequence[object] = (),
    previous: Sequence[str | os.PathLike[str]] = (),
    plausible: object | None = None,
    label_set: LabelSet = FLARE23,
) -> RefinementSettings:
    """Return the settings of a refinement.

    Args:
        teacher: A :class:`swinx.refinement.Teacher`.
        policy: A policy of :mod:`swinx.refinement.policies.fusion_policies`.
        filters: Filters of :mod:`swinx.refinement.policies.pseudo_filters`, in their order.
        previous: Folders of finished refinements that this one is compared with.
        plausible: Ranges of volume outside which an organ of the teacher is rejected.
        label_set: The classes.

    Raises:
        DataListError: If an earlier refinement has no ``manifest.json``, or is of other classes.
        ValueError: If teacher, policy or a filter is of another label set.
    """
    check_label_sets([teacher, policy, *filters], label_set)
    deciding: dict[str, Any] = {
        "teacher": {"fingerprint": teacher.fingerprint, "classes": list(teacher.classes)},
        "policy": describe(policy),
        "filters": [describe(step) for step in filters],
        "label_set": _deciding_facts(label_set),
    }
    if plausible is not None:
        deciding["plausible"] = describe(plausible)
    if previous:
        deciding["previous"] = [_fingerprint(Path(folder) / "manifest.json", label_set) for folder in previous]
    names = {"teacher_name": teacher.name, "label_set_name": label_set.name}
    return RefinementSettings({**deciding, **names}, json_sha256(deciding))


def describe(thing: object) -> dict[str, Any]:
    """Return name and settings of a policy, filter or rule, in plain types and without its label set.

    Examples:
        >>> from swinx.refinement import MinimumComponent
        >>> describe(MinimumComponent(30.0))
        {'name': 'MinimumComponent', 'volume_mm3': 30.0}
    """
    settings: dict[str, Any] = {"name": type(thing).__name__}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        names = [field.name for field in dataclasses.fields(thing) if field.name != "label_set"]
        settings |= {name: _plain(getattr(thing, name)) for name in names}
    return settings


def _deciding_facts(label_set: LabelSet) -> dict[str, Any]:
    """Return the parts of a label set on which a refined label depends: names, numbers, partners and hosts."""
    told = label_set.as_json()
    facts = {
        name: {key: facts[key] for key in ("mirror", "inside") if facts[key] is not None}
        for name, facts in told["classes"].items()
    }
    return {"labels": told["labels"], "classes": {name: fact for name, fact in facts.items() if fact}}


def _fingerprint(manifest: Path, label_set: LabelSet) -> str:
    try:
        content = read_object(manifest, finite=False)
        fingerprint, settings = str(content["fingerprint"]), content.get("settings", {})
        labels = settings.get("label_set", {}).get("labels")
    except FileNotFoundError as error:
        raise DataListError(f"{manifest}: no such file; finish this earlier refinement first") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataListError(f"{manifest}: not the manifest of a refinement: {error}") from error
    if labels is not None and labels != label_set.as_json()["labels"]:
        raise DataListError(f"{manifest}: this earlier refinement is of other classes; leave it out of previous rounds")
    return fingerprint


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Collection) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
