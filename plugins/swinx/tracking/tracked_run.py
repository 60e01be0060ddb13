"""One run in MLflow, written so that no fault of the tracker ends the work that it tracks."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from swinx.rules import TrackingRules
from swinx.tracking.addresses import names_same_store, sqlite_path, without_credentials
from swinx.tracking.sqlite_file import alone_in, artifacts_beside, sqlite_uri
from swinx.visible_text import visible

__all__ = ["MISSING", "TrackedRun", "be_impatient"]

_logger = logging.getLogger(__name__)

MISSING = 'MLflow is not installed: pip install "mlflow>=3,<4"'
"""Told where MLflow is needed and not there; it is an optional package (extra ``tracking``)."""

_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""MLflow would try for many minutes to reach a server that is away; a user's own values of these stay."""

_REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
"""What a store says of something that no store would take."""

_LONGEST_PARAMETER, _LONGEST_LINE = 6000, 500  # the first is MLflow's own limit
_PARAMETERS_AT_ONCE = 100
_DIGEST = 36  # characters that MLflow keeps of a data set's digest


class TrackedRun:
    """A run of an experiment. If its store fails, it warns once and goes on in a local SQLite file.

    Where MLflow is not installed, that is said once, and nothing is tracked. What was logged before stays where it was.
    The run in the local file has the same name, tags, parameters, texts and data sets, and its tag ``swinx.continues``
    is the id of the run that it goes on.

    Args:
        uri: MLflow's tracking URI: a server, or a SQLite file.
        local: SQLite file to go on with when ``uri`` fails.
        experiment: Name of the experiment, made if there is none.
        name: Name of the run; unique names keep a killed run and its successor apart.
        run_id: An earlier run to go on with; a new one is made if it is not there.
        system_metrics: Also log processor, memory, disk, network and GPU, by MLflow's own monitor.
    """

    def __init__(
        self,
        uri: str,
        local: str | os.PathLike[str],
        experiment: str,
        name: str,
        run_id: str | None = None,
        system_metrics: bool = False,
    ) -> None:
        be_impatient()
        self.uri = uri
        self.local = Path(local)
        self.experiment = experiment
        self.name = name
        self.run_id: str | None = run_id
        self.system_metrics = system_metrics
        self.is_lost = False  # not even the local file can be written
        self._client: Any = None
        self._monitor: Any = None
        self._tags: dict[str, str] = {}
        self._parameters: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._data_sets: list[tuple[str, str, str]] = []

    def start(self) -> str | None:
        """Open the run and return its id; None if not even the local file can be written, or MLflow is missing."""
        if importlib.util.find_spec("mlflow") is None:
            _logger.warning("%s; until then runs are recorded in their output folders alone", MISSING)
            self.is_lost = True
        self._try(lambda: None)
        return self.run_id

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        self._tags |= {key: str(value) for key, value in tags.items()}
        self._try(self._write_tags)

    def parameters(self, parameters: Mapping[str, Any]) -> None:
        """Log parameters; MLflow lets none of a run change, and so the first value of each stays."""
        self._parameters = {k: str(v)[:_LONGEST_PARAMETER] for k, v in parameters.items()} | self._parameters
        self._try(self._write_parameters)

    def metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log numbers of one step or epoch."""
        self._try(lambda: self._write_metrics(metrics, step))

    def artifact(self, path: str | os.PathLike[str], folder: str | None = None) -> None:
        """Log a file, or all files of a folder; one that is not there is left out."""
        place = Path(path)
        if place.is_dir():
            self._try(lambda: self._client.log_artifacts(self.run_id, str(place), folder))
        elif place.is_file():
            self._try(lambda: self._client.log_artifact(self.run_id, str(place), folder))

    def text(self, content: str, name: str) -> None:
        """Log a text as an artifact."""
        self._texts[name] = content
        self._try(lambda: self._client.log_text(self.run_id, content, name))

    def data_set(self, name: str, sha256: str, source: str) -> None:
        """Name the data as an input of the run, with its hash as digest."""
        self._data_sets.append((name, sha256, source))
        self._try(lambda: self._write_data_set(name, sha256, source))

    def register(self, model: str | os.PathLike[str], name: str, sha256: str) -> None:
        """Keep the folder of an MLflow model with the run, and make it the newest version of a registered model.

        Every version has a folder of its own, so that a later one leaves it as it is. Weights that are the newest
        version already do not become one again.

        Args:
            model: The folder.
            name: Name in the registry.
            sha256: Of the weights.
        """
        self._try(lambda: self._write_model(Path(model), name, sha256))

    def call(self, action: Callable[[Any, str], object]) -> None:
        """Do something else with MLflow's client and the run's id."""
        self._try(lambda: action(self._client, str(self.run_id)))

    def end(self, status: str = "FINISHED") -> None:
        """Close the run: ``FINISHED``, ``FAILED`` or ``KILLED``."""
        if self._monitor is not None:
            self._monitor.finish()
            self._monitor = None
        if self._client is not None:
            self._try(lambda: self._client.set_terminated(self.run_id, status))

    def _try(self, action: Callable[[], object]) -> None:
        if self.is_lost:
            return
        for uri in dict.fromkeys([self.uri, sqlite_uri(self.local)]):
            opened = False
            try:
                if self.uri != uri:
                    self._move(uri)
                elif self._client is None:
                    self._open()
                opened = True
                action()
                return
            except Exception as error:  # a tracker fails in every way that networks, disks and databases do
                reason = visible(without_credentials(" ".join(str(error).split())))[:300]
                if opened and getattr(error, "error_code", None) in _REFUSED and self._is_active():
                    _logger.warning("MLflow does not take something, which is left out: %s", reason)
                    return
                if self.uri != sqlite_uri(self.local):
                    place = without_credentials(self.uri)
                    _logger.warning("MLflow at %s: %s; tracking goes on in %s", place, reason, self.local)
                else:
                    _logger.warning("MLflow cannot write %s: %s; nothing more is tracked", self.local, reason)
                    self.is_lost = True

    def _move(self, uri: str) -> None:
        """Go on at another place, with all that is known of the run."""
        before = self.run_id
        self.uri, self._client, self.run_id = uri, None, None
        if before is not None:
            self._tags["swinx.continues"] = before
        self._open()
        for name, content in self._texts.items():
            self._client.log_text(self.run_id, content, name)
        for data_set in self._data_sets:
            self._write_data_set(*data_set)

    def _is_active(self) -> bool:
        """Tell a run that takes what is written from one that was deleted meanwhile."""
        try:
            return bool(self._client.get_run(self.run_id).info.lifecycle_stage == "active")
        except Exception:  # it is gone, or the store is
            return False

    def _open(self) -> None:
        from mlflow import MlflowClient

        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        with alone_in(self.uri):
            client = MlflowClient(tracking_uri=self.uri)
            number = _experiment(client, self.experiment, artifacts_beside(self.uri))
        if self.run_id is None or not _reopen(client, self.run_id):
            self.run_id = client.create_run(number, run_name=self.name).info.run_id
        _check_artifacts(client, self.run_id, self.uri)
        self._client = client
        self._write_tags()
        self._write_parameters()
        if self.system_metrics:
            self._monitor = _start_monitor(str(self.run_id), self.uri)

    def _write_tags(self) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in self._tags.items()])

    def _write_parameters(self) -> None:
        from mlflow.entities import Param

        known = self._client.get_run(self.run_id).data.params
        new = [Param(key, value) for key, value in self._parameters.items() if key not in known]
        changed = {key: value for key, value in self._parameters.items() if known.get(key, value) != value}
        if changed:
            told = ", ".join(f"{key} {known[key]} -> {value}" for key, value in sorted(changed.items()))
            _logger.warning("the run goes on with other settings, which MLflow shows as tags: %s", told[:_LONGEST_LINE])
            self.tags({f"resumed.{key}": value for key, value in changed.items()})
        for start in range(0, len(new), _PARAMETERS_AT_ONCE):
            self._client.log_batch(self.run_id, params=new[start : start + _PARAMETERS_AT_ONCE])

    def _write_data_set(self, name: str, sha256: str, source: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        place, profile = json.dumps({"uri": source}), json.dumps({"sha256": sha256})
        found = Dataset(name, sha256[:_DIGEST], "local", place, profile=profile)
        self._client.log_inputs(self.run_id, [DatasetInput(found, [InputTag("mlflow.data.context", name)])])

    def _write_model(self, model: Path, name: str, sha256: str) -> None:
        from mlflow.exceptions import MlflowException

        versions = self._client.search_model_versions(f"name = '{name}'")
        newest = max(versions, key=lambda version: int(version.version), default=None)
        if newest is not None and newest.tags.get("sha256") == sha256:
            return
        folder = f"model-{sha256[:_DIGEST]}"
        self._client.log_artifacts(self.run_id, str(model), folder)
        with contextlib.suppress(MlflowException):  # it is there already, or the next call says what is wrong
            self._client.create_registered_model(name)
        place = f"{self._client.get_run(self.run_id).info.artifact_uri}/{folder}"
        self._client.create_model_version(name, place, self.run_id, tags={"sha256": sha256})

    def _write_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        batch = [Metric(name, float(value), now, step) for name, value in metrics.items()]
        self._client.log_batch(self.run_id, metrics=batch)


def be_impatient() -> None:
    """Let MLflow give up within seconds, unless its user has said otherwise."""
    for key, value in _PATIENCE.items():
        os.environ.setdefault(key, value)


def _experiment(client: Any, name: str, artifacts: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifacts))
        except MlflowException:  # another process was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _reopen(client: Any, run_id: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        client.update_run(run_id, status="RUNNING")
    except MlflowException:
        return False
    return True


def _check_artifacts(client: Any, run_id: str, uri: str) -> None:
    """Refuse a SQLite file, which may come from somebody else, that sends files to another machine.

    Raises:
        ConnectionError: If it does, and is not the one that the user's environment names.
    """
    if sqlite_path(uri) is None or names_same_store(uri, os.environ.get("MLFLOW_TRACKING_URI", "")):
        return
    artifacts = client.get_run(run_id).info.artifact_uri
    if urlsplit(artifacts).scheme not in ("", "file"):
        raise ConnectionError(TrackingRules.FOREIGN_ARTIFACTS.says(address=without_credentials(artifacts)))


def _start_monitor(run_id: str, uri: str) -> Any:
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    monitor: Any = SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=uri)  # type: ignore[no-untyped-call]
    monitor.start()
    return monitor
