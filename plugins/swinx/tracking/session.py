"""From the start of a tracked run to its end: settings, what is told at either, and the sidecars of what it makes."""

from __future__ import annotations

import atexit
import json
import logging
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from swinx.bundle import active_configuration, flat_settings
from swinx.errors import DataListError, RecordError
from swinx.files import json_sha256, read_object, write_json
from swinx.rules import TrackingRules
from swinx.tracking.abrupt_end import end_by_exception_on_sigterm, was_stopped
from swinx.tracking.addresses import without_credentials
from swinx.tracking.facts import environment, run_tags
from swinx.tracking.lineage import artefact_hash, upstream_of, write_sidecar
from swinx.tracking.mlflow_model import save_mlflow_model
from swinx.tracking.sidecar_schema import check_run_record
from swinx.tracking.stores import choose_store, named_stores, store_of_earlier_run
from swinx.tracking.tracked_run import TrackedRun
from swinx.tracking.upload import for_upload, upload_roots
from swinx.visible_text import visible

__all__ = ["TrackingSession", "provenance"]

_logger = logging.getLogger(__name__)

_SETTINGS: Mapping[str, Any] = {
    "tracking_uri": None,
    "experiment": "swinx",
    "system_metrics": True,
    "step_interval": 10,
}
_OFF = ("0", "off", "false", "no")
_current: dict[str, Any] = {}
_runs: list[TrackedRun] = []  # the active one, which may have moved since it began


def provenance() -> dict[str, Any]:
    """Return the active run of this process for the sidecar of an artefact; empty if there is none.

    ``run_id``, ``tracking_uri`` (without credentials), ``stage``, ``config_sha256``, ``data_sha256`` and ``upstream``.
    """
    if not _runs or not _current:
        return dict(_current)
    return {**_current, "run_id": _runs[-1].run_id, "tracking_uri": without_credentials(_runs[-1].uri)}


