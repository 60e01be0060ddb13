"""Probe the features that an evaluation run has collected."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swinx.data import patient_of
from swinx.errors import DataListError
from swinx.labels import CLASS_NAMES
from swinx.pretraining.probe.feature_records import CaseFeatures, FeatureRecords
from swinx.pretraining.probe.linear_probe import Probe, ProbeScores, VoxelFeatures, require_probe, run_probe
from swinx.pretraining.probe.probe_comparison import compare_probes
from swinx.pretraining.probe.probe_files import PROBE_FILES, ProbeReport, write_probe
from swinx.pretraining.probe.probed_encoders import PRETRAINED

__all__ = ["probe_encoders"]


def probe_encoders(
    records: FeatureRecords,
    output_dir: str | os.PathLike[str],
    probe: Probe = "linear",
    fit_section: str = "training",
    section: str = "validation",
    settings: Mapping[str, Any] | None = None,
    cases: Sequence[Mapping[str, Any]] = (),
) -> ProbeReport:
    """Fit one classifier per encoder on the cases of one section, test it on those of another, and write the figures.

    The classes are those found in both sections. All encoders are probed on the same voxels.

    Note:
        Where the cases to fit on are partly annotated, a class goes along with the scanner and the contrast phase of
        those who annotated it, and a classifier can learn these instead. It is the same for all encoders; figures
        of absolute worth need cases to fit on in which every organ is annotated.

    Args:
        records: What the evaluation run has collected.
        output_dir: Folder for ``probe.json``, ``probe.csv``, ``probe.md`` and ``probe.png``; those of an earlier run
            are removed first.
        probe: ``"linear"`` or ``"knn"``, see :func:`swinx.pretraining.run_probe`.
        fit_section: Section to fit on.
        section: Section to test on.
        settings: Recorded as they are in ``probe.json``.
        cases: Entries of the data list; cases of one ``patient`` are one pair of the test.

    Raises:
        DataListError: If a section has no usable case, or the two have fewer than two classes in common.
        ValueError: If the kind of probe is unknown, or the features are not finite.
        OSError: If a file cannot be written.
    """
    folder = Path(output_dir)
    require_probe(probe)
    for path in (folder / name for name in PROBE_FILES):
        if path.is_file():
            path.unlink()  # it would pass for figures of this run
    fit_cases, test_cases = (_cases_of(records, name) for name in (fit_section, section))
    classes = _common_classes({fit_section: fit_cases, section: test_cases})
    scores: dict[str, ProbeScores] = {}
    for name in fit_cases[0].features:
        fit, test = (_gather(cases, name).of_classes(classes) for cases in (fit_cases, test_cases))
        scores[name] = run_probe(fit, test, probe)
    patients = {str(item["case"]): patient for item in cases if (patient := patient_of(item)) is not None}
    report = ProbeReport(
        kind=probe,
        sections=(fit_section, section),
        cases=(tuple(case.case for case in fit_cases), tuple(case.case for case in test_cases)),
        fit_voxels=tuple(int((fit.classes == label).sum()) for label in classes),
        comparison=compare_probes(scores.pop(PRETRAINED), list(scores.values()), patients),
        failed=tuple(records.failed),
        empty=tuple(records.empty),
        settings=dict(settings or {}),
    )
    write_probe(report, folder)
    return report


def _cases_of(records: FeatureRecords, section: str) -> list[CaseFeatures]:
    found = [case for case in records.done if case.section == section]
    if not found:
        why = f"; the first that failed: {records.failed[0]['reason']}" if records.failed else ""
        raise DataListError(f"section {section!r}: not one case could be used for the probe{why}")
    return found


def _common_classes(sections: Mapping[str, Sequence[CaseFeatures]]) -> list[int]:
    found = {name: {int(label) for case in cases for label in case.classes} for name, cases in sections.items()}
    common = sorted(set.intersection(*found.values()))
    if len(common) < 2:
        names = {name: [CLASS_NAMES[label] for label in sorted(labels)] for name, labels in found.items()}
        told = "; ".join(f"{name} has {', '.join(labels)}" for name, labels in names.items())
        raise DataListError(
            f"a probe tells classes apart and needs two or more that are annotated in both sections: {told}; choose "
            "other sections, or more cases (max_fit_cases)"
        )
    return common


def _gather(cases: Sequence[CaseFeatures], encoder: str) -> VoxelFeatures:
    return VoxelFeatures(
        features=np.concatenate([case.features[encoder] for case in cases]),
        classes=np.concatenate([case.classes for case in cases]),
        cases=np.concatenate([np.full(len(case.classes), case.case) for case in cases]),
    )
