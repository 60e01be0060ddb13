"""The history of an artefact or a run, back to its beginnings, as text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from swinx.errors import DataListError, RecordError
from swinx.files import absolute_path, is_whole_disk, real_path
from swinx.rules import TrackingRules
from swinx.tracking.addresses import local_store, names_same_store, sqlite_path, without_credentials
from swinx.tracking.facts import project_root
from swinx.tracking.lineage import artefact_hash, hashed_files, read_sidecar
from swinx.tracking.tracked_run import MISSING, be_impatient
from swinx.visible_text import visible

__all__ = ["lineage_tree"]

_DEEPEST = 20
_Answer = TypeVar("_Answer")


def lineage_tree(start: str | os.PathLike[str], tracking_uri: str) -> str:
    """Return the tree of runs and artefacts that something came from, one a line, indented.

    Sidecars are followed as long as there are any, MLflow's tags where there are none.

    A sidecar is a file of data that may come from anybody. So the addresses in it are shown, and no other store is
    asked than ``tracking_uri`` and SQLite files in known folders; and no files are looked at but regular ones in known
    folders: that of ``start``, the project that it is in, and the project of the working directory.

    Args:
        start: A checkpoint, a data list, a model folder of nnU-Net, or the id or name of a run.
        tracking_uri: Where runs are looked up.

    Raises:
        DataListError: If ``start`` is neither a file with a sidecar nor a run, or the store does not answer.
        RecordError: If the sidecar of ``start`` holds anything but plain data.
    """
    place = Path(start)
    if place.exists():
        here = absolute_path(place)
        tree = _Tree(tracking_uri, [here.parent, here, project_root(here), _own_project()])
        record = read_sidecar(place)
        if not record:
            raise DataListError(f"{start}: has no sidecar, so nobody knows what it came from")
        return "\n".join([_artefact_line(place, record), *tree.lines(record.get("upstream") or (), 1)])
    tree = _Tree(tracking_uri, [_own_project()])
    if (store := sqlite_path(tracking_uri)) is not None and not store.is_file():
        shown = without_credentials(tracking_uri)
        raise DataListError(f"{start}: not a file, and there is no {shown} to look for a run; give --tracking_uri")
    start = _run_called(str(start), tracking_uri) or start
    tags = _tags_of(str(start), tracking_uri)
    if tags is None:
        shown = without_credentials(tracking_uri)
        raise DataListError(f"{start}: neither a file nor the id or name of a run at {shown}")
    return "\n".join([_run_line(str(start), tags), *tree.lines(_sources(tags), 1)])


class _Tree:
    """State of the making of a tree: where to look up runs and files."""

    def __init__(self, uri: str, folders: Iterable[Path]) -> None:
        self.uri = uri
        named = [folder for folder in folders if not is_whole_disk(folder)]
        self.folders = [*named, *map(real_path, named)]

    def lines(self, sources: Iterable[Mapping[str, Any]], depth: int) -> list[str]:
        lines: list[str] = []
        for source in sources:
            run_id, below = source.get("run_id"), list[str]()
            known = f"run {run_id}" if run_id else "made by nobody that kept a record"
            near = self._is_near(Path(source["path"]))
            state, record = self._look_at(source) if near else (f", {TrackingRules.NOT_LOOKED_AT.says()}", {})
            if depth < _DEEPEST and record.get("run_id") and record["run_id"] == run_id:
                below = self.lines(record.get("upstream") or (), depth + 1)
            elif depth < _DEEPEST and run_id:
                tags, note = self._tags(str(run_id), source.get("tracking_uri"))
                state, below = state + note, self.lines(_sources(tags), depth + 1)
            name, path = visible(source["name"]), visible(source["path"])
            lines += [f"{'    ' * depth}{name}: {path} ({known}){state}", *below]
        return lines

    def _is_near(self, path: Path) -> bool:
        """Return whether a path is in a known folder; nothing outside is looked at."""
        if not self._holds(absolute_path(path)):
            return False
        return not path.exists() or all(self._holds(real_path(file)) for file in (path, *hashed_files(path)))

    def _holds(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self.folders)

    def _look_at(self, source: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return how an artefact differs from what the run that used it saw, and its sidecar."""
        path = Path(source["path"])
        cut = not path.is_absolute()  # MLflow and packed bundles have no folders of a machine
        if not path.exists():
            return (", not on this machine" if cut else ", not there any more"), {}
        try:
            found = artefact_hash(path)
            if source.get("sha256") and found != source["sha256"]:
                if cut:  # another file of the same name
                    return ", not on this machine", {}
                return ", CHANGED since it was used", read_sidecar(path)
            return "", read_sidecar(path)
        except (OSError, RecordError) as error:
            return f", not looked at: {visible(error)}", {}

    def _tags(self, run_id: str, recorded: str | None) -> tuple[dict[str, str], str]:
        """Return the tags of a run, and a note where they may be at an address that is not contacted."""
        uris = [self.uri]
        if recorded and local_store(recorded, self.folders):
            uris.insert(0, recorded)
        for uri in uris:
            store = sqlite_path(uri)
            if (store is None or store.is_file()) and (tags := _tags_of(run_id, uri)) is not None:
                return tags, ""
        if recorded and not any(names_same_store(uri, recorded) for uri in uris):
            return {}, f", {TrackingRules.NOT_CONTACTED.says(address=visible(without_credentials(recorded)))}"
        return {}, ""


def _own_project() -> Path:
    """Return the project of the working directory; the working directory, if it is in none."""
    return project_root(Path.cwd() / "any")


def _artefact_line(path: Path, record: Mapping[str, Any]) -> str:
    changed = bool(record.get("sha256")) and artefact_hash(path) != record["sha256"]
    state = ", CHANGED since its sidecar was written" if changed else ""
    made = record.get("stage") or "made by"
    origin = f"{made} run {record['run_id']}" if record.get("run_id") else "made untracked"
    return visible(f"{path} ({origin}){state}")


def _run_line(run_id: str, tags: Mapping[str, str]) -> str:
    name, stage = tags.get("mlflow.runName", "run"), tags.get("swinx.stage", "no stage")
    return visible(f"{name} ({stage} run {run_id})")


def _sources(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the origins of a run by its tags, in which paths are relative, or cut to names."""
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
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise DataListError(f"{without_credentials(uri)}: cannot be asked: {MISSING}") from error

    be_impatient()
    try:
        return question(MlflowClient(tracking_uri=uri))
    except MlflowException as error:
        if getattr(error, "error_code", None) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        reason = visible(without_credentials(" ".join(str(error).split())))[:200]
        raise DataListError(f"{without_credentials(uri)}: does not answer: {reason}") from error