class TrackingSession:
    """A run in MLflow, from the active configuration to the artefacts that come out.

    Settings are read from ``mlflow.json`` among the bundle's configurations: ``tracking_uri`` (None: the environment
    variable ``MLFLOW_TRACKING_URI``, or else ``mlflow.db`` at the root of the project), ``experiment``,
    ``system_metrics`` and ``step_interval``. The environment variable ``SWINX_MLFLOW=off`` switches tracking off.
    What is sent holds neither credentials nor absolute paths (:func:`swinx.tracking.upload.for_upload`).

    Args:
        stage: ``pretraining``, ``probe``, ``teacher``, ``refinement``, ``training`` or ``evaluation``.
        bundle_root: Folder of the bundle.
        output_dir: Folder of the run; gets ``mlflow_run.json``, and ``mlflow.db`` if the tracker is away.
        upstream: What the run starts from, by name: files or folders; None for what is not given.
        cases: What tells the data of this run from others, as JSON has it, where there is no file that ``upstream``
            has as ``data``; that file's hash, or this one's, is the fingerprint of the data.
        artifacts: Patterns below ``artifacts_dir`` of files to log at the end.
        artifacts_dir: By default ``output_dir``.
        registered_model: Name in MLflow's registry under which the first product becomes a new version.
        enabled: False tracks nothing.
    """

    def __init__(
        self,
        stage: str,
        bundle_root: str,
        output_dir: str,
        upstream: Mapping[str, Any] | None = None,
        cases: Any = None,
        artifacts: Sequence[str] = (),
        artifacts_dir: str | None = None,
        registered_model: str | None = None,
        enabled: bool = True,
    ) -> None:
        self.stage = stage
        self.bundle_root = Path(bundle_root)
        self.output_dir = Path(output_dir)
        self.upstream = {name: Path(place) for name, place in (upstream or {}).items() if place is not None}
        self.cases = cases
        self.artifacts = list(artifacts)
        self.artifacts_dir = Path(artifacts_dir or output_dir)
        self.registered_model = registered_model
        self.enabled = bool(enabled) and os.environ.get("SWINX_MLFLOW", "").lower() not in _OFF
        self.configuration = active_configuration() if self.enabled else {}
        self.settings = self._read_settings() if self.enabled else dict(_SETTINGS)
        self.run: TrackedRun | None = None

    def begin(self, resume: bool = False) -> None:
        """Open the run and tell MLflow what it is.

        Args:
            resume: Go on with the run that ``output_dir`` names, if there is one.
        """
        if not self.enabled or self.run is not None:
            return
        earlier = self._earlier() if resume else {}
        name = f"{self.stage}-{datetime.now().astimezone():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        uri = earlier.get("tracking_uri") or choose_store(self.settings["tracking_uri"], self.bundle_root)
        self.run = TrackedRun(
            uri,
            self.output_dir / "mlflow.db",
            self.settings["experiment"],
            str(earlier.get("name") or name),
            earlier.get("run_id"),
            self.settings["system_metrics"],
        )
        roots = upload_roots(self.bundle_root, self.output_dir)
        sources = [upstream_of(key, place) for key, place in self.upstream.items()]
        self.run.start()
        self.run.tags(for_upload(run_tags(self.stage, self.bundle_root) | _upstream_tags(sources), roots))
        self.run.parameters(for_upload(flat_settings(self.configuration), roots))
        self.run.text(json.dumps(for_upload(self.configuration, roots), indent=2), "config.json")
        self.run.text(json.dumps(for_upload(environment(), roots), indent=2), "environment.json")
        data_hash = self._data_hash(sources)
        if data_hash is not None:
            place = self.upstream.get("data", self.output_dir).absolute()
            self.run.data_set(self.stage, data_hash, for_upload(place, roots))
        _runs[:] = [self.run]
        _current.clear()
        _current.update(
            stage=self.stage,
            config_sha256=json_sha256(self.configuration),
            data_sha256=data_hash,
            upstream=sources,
        )
        self._write_own_record()
        atexit.register(self._end_too_early)  # does nothing once the run has ended
        end_by_exception_on_sigterm()

    def end(self, status: str = "FINISHED", products: Sequence[str | os.PathLike[str]] = ()) -> None:
        """Log the artifacts, write sidecars beside the products and close the run.

        Args:
            status: ``FINISHED``, ``FAILED`` or ``KILLED``.
            products: Data lists and models that came out.
        """
        if self.run is None:
            return
        for product in products:
            if Path(product).exists():
                self.sign(product)
        for pattern in self.artifacts:
            for path in sorted(self.artifacts_dir.glob(pattern)):
                self.run.artifact(path, Path(pattern).parent.as_posix() if "/" in pattern else None)
        if status == "FINISHED" and self.registered_model and products and Path(products[0]).is_file():
            self._register(self.registered_model, products[0])
        self.run.end(status)
        self._write_own_record()
        self.run = None
        _current.clear()
        _runs.clear()

    def _end_too_early(self) -> None:
        """Close a run whose process ends before it: killed, if somebody stopped it."""
        self.end("KILLED" if was_stopped() else "FAILED")

    def sign(self, product: str | os.PathLike[str]) -> None:
        """Write the sidecar of something that this run made; a fault is told and ends nothing."""
        try:
            write_sidecar(product, provenance())
            if self.run is not None:
                self.run.tags({f"product.{Path(product).name}.sha256": artefact_hash(product)})
        except OSError as error:
            _logger.warning("no sidecar for %s: %s", product, error)

    def _register(self, name: str, checkpoint: str | os.PathLike[str]) -> None:
        if self.run is None or self.run.is_lost:
            return
        with tempfile.TemporaryDirectory() as folder:
            try:
                model = save_mlflow_model(folder, self.bundle_root, checkpoint, flat_settings(self.configuration))
            except Exception as error:  # nothing about tracking ends a run
                _logger.warning("%s is not registered as %s: %s", checkpoint, name, without_credentials(error))
                return
            self.run.register(model, name, artefact_hash(checkpoint))

    def _data_hash(self, sources: Sequence[Mapping[str, Any]]) -> str | None:
        listed = next((source["sha256"] for source in sources if source["name"] == "data"), None)
        if listed is not None or self.cases is None:
            return listed
        return json_sha256(self.cases)

    def _read_settings(self) -> dict[str, Any]:
        path = self.bundle_root / "configs" / "mlflow.json"
        if not path.is_file():
            return dict(_SETTINGS)
        try:
            content = read_object(path)
        except (OSError, RecordError) as error:
            raise DataListError(
                f"{error}; settings of MLflow that cannot be read, delete them for the defaults"
            ) from error
        if unknown := sorted(set(content) - set(_SETTINGS)):
            raise DataListError(f"{path}: unknown settings {unknown}; there are {', '.join(_SETTINGS)}")
        settings = {**_SETTINGS, **content}
        interval = settings["step_interval"]
        if not isinstance(interval, int) or isinstance(interval, bool) or interval < 1:
            raise DataListError(f"{path}: step_interval {interval!r} is no number of steps; give 1 or more")
        if not isinstance(settings["tracking_uri"], str | None) or not isinstance(settings["experiment"], str):
            raise DataListError(f"{path}: tracking_uri and experiment are texts; give them in quotes")
        return settings

    def _earlier(self) -> dict[str, Any]:
        """Return name, id and store of the run that ``output_dir`` names, if it may be gone on with; else nothing."""
        path = self.output_dir / "mlflow_run.json"
        try:
            record = check_run_record(read_object(path), str(path))
        except FileNotFoundError:
            return {}
        except (OSError, RecordError) as error:
            _logger.warning("%s; the run becomes a new one in MLflow", error)
            return {}
        recorded = record.get("tracking_uri")
        if recorded is None:
            return {}
        named = named_stores(self.settings["tracking_uri"], self.bundle_root)
        store = store_of_earlier_run(recorded, named, self.output_dir)
        if store is None:
            told = TrackingRules.OTHER_STORE.says(address=visible(recorded), store=without_credentials(named[0]))
            _logger.warning("%s %s", path, told)
            return {}
        return record | {"tracking_uri": store}

    def _write_own_record(self) -> None:
        if self.run is None:
            return
        place = without_credentials(self.run.uri)
        record = {"name": self.run.name, "run_id": self.run.run_id, "tracking_uri": place}
        try:
            write_json(self.output_dir / "mlflow_run.json", record)
        except OSError as error:
            _logger.warning("a resumed run will be a new one in MLflow: %s", error)


def _upstream_tags(sources: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for source in sources:
        name = f"upstream.{source['name']}"
        known = {"": source["run_id"], ".path": source["path"], ".sha256": source["sha256"]}
        tags |= {name + key: str(value) for key, value in known.items() if value is not None}
        if source["matches"] is False:
            tags[f"{name}.changed"] = "true"
    return tags
