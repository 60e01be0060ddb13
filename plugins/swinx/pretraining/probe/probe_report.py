"""Probes of all encoders of a run: ``probe.json``, and the table, page and picture that are made from it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swinx import __version__
from swinx.bundle import active_configuration, flat_settings
from swinx.data import patient_of
from swinx.errors import DataListError
from swinx.figures import write_figure
from swinx.files import write_atomic, write_json, write_table
from swinx.labels import FLARE23, LabelSet
from swinx.pretraining.probe.linear_probe import Probe, ProbeScores, VoxelFeatures, compare_encoders, run_probe
from swinx.pretraining.probe.probe_page import draw_probe, probe_page, probe_table
from swinx.pretraining.probe.probed_encoders import PRETRAINED
from swinx.pretraining.probe.voxel_features import CaseFeatures, FeatureRecords

__all__ = ["ProbeReport", "probe_encoders"]


@dataclass(frozen=True)
class ProbeReport:
    """Content of ``probe.json``: figures of all encoders, and what they were measured on."""

    content: Mapping[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        """The main figures by name, for a tracker."""
        trained, random = self.content["encoders"][PRETRAINED], self.content["random"]
        return {
            "balanced_accuracy": trained["balanced_accuracy"],
            "macro_f1": trained["macro_f1"],
            "random_balanced_accuracy": random["balanced_accuracy"]["mean"],
            "random_macro_f1": random["macro_f1"]["mean"],
            "chance": self.content["chance"],
            "gain": self.content["paired"]["mean"],
            "gain_p": self.content["paired"]["p"],
        }

    @property
    def text(self) -> str:
        """The page of the probe, as in ``probe.md``."""
        return probe_page(self.content)


def probe_encoders(
    records: FeatureRecords,
    output_dir: str | os.PathLike[str],
    probe: Probe = "linear",
    fit_section: str = "training",
    section: str = "validation",
    cases: Sequence[Mapping[str, Any]] = (),
    label_set: LabelSet = FLARE23,
) -> ProbeReport:
    """Fit one classifier per encoder on the cases of one section, test it on those of another, and write the report.

    The classes are those of both sections. All encoders are probed on the same voxels.

    Note:
        Where the cases to fit on are partly annotated, a class goes along with the scanner and the contrast phase of
        its annotated cases, and a classifier can learn these instead. It is the same for all encoders; figures of
        absolute worth need cases to fit on in which every organ is annotated.

    Args:
        records: Features that the evaluation run has collected.
        output_dir: Folder of ``probe.json``, ``probe.csv``, ``probe.md`` and ``probe.png``; those of an earlier run
            are removed first.
        probe: ``"linear"`` or ``"knn"``, see :func:`swinx.pretraining.run_probe`.
        fit_section: Section of the data list to fit on.
        section: Section to test on.
        cases: Entries of the data list; cases of one ``patient`` are one pair of the test.
        label_set: The classes.

    Raises:
        DataListError: If a section has no usable case, or the two have fewer than two classes in common.
        ValueError: If the kind of probe is unknown, or the features are not finite.
        OSError: If a file cannot be written.
    """
    folder = Path(output_dir)
    for path in (folder / f"probe.{suffix}" for suffix in ("json", "csv", "md", "png")):
        if path.is_file():
            path.unlink()  # it would pass for a file of this run
    fit_cases, test_cases = (_cases_of(records, name) for name in (fit_section, section))
    classes = _common_classes({fit_section: fit_cases, section: test_cases}, label_set)
    scores: dict[str, ProbeScores] = {}
    for encoder in fit_cases[0].features:
        fit, test = (_gather(found, encoder).of_classes(classes) for found in (fit_cases, test_cases))
        scores[encoder] = run_probe(fit, test, probe)
    patients = {str(item["case"]): patient for item in cases if (patient := patient_of(item)) is not None}
    random = [found for encoder, found in scores.items() if encoder != PRETRAINED]
    found = compare_encoders(scores[PRETRAINED], random, patients)
    found["random"]["recall"] = _named(classes, found["random"]["recall"], label_set)
    content = {
        "probe": probe,
        "labels": label_set.as_json(),
        "sections": {"fit": fit_section, "test": section},
        "cases": {"fit": [case.case for case in fit_cases], "test": [case.case for case in test_cases]},
        "classes": [label_set.names[label] for label in classes],
        "fit_voxels": _named(classes, [int((fit.classes == label).sum()) for label in classes], label_set),
        **found,
        "encoders": {encoder: _as_json(one, label_set) for encoder, one in scores.items()},
        "failed": list(records.failed),
        "empty": list(records.empty),
        "settings": flat_settings(active_configuration()),
        "versions": {"swinx": __version__, "torch": torch.__version__, "scikit-learn": version("scikit-learn")},
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    report = ProbeReport(content)
    write_json(folder / "probe.json", content)
    write_table(folder / "probe.csv", probe_table(content, label_set))
    with write_atomic(folder / "probe.md") as partial:
        partial.write_text(report.text, encoding="utf-8")
    write_figure(draw_probe(content), folder / "probe.png", dpi=130)
    return report


def _cases_of(records: FeatureRecords, section: str) -> list[CaseFeatures]:
    found = [case for case in records.done if case.section == section]
    if not found:
        why = f"; the first that failed: {records.failed[0]['reason']}" if records.failed else ""
        raise DataListError(f"section {section!r}: not one case could be used for the probe{why}")
    return found


def _common_classes(sections: Mapping[str, Sequence[CaseFeatures]], label_set: LabelSet) -> list[int]:
    found = {name: {int(label) for case in cases for label in case.classes} for name, cases in sections.items()}
    common = sorted(set.intersection(*found.values()))
    if len(common) < 2:
        names = {name: label_set.listed(sorted(labels)) for name, labels in found.items()}
        raise DataListError(
            "a probe needs two or more classes that are annotated in both sections: "
            f"{'; '.join(f'{name} has {of_it}' for name, of_it in names.items())}; choose other sections, or more "
            "cases (max_fit_cases)"
        )
    return common


def _gather(cases: Sequence[CaseFeatures], encoder: str) -> VoxelFeatures:
    return VoxelFeatures(
        features=np.concatenate([case.features[encoder] for case in cases]),
        classes=np.concatenate([case.classes for case in cases]),
        cases=np.concatenate([np.full(len(case.classes), case.case) for case in cases]),
    )


def _named(classes: Sequence[int], values: Sequence[Any], label_set: LabelSet) -> dict[str, Any]:
    return {label_set.names[label]: value for label, value in zip(classes, values, strict=True)}


def _as_json(scores: ProbeScores, label_set: LabelSet) -> dict[str, Any]:
    content = asdict(scores)
    classes = content.pop("classes")
    return content | {name: _named(classes, content[name], label_set) for name in ("recall", "f1")}
