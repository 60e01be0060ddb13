"""Records of a batch: a JSON file for each case, a summary, an exit code."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Events
from monai.engines import IterationEvents, Workflow

from swinx.bundle import active_settings
from swinx.data import record_path
from swinx.files import EarlierFiles, real_path
from swinx.geometry import reader_notes
from swinx.inference.case_dataset import with_usable_names
from swinx.inference.case_shares import done_record, share_of
from swinx.inference.record_files import check_apart, result_set, write_batch_record, write_case_record
from swinx.labels import LabelSet
from swinx.resources import ResourceMonitor
from swinx.runs import check_own

__all__ = ["CaseRecords"]


class CaseRecords:
    """Record of the time and memory of every case, and of the cases that failed, with the reason.

    Writes ``<case>.json`` beside each prediction, see :func:`swinx.data.record_path` (seconds per
    stage, peak memory, grid, the ``windows`` of a :class:`swinx.inference.SlidingWindowLabelInferer`
    and their predicted cost, and the ``measures`` that a postprocessing may have taken), and
    ``cases.json`` at the end. A run with failed cases ends with exit code 1 if :meth:`exit_if_failed` is
    the last step of the bundle's ``finalize``.

    ``warnings`` of a record are what the reader found odd about the scan, and the ``warnings`` that a
    postprocessing adds to its result. It may also add ``unwritten``, reasons why a file beside the prediction
    was not written. Such a case keeps its prediction; the summary names it, and the exit code is 1, too.

    Files that no run of swinx wrote as they are now end the run before its first case. A case that failed has no
    prediction: one that an earlier run left in the folder is removed with its record, so that it is not taken for this
    run's, by a scorer or a reader. What another process wrote since this run began stays.

    Several processes share the cases by :meth:`choose`, and the first of them tells of all by :meth:`summarise`.

    Args:
        output_dir: Folder of the predictions.
        device: Where the network runs.
        files: What is written for a case, apart from its record; ``{case}`` stands for its name.
        verb: What the run did with its cases, for the log.
        checkpoint: The weights. Each record and the summary hold the id of the set of results, which stands for the
            weights and the settings of the run, see :func:`swinx.inference.result_set`.
        label_set: The classes of predictions that are label maps: each record and the summary have them under
            ``labels``, as :func:`swinx.labels.read_label_set` reads them.
    """

    def __init__(
        self,
        output_dir: str,
        device: torch.device | str = "cpu",
        files: Sequence[str] = ("{case}.nii.gz",),
        verb: str = "segmented",
        checkpoint: str | None = None,
        label_set: LabelSet | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.files = tuple(files)
        self.verb = verb
        self.checkpoint = checkpoint
        self._labels: dict[str, Any] = {} if label_set is None else {"labels": label_set.as_json()}
        self.results: dict[str, Any] = {}
        self._settings = active_settings()
        self.monitor = ResourceMonitor(device)
        self.logger = logging.getLogger(__name__)
        self.done: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self.incomplete: list[dict[str, str]] = []
        self._clock: dict[str, float] = {}
        self._prepared: dict[str, float] = {}
        self._summarised = True
        self._earlier = EarlierFiles()
        self._files: dict[str, list[Path]] = {}
        self.cases: list[dict[str, Any]] = []
        self._kept: list[dict[str, Any]] = []
        self._told = False

    def choose(
        self, items: Sequence[dict[str, Any]], rank: int = 0, world_size: int = 1, resume: bool = False
    ) -> list[dict[str, Any]]:
        """Return the cases that this process is to do, for its data set.

        Args:
            items: All cases, the same for each process.
            rank: Number of this process.
            world_size: Number of processes.
            resume: Leave out what an earlier run has done: by these weights, settings and classes, of the scan as it is
                now, with the files as they were written. These cases are among those done.
        """
        self.cases = with_usable_names(items)
        share = share_of(self.cases, rank, world_size)
        self._kept = self._find_done(share) if resume else []
        self.done, self._told = list(self._kept), False
        kept = {record["case"] for record in self._kept}
        return [item for item in share if item["case"] not in kept]

    def _find_done(self, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        self.results = {} if self.checkpoint is None else result_set(self.checkpoint, self._settings)
        known = (self.results.get("id", ""), self._labels)
        sound = [item for item in items if "fault" not in item]
        found = [done_record(item, self.output_dir, self._predictions(item["case"]), *known) for item in sound]
        done = [record for record in found if record is not None]
        self.logger.info("%d of %d cases are done already", len(done), len(items))
        return done

    def attach(self, engine: Workflow) -> None:
        """Listen to an evaluator whose ``iteration_update`` is a ``CaseIteration``."""
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.GET_BATCH_STARTED, self._start_case)
        engine.add_event_handler(Events.ITERATION_STARTED, self._begin_record)
        engine.add_event_handler(Events.ITERATION_STARTED, self._mark, "got_batch")
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self._mark, "predicted")
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end_case)
        if idist.get_world_size() == 1:
            engine.add_event_handler(Events.COMPLETED, self.summarise)

    def _begin(self, engine: Workflow) -> None:
        self.done, self.failed, self.incomplete, self._summarised = list(self._kept), [], [], True
        self._told = False
        prepared = getattr(getattr(engine, "inferer", None), "seconds_to_prepare", None)
        self._prepared = {} if prepared is None else {"seconds_to_prepare": round(prepared, 3)}
        items = list(getattr(getattr(engine.data_loader, "dataset", None), "data", ()))
        everyone = self.cases or items  # a process may not write over what another reads
        predictions = {real_path(path): path for item in everyone for path in self._predictions(item["case"])}
        for item in everyone:
            check_apart(item, predictions)
        self._files = check_own(self.output_dir, {item["case"]: self._predictions(item["case"]) for item in items})
        self.results = {} if self.checkpoint is None else result_set(self.checkpoint, self._settings)
        self._earlier = EarlierFiles(
            path for case, files in self._files.items() for path in (*files, record_path(self.output_dir, case))
        )

    def _predictions(self, case: str) -> list[Path]:
        return [self.output_dir / pattern.replace("{case}", case) for pattern in self.files]

    def _start_case(self) -> None:
        self.monitor.start()

    def _begin_record(self, engine: Workflow) -> None:
        if "failure" not in (batch := engine.state.batch):
            case, files = str(batch["case"][0]), self._predictions(str(batch["case"][0]))
            record = {"case": case, "prediction": str(files[0]), **self._labels}
            with suppress(OSError):  # the prediction cannot be written either, which is told for its case
                write_case_record(self.output_dir, case, record, {}, files, begun=True)

    def _mark(self, name: str) -> None:
        if self.monitor.device.type == "cuda":
            torch.cuda.synchronize(self.monitor.device)
        self._clock[name] = time.perf_counter()

    def _end_case(self, engine: Workflow) -> None:
        self._mark("finished")
        memory = self.monitor.stop()
        number = f"[{engine.state.iteration}/{engine.state.epoch_length}]"
        output = engine.state.output
        if isinstance(output, dict) and "failure" in output:
            self._fail(number, str(output["case"]), str(output["failure"]))
            return
        batch, result = engine.state.batch[0], output[0]
        seconds = self._seconds(batch)
        image = batch["image"]
        affine = np.asarray(image.meta["original_affine"], dtype=float).reshape(4, 4)
        record: dict[str, Any] = {
            "case": str(batch["case"]),
            "image": str(image.meta.get("filename_or_obj", "")),
            "prediction": str(result.get("saved_to", "")),
            "shape": [int(n) for n in np.asarray(image.meta["spatial_shape"]).ravel()],
            "spacing_mm": [round(float(s), 4) for s in np.linalg.norm(affine[:3, :3], axis=0)],
            "network_shape": list(image.shape[1:]),
            "device": str(engine.state.device),
            "seconds": seconds,
            "peak_memory": asdict(memory),
        }
        if tilings := getattr(getattr(engine, "inferer", None), "tilings", None):
            record["windows"] = tilings[0].as_record()
        if "measures" in result:
            record["measures"] = result["measures"]
        if stamp := batch.get("stamps", {}).get("image"):
            record["stamp"] = stamp
        unwritten = [str(reason) for reason in result.get("unwritten", ())]
        if unwritten:
            record["unwritten"] = unwritten
        if warnings := [*reader_notes(batch), *map(str, result.get("warnings", ()))]:
            record["warnings"] = warnings
        try:
            files, record = self._predictions(record["case"]), record | self._labels
            record = write_case_record(self.output_dir, str(record["case"]), record, self.results, files)
        except OSError as error:
            self._fail(number, str(record["case"]), str(error))
            return
        self.done.append(record)
        self.incomplete += [{"case": str(record["case"]), "reason": reason} for reason in unwritten]
        self.logger.info("%s %s: %.1f s, %.0f MB", number, record["case"], seconds["total"], memory.rss_mb)
        self._tell_if_over(record)

    def _tell_if_over(self, record: Mapping[str, Any]) -> None:
        limits = record.get("windows", {}).get("limits", {})
        taken = {
            "max_seconds": record["seconds"]["total"],
            "max_ram_mb": record["peak_memory"]["rss_mb"],
            "max_gpu_mb": record["peak_memory"]["gpu_device_mb"],
        }
        for name, limit in limits.items():
            if taken[name] is not None and taken[name] > limit:
                self.logger.warning(
                    "%s: over the budget: %s %g, %.0f were taken", record["case"], name, limit, taken[name]
                )

    def _seconds(self, batch: dict[str, Any]) -> dict[str, float]:
        seconds = {
            "load": float(batch["seconds_load"]),
            "preprocess": float(batch["seconds_preprocess"]),
            "network": self._clock["predicted"] - self._clock["got_batch"],
            "save": self._clock["finished"] - self._clock["predicted"],
        }
        seconds["total"] = sum(seconds.values())
        return {stage: round(value, 3) for stage, value in seconds.items()}

    def _fail(self, number: str, case: str, reason: str) -> None:
        self.failed.append({"case": case, "reason": reason})
        self.logger.error("%s %s failed: %s", number, case, reason)
        self._earlier.remove((*self._files.get(case, ()), record_path(self.output_dir, case)))

    def summarise(self) -> None:
        """Write ``cases.json`` and log what became of the cases, once; of several processes every one must call it."""
        if self._told:
            return
        self._told = True
        if idist.get_world_size() > 1:
            self._gather()
        if idist.get_rank() != 0:
            return
        total = len(self.done) + len(self.failed)
        self.logger.info("%d of %d cases %s into %s", len(self.done), total, self.verb, self.output_dir)
        for failure in self.failed:
            self.logger.error("not %s: %s: %s", self.verb, failure["case"], failure["reason"])
        for lack in self.incomplete:
            self.logger.error("%s, but incomplete: %s: %s", self.verb, lack["case"], lack["reason"])
        facts = {**self._prepared, **self._labels}
        try:
            write_batch_record(self.output_dir, self.done, self.failed, self.incomplete, self.results, facts)
        except OSError as error:
            self._summarised = False
            self.logger.error("%s", error)

    def _gather(self) -> None:
        """Let each process know the cases of all, in the order in which they were given."""
        texts: Any = idist.all_gather(json.dumps([self.done, self.failed, self.incomplete]))
        place = {item["case"]: number for number, item in enumerate(self.cases)}
        parts = [json.loads(text) for text in texts]
        self.done, self.failed, self.incomplete = (
            sorted((entry for part in parts for entry in part[kind]), key=lambda entry: place[entry["case"]])
            for kind in range(3)
        )

    def exit_if_failed(self) -> None:
        """End the program with exit code 1 if not all went well; the log of the run names what did not.

        Raises:
            SystemExit: If any case of the last run failed or lacks a file, or ``cases.json`` could not be written.
        """
        if self.failed or self.incomplete or not self._summarised:
            raise SystemExit(1)
