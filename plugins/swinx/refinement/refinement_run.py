"""A refinement of the cases of a data list: every step in its order."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.engines import Evaluator

from swinx.files import absolute_path
from swinx.labels import FLARE23, LabelSet
from swinx.refinement.cases_table import implausible_in_all, write_cases_table
from swinx.refinement.policies.fusion import check_label_sets
from swinx.refinement.policies.selection import (
    PredictedSomewhere,
    SelectionRule,
    Verdict,
    require_something_known,
    select_cases,
)
from swinx.refinement.refined_list import write_manifest, write_refined_list
from swinx.refinement.refinement_cases import finished_records, load_refinement_cases, pending_cases
from swinx.refinement.refinement_record_settings import RefinementSettings
from swinx.refinement.refinement_records import RefinementRecords
from swinx.runs import MLflowRun

__all__ = ["RefinementRun"]

_logger = logging.getLogger(__name__)

_Cases = Sequence[dict[str, Any]]
_Records = Mapping[str, Mapping[str, Any]]
_Verdicts = Mapping[str, Verdict]


@dataclass(frozen=True)
class RefinementRun:
    """A refinement of all cases of a data list, which goes on where an earlier run was interrupted.

    :meth:`run` is the whole journey. The same cases, settings and rules make the same bytes.

    Args:
        data_list: JSON file of the cases.
        sections: Sections to refine; the others are taken over into the new list.
        base_dir: Data directory that paths are relative to.
        annotated: A manifest of the annotated classes, or ``"inferred"``, see
            :func:`swinx.refinement.load_refinement_cases`.
        output_dir: Folder of refined labels, records and tables.
        settings: Teacher, policy and filters; cases with a record of other settings are refined again.
        dataset: Makes the data set of ``data``, cases to refine (``"_mode_": "callable"`` in a configuration).
        dataloader: Makes the loader of ``dataset``.
        evaluator: Makes the MONAI evaluator of ``val_data_loader``: its network is the teacher, its postprocessing
            refines and saves a case, and ``records`` is one of its handlers.
        records: Records of the cases that are done, and of those that failed.
        tracking: Run in MLflow, see :class:`swinx.runs.MLflowRun`.
        selection: Rules for the cases and classes to train on; without any, all refined cases of which something is
            known.
        drop_unpredicted: Whether :class:`swinx.refinement.PredictedSomewhere` is one of the rules.
        rank: Number of this process; process 0 writes lists and tables.
        world_size: Number of processes, which share the cases.
        label_set: The classes; rules and settings are of the same.

    Raises:
        ValueError: If a rule is of another label set.
    """

    data_list: str | os.PathLike[str]
    sections: str | Sequence[str]
    base_dir: str | os.PathLike[str]
    annotated: str | os.PathLike[str] | None
    output_dir: str | os.PathLike[str]
    settings: RefinementSettings
    dataset: Callable[..., Any]
    dataloader: Callable[..., Any]
    evaluator: Callable[..., Evaluator]
    records: RefinementRecords
    tracking: MLflowRun
    selection: Sequence[SelectionRule] = ()
    drop_unpredicted: bool = True
    rank: int = 0
    world_size: int = 1
    label_set: LabelSet = FLARE23

    def __post_init__(self) -> None:
        check_label_sets(self.rules, self.label_set)

    @property
    def folder(self) -> Path:
        """Folder of the results."""
        return absolute_path(self.output_dir)

    @property
    def rules(self) -> list[SelectionRule]:
        """All rules of the selection, in order."""
        return [*([PredictedSomewhere(label_set=self.label_set)] if self.drop_unpredicted else []), *self.selection]

    def run(self) -> None:
        """Refine what is not refined yet, then select the cases to train on and list them.

        Raises:
            DataListError: If the list cannot be used.
            ValueError: If a rule cannot judge the cases.
            OSError: If a file cannot be written.
        """
        self.tracking.begin()
        cases = self.read_cases()
        self.refine(self.choose_pending(cases))
        failures = self.records.all_failures()  # all processes wait for each other here
        results = None
        if self.rank == 0:
            reasons = {failure["case"]: failure["reason"] for failure in failures}
            refined = finished_records(cases, self.folder, self.settings.fingerprint, reasons)
            verdicts = self.select(refined)
            selected = self.write_list(cases, refined, verdicts, reasons)
            print(self.summarise(cases, refined, selected))
            results = {"refined": len(refined), "selected": len(selected)}
        self.tracking.close(results)

    def read_cases(self) -> list[dict[str, Any]]:
        """Return all cases of the list, with what is annotated in each."""
        places = (self.data_list, self.sections, self.base_dir)
        return load_refinement_cases(*places, self.annotated, label_set=self.label_set)

    def choose_pending(self, cases: _Cases) -> _Cases:
        """Return this process's share of the cases without those that are refined already."""
        return pending_cases(cases, self.folder, self.settings.fingerprint, self.rank, self.world_size)

    def refine(self, pending: _Cases) -> None:
        """Predict, merge, filter and save case by case, in the evaluator; a case that fails is recorded as such."""
        if pending:
            loader = self.dataloader(dataset=self.dataset(data=pending))
            self.evaluator(val_data_loader=loader).run()

    def select(self, refined: _Records) -> dict[str, Verdict]:
        """Return the verdict of the rules on each refined case."""
        reports = {case: record["refinement"] for case, record in refined.items()}
        verdicts = select_cases(reports, self.rules)
        rules = [rule for rule in self.rules if isinstance(rule, PredictedSomewhere)]
        if never := {each for rule in rules for verdict in rule(reports).values() for each in verdict.drop_classes}:
            names = self.label_set.listed(sorted(never))
            _logger.warning("the teacher predicts no %s in any case; it is unknown where not annotated", names)
        return {case: require_something_known(verdict, reports[case]) for case, verdict in verdicts.items()}

    def write_list(
        self, cases: _Cases, refined: _Records, verdicts: _Verdicts, reasons: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Write ``cases.csv``, ``datalist.json`` and ``manifest.json``; return the entries to train on."""
        write_cases_table(self.folder / "cases.csv", cases, refined, verdicts, reasons, label_set=self.label_set)
        places = (self.data_list, self.base_dir)
        selected = write_refined_list(self.folder, cases, refined, verdicts, *places, label_set=self.label_set)
        names = [entry["case"] for entry in selected]
        write_manifest(self.folder / "manifest.json", self.settings, self.rules, names, refined, reasons)
        return selected

    def summarise(self, cases: _Cases, refined: _Records, selected: _Cases) -> str:
        """Return the last lines of the run; organs of implausible volume are also logged."""
        counts = f"{len(refined)} of {len(cases)} cases refined, {len(selected)} selected for training"
        text = f"{counts}: {self.folder / 'datalist.json'}"
        if implausible := implausible_in_all(
            {case: record["refinement"] for case, record in refined.items()}, label_set=self.label_set
        ):
            _logger.warning(implausible)
            text += f"\n{implausible}"
        return text
