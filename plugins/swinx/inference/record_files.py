"""Files of records: that of a case beside its prediction, that of a batch, and what may be replaced by their word."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data import record_path
from swinx.errors import CaseError, DataListError
from swinx.files import file_sha256, json_sha256, read_object, real_path, write_json
from swinx.rules import ScanInputRules as Rule
from swinx.tracking import artefact_hash

__all__ = ["check_apart", "check_own", "result_set", "write_batch_record", "write_case_record"]

_SUMMARY = "cases.json"

_UNRELATED = frozenset({"sw_batch_size", "protocol", "overlay_dir", "split", "label", "annotated"})
"""Settings that change no prediction: how much is done at a time, and what is done with the predictions. Limits of time
and memory are not among them: a plan that keeps to them may have less overlap and half precision."""


def result_set(checkpoint: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the identity of a set of results, for its records.

    Args:
        checkpoint: File or folder of the weights; None if there is none.
        settings: Those of the run without the ones of machine and place, see :func:`swinx.bundle.active_settings`.

    Returns:
        ``id``: hash of the other two, 16 hexadecimal digits; ``weights``: their SHA-256, None if they cannot be read;
        ``settings``: those that decide a prediction.
    """
    weights = None
    if checkpoint is not None and Path(checkpoint).exists():
        weights = artefact_hash(checkpoint)
    deciding = {name: settings[name] for name in sorted(set(settings) - _UNRELATED)}
    content = {"weights": weights, "settings": deciding}
    return {"id": json_sha256(content)[:16], **content}


def write_case_record(
    folder: Path,
    name: str,
    record: Mapping[str, Any],
    results: Mapping[str, Any],
    files: Sequence[Path] = (),
    begun: bool = False,
) -> dict[str, Any]:
    """Write the record of a case beside its prediction, see :func:`swinx.data.record_path`.

    Args:
        folder: Folder of the prediction.
        name: Name of the file of the prediction without its ending.
        record: What is known of the case; ``prediction`` is the file.
        results: The set of results, see :func:`result_set`; empty if nothing is known of it.
        files: The prediction, and what may have been written beside it.
        begun: They are about to be written: a run that is killed meanwhile can be repeated.

    Returns:
        The record without the classes, as the record of a batch has it: with the id of the set of results, and the
        SHA-256 of the prediction and of all ``files``, by which a scorer and :func:`check_own` find out that a file is
        no longer that of its record.

    Raises:
        OSError: If the file cannot be written.
    """
    place, prediction = record_path(folder, name), Path(str(record.get("prediction", "")))
    hashes = _known(place) | (dict.fromkeys(_names(folder, files)) if begun else _hashes(folder, files))
    known: dict[str, Any] = {"files": {each: sha for each, sha in hashes.items() if sha or begun}}
    if results:
        known["results"] = results["id"]
        known["prediction_sha256"] = file_sha256(prediction) if prediction.is_file() else None
    write_json(place, {**record, **known})
    return {key: value for key, value in record.items() if key != "labels"} | known


def write_batch_record(
    folder: Path,
    done: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, str]],
    incomplete: Sequence[Mapping[str, str]],
    results: Mapping[str, Any],
    facts: Mapping[str, Any],
    files: Sequence[Path] = (),
) -> None:
    """Write ``cases.json``, the record of a batch.

    Args:
        folder: Folder of the predictions.
        done: Records of the cases that have a prediction, see :func:`write_case_record`.
        failed: Case and reason of those that have none.
        incomplete: Case and reason of those that lack a file beside the prediction.
        results: The set of results; empty if nothing is known of it.
        facts: What else is known of all cases, such as the label set under ``labels``.
        files: Files of all cases together that were written, too.

    Raises:
        OSError: If the file cannot be written.
    """
    content: dict[str, Any] = {**facts, "done": list(done), "failed": list(failed)}
    if results:
        content["results"] = dict(results)
    if incomplete:
        content["incomplete"] = list(incomplete)
    if hashes := _hashes(folder, files):
        content["files"] = hashes
    write_json(folder / _SUMMARY, content)


def check_own(
    folder: Path, cases: Mapping[str, Sequence[Path]], of_batch: Sequence[Path] | None = ()
) -> dict[str, list[Path]]:
    """Refuse to replace or remove a file that no run of swinx wrote as it is now, such as labels corrected by hand.

    Args:
        folder: Folder of the predictions.
        cases: Files that a run may write for a case besides its record, by the name of the record.
        of_batch: Those for all cases together besides ``cases.json``; None if it does not even write this.

    Returns:
        All files of each case by the same names: these, and what an earlier run wrote, if it is as that left it.

    Raises:
        CaseError: If there is such a file, which is named.
    """
    places = {name: record_path(folder, name) for name in cases}
    checks = [(places[name], "prediction", files) for name, files in cases.items()]
    for place, key, files in checks if of_batch is None else [*checks, (folder / _SUMMARY, "done", of_batch)]:
        if place.is_file() and key not in _read(place):
            raise CaseError(place, Rule.NOT_OURS.says())
        known = _known(place)
        for name, path in zip(_names(folder, files), files, strict=True):
            if path.is_dir() or not os.path.lexists(path):  # a folder is never replaced: writing fails, with its case
                continue
            if not (path.is_file() and known.get(name, "") in (None, file_sha256(path))):
                raise CaseError(path, Rule.NOT_OURS.says())
    return {name: [*files, *_unchanged(folder, places[name], files)] for name, files in cases.items()}


def _unchanged(folder: Path, place: Path, others: Sequence[Path]) -> list[Path]:
    """Return the files in a folder that a record names and that are as it says, but ``others``."""
    names = {Path(name): sha for name, sha in _known(place).items()}  # a record may come from others
    inside = {folder / name: sha for name, sha in names.items() if not name.is_absolute() and ".." not in name.parts}
    return [path for path in inside if path not in others and path.is_file() and file_sha256(path) == inside[path]]


def _known(place: Path) -> dict[str, str | None]:
    """Return the SHA-256 of the files that a record names; None for one that was about to be written."""
    record = _read(place)
    files = record.get("files", {Path(str(record.get("prediction", ""))).name: record.get("prediction_sha256", "")})
    return files if isinstance(files, dict) else {}


def _read(place: Path) -> dict[str, Any]:
    """Return a record; empty if there is none that can be read."""
    try:
        return read_object(place, finite=False) if place.is_file() else {}
    except (OSError, ValueError):
        return {}


def _names(folder: Path, files: Sequence[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files]


def _hashes(folder: Path, files: Sequence[Path]) -> dict[str, str | None]:
    return {name: file_sha256(folder / name) for name in _names(folder, files) if (folder / name).is_file()}


def check_apart(item: Mapping[str, Any], predictions: Mapping[Path, Path]) -> None:
    """Refuse to write a prediction over a file that a case is made from or compared with.

    Args:
        item: A case.
        predictions: All files that will be written, by their resolved paths.

    Raises:
        DataListError: If the image or the label of the case is one of those.
    """
    for key in ("image", "label"):
        place = item.get(key)
        if isinstance(place, str | os.PathLike) and (found := predictions.get(real_path(place))):
            raise DataListError(
                f"{found} is the {key} of case {item['case']!r} and would be overwritten by a prediction; "
                "choose another --output_dir"
            )
