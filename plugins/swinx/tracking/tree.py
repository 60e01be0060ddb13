"""The history of an artefact or a run, back to its beginnings, as text."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from swinx.errors import DataListError
from swinx.tracking.lineage import artefact_hash, read_sidecar
from swinx.tracking.store import be_impatient

__all__ = ["lineage_tree"]

_DEEPEST = 20
_Answer = TypeVar("_Answer")


def lineage_tree(start: str | os.PathLike[str], tracking_uri: str) -> str:
    """Return the tree of runs and artefacts that something came from, one a line, indented.

    Sidecars are followed as long as there are any, MLflow's tags where there are none.

    Args:
        start: A checkpoint, a data list, a model folder of nnU-Net, or the id or name of a run.
        tracking_uri: Where runs are looked up.

    Raises:
        DataListError: If ``start`` is neither a file with a sidecar nor a run, or the store does not answer.
    """
    place = Path(start)
    if place.exists():
        record = read_sidecar(place)
        if not record:
            raise DataListError(f"{start}: has no sidecar, so nobody knows what it came from")
        return "\n".join([_artefact_line(str(place), record), *_lines(record.get("upstream", ()), tracking_uri, 1)])
    if tracking_uri.startswith("sqlite:///") and not Path(tracking_uri.removeprefix("sqlite:///")).is_file():
        raise DataListError(
            f"{start}: not a file, and there is no {tracking_uri} to look for a run; give --tracking_uri"
        )
    start = _run_called(str(start), tracking_uri) or start
    tags = _tags_of(str(start), tracking_uri)
    if tags is None:
        raise DataListError(f"{start}: neither a file nor the id or name of a run at {tracking_uri}")
    return "\n".join([_run_line(str(start), tags), *_lines(_sources(tags), tracking_uri, 1)])


def _lines(sources: Any, uri: str, depth: int) -> list[str]:
    lines: list[str] = []
    for source in sources:
        path, run_id = source["path"], source.get("run_id")
        known = f"run {run_id}" if run_id else "made by nobody that kept a record"
        lines.append(f"{'    ' * depth}{source['name']}: {path} ({known}){_state(path, source)}")
        if depth >= _DEEPEST:
            continue
        record = read_sidecar(path)
        if record.get("run_id") and record["run_id"] == run_id:
            lines += _lines(record.get("upstream", ()), uri, depth + 1)
        elif run_id and (tags := _tags_of(run_id, str(source.get("tracking_uri") or uri))) is not None:
            lines += _lines(_sources(tags), uri, depth + 1)
    return lines


def _state(path: str, source: Mapping[str, Any]) -> str:
    """Say how an artefact differs from what the run that used it saw."""
    if not Path(path).exists():
        return ", not there any more"
    if source.get("sha256") and artefact_hash(path) != source["sha256"]:
        return ", CHANGED since it was used"
    return ""


def _artefact_line(path: str, record: Mapping[str, Any]) -> str:
    changed = bool(record.get("sha256")) and artefact_hash(path) != record["sha256"]
    state = ", CHANGED since its sidecar was written" if changed else ""
    origin = f"{record.get('stage', 'made by')} run {record['run_id']}" if record.get("run_id") else "made untracked"
    return f"{path} ({origin}){state}"


def _run_line(run_id: str, tags: Mapping[str, str]) -> str:
    return f"{tags.get('mlflow.runName', 'run')} ({tags.get('swinx.stage', 'no stage')} run {run_id})"


def _sources(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    known = [key for key in tags if key.startswith("upstream.") and key.endswith(".path")]
    names = [key.removeprefix("upstream.").removesuffix(".path") for key in known]
    return [
        {
            "name": name,
            "path": tags[f"upstream.{name}.path"],
            "run_id": tags.get(f"upstream.{name}"),
            "sha256": tags.get(f"upstream.{name}.sha256"),
        }
        for name in sorted(names)
    ]


def _run_called(name: str, uri: str) -> str | None:
    """Return the id of the newest run with a name; None if there is none."""
    quoted = name.replace("'", "")

    def ask(client: Any) -> str | None:
        places = [found.experiment_id for found in client.search_experiments()]
        runs = client.search_runs(places, f"attributes.run_name = '{quoted}'", max_results=1)
        return str(runs[0].info.run_id) if runs else None

    return _ask(ask, uri)


def _tags_of(run_id: str, uri: str) -> dict[str, str] | None:
    return _ask(lambda client: dict(client.get_run(run_id).data.tags), uri)


def _ask(question: Callable[[Any], _Answer], uri: str) -> _Answer | None:
    """Ask a store; None if it does not know.

    Raises:
        DataListError: If it does not answer.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    be_impatient()
    try:
        return question(MlflowClient(tracking_uri=uri))
    except MlflowException as error:
        if getattr(error, "error_code", None) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise DataListError(f"{uri}: does not answer: {' '.join(str(error).split())[:200]}") from error
