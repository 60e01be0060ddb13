"""Files of records: that of a case beside its prediction, and that of a batch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data import record_path
from swinx.errors import DataListError
from swinx.files import file_sha256, json_sha256, real_path, write_json
from swinx.runs import SUMMARY, files_in_record
from swinx.tracking import artefact_hash

__all__ = ["check_apart", "result_set", "write_batch_record", "write_case_record"]

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
        SHA-256 of the prediction and of all ``files``, by which a scorer and :func:`swinx.runs.check_own` find out that
        a file is no longer that of its record.

    Raises:
        OSError: If the file cannot be written.
    """
    place, prediction = record_path(folder, name), Path(str(record.get("prediction", "")))
    hashes = files_in_record(place) | (dict.fromkeys(_names(folder, files)) if begun else _hashes(folder, files))
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
    write_json(folder / SUMMARY, content)


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
