"""Records of the cases of a refinement, by which an interrupted run continues."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Events
from monai.engines import Workflow

from swinx.data import LabelPlace, label_path
from swinx.errors import CaseError
from swinx.files import EarlierFiles, file_sha256, write_json
from swinx.refinement.label_of_case import content_to_record
from swinx.refinement.refinement_cases import CASE_FILE_ENDS, record_path
from swinx.rules import ReadingRules

__all__ = ["RefinementRecords"]


class RefinementRecords:
    """Handler that writes ``records/<case>.json`` when the files of a case are there; the record is what makes it done.

    Records hold neither times nor output paths, so that an interrupted and continued run leaves the same bytes as an
    uninterrupted one. A case that fails has neither files nor record: the files of an earlier run are removed, those
    that another process has finished meanwhile stay, and those that someone else wrote or changed.

    Args:
        output_dir: Folder of the refined labels.
        settings: Fingerprint of teacher, policy and filters, by which a later run recognises its own records.
    """

    def __init__(self, output_dir: str, settings: str) -> None:
        self.output_dir = Path(output_dir)
        self.settings = settings
        self.done: list[str] = []
        self.failed: list[dict[str, str]] = []
        self.logger = logging.getLogger(__name__)
        self._items: dict[str, Mapping[str, Any]] = {}
        self._earlier = EarlierFiles()

    def attach(self, engine: Workflow) -> None:
        """Listen to an evaluator whose ``iteration_update`` is a :class:`swinx.inference.CaseIteration`."""
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end_case)

    def _begin(self, engine: Workflow) -> None:
        self.done, self.failed = [], []
        items: Sequence[Mapping[str, Any]] = getattr(getattr(engine.data_loader, "dataset", None), "data", ())
        self._items = {item["case"]: item for item in items}
        self._earlier = EarlierFiles(path for case in self._items for path in self._files_of(case))

    def _end_case(self, engine: Workflow) -> None:
        number = f"[{engine.state.iteration}/{engine.state.epoch_length}]"
        output = engine.state.output
        if isinstance(output, dict) and "failure" in output:
            self._fail(number, str(output["case"]), str(output["failure"]))
            return
        result = output[0]
        case = str(engine.state.batch[0]["case"])
        try:
            stamps = engine.state.batch[0].get("stamps", {})
            write_json(record_path(self.output_dir, case), self._record(case, result, stamps))
        except (CaseError, OSError) as error:
            self._fail(number, case, str(error))
            return
        self.done.append(case)
        for note in result["notes"]:
            self.logger.warning("%s: %s", case, note)
        self.logger.info("%s %s refined", number, case)

    def _read_content(self, place: LabelPlace, stamp: str | None) -> dict[str, Any]:
        content = content_to_record(place)
        if stamp is not None and stamp != content.get("stamp"):
            raise CaseError(label_path(place), ReadingRules.CHANGED.says())
        return content

    def _record(self, case: str, result: Mapping[str, Any], stamps: Mapping[str, str]) -> dict[str, Any]:
        item = self._items[case]
        label_map = {"label_map": item["label_map"]} if "label_map" in item else {}
        return {
            "case": case,
            "settings": self.settings,
            "section": item["section"],
            "annotated": list(item["annotated"]),
            "annotated_source": item["annotated_source"],
            "image": self._read_content(item["image"], stamps.get("image")),
            "label": self._read_content(item["label"], stamps.get("label")) if item.get("label") else None,
            **label_map,
            "files": {name: file_sha256(self.output_dir / name) for name in result["saved"]},
            "notes": list(result["notes"]),
            "refinement": result["refinement"],
        }

    def _files_of(self, case: str) -> list[Path]:
        """Return the files of a case, the record first: without it the case counts as not done."""
        return [record_path(self.output_dir, case), *(self.output_dir / f"{case}{end}" for end in CASE_FILE_ENDS)]

    def _fail(self, number: str, case: str, reason: str) -> None:
        self.failed.append({"case": case, "reason": reason})
        self.logger.error("%s %s failed: %s", number, case, reason)
        if "kept" not in self._items.get(case, {}):
            self._earlier.remove(self._files_of(case))

    def all_failures(self) -> list[dict[str, str]]:
        """Return the failed cases of all processes, by name; every process must call it."""
        gathered: Any = idist.all_gather(json.dumps(self.failed))
        texts = [gathered] if isinstance(gathered, str) else gathered
        self.failed = sorted(
            (failure for text in texts for failure in json.loads(text)), key=lambda failure: failure["case"]
        )
        return self.failed

    def exit_if_failed(self) -> None:
        """End the program with exit code 1 if a case failed.

        Raises:
            SystemExit: If so; the log names each case and why.
        """
        for failure in self.failed:
            self.logger.error("failed: %s: %s", failure["case"], failure["reason"])
        if self.failed:
            raise SystemExit(1)
