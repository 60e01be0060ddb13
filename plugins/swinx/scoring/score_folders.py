"""Scoring of folders of predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from swinx.data import probe_folder, read_list
from swinx.errors import CaseError, DataListError, LabelSetError
from swinx.files import file_sha256, read_table, write_atomic, write_json, write_table
from swinx.labels import FLARE23, LabelMapping, LabelSet, class_numbers
from swinx.metrics import (
    ALL_CLASSES,
    METRICS,
    ORGAN_AVERAGE,
    Protocol,
    ScoreSummary,
    explained_table,
    score_column,
    score_table,
    summarise,
    summary_as_json,
    summary_as_markdown,
)
from swinx.rules import LabelFolderRules, ScoreRules
from swinx.scoring.case_pairs import CasePair, PathLike, pair_cases
from swinx.scoring.case_scores import CONSEQUENCE, CaseRecord, ScoredCases, score_all
from swinx.scoring.recorded_classes import classes_of_predictions
from swinx.scoring.reference_facts import (
    ReferenceList,
    choose_protocol,
    label_set_beside,
    read_reference_list,
    with_facts,
)
from swinx.scoring.result_sets import one_result_set
from swinx.scoring.score_checks import check_scores
from swinx.visible_text import first_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScoreReport", "read_scores", "score_folders", "score_pairs"]

_KEYS = {ORGAN_AVERAGE: "organs", ALL_CLASSES: "all"}


@dataclass(frozen=True)
class ScoreReport:
    """Result of scoring a folder.

    Attributes:
        table: One row per scored case, from :func:`swinx.metrics.score_table`.
        summary: Means over the cases; None if no case could be scored.
        text: The summary and the bad cases, for the terminal.
        bad_cases: Cases that could not be scored, and those without a prediction.
        notes: Remarks on cases that were scored, and how many references have no prediction.
        protocol: By which rule the cases were scored.
        cases: What is known about each scored case.
        results: Id of the set of results, where its records tell it.
        label_set: The classes that were scored.
    """

    table: pd.DataFrame
    summary: ScoreSummary | None
    text: str
    bad_cases: tuple[CaseError, ...]
    notes: tuple[str, ...]
    protocol: Protocol
    cases: Mapping[str, CaseRecord]
    results: str | None = None
    label_set: LabelSet = FLARE23

    @property
    def ok(self) -> bool:
        """True if every reference had a usable prediction."""
        return not self.bad_cases

    @property
    def means(self) -> dict[str, float]:
        """The mean of every column, and ``organs_dsc``, ``all_dsc``, ``organs_nsd`` and ``all_nsd``; 0 to 1, or nan.

        Classes that no reference has are nan. Of the last four there are those whose :func:`swinx.metrics.averages` the
        label set has.
        """
        if self.summary is None:
            return {}
        averages: dict[str, float] = {}
        for row in self.summary.averages:
            averages |= {f"{_KEYS[row.name]}_dsc": row.dsc.mean, f"{_KEYS[row.name]}_nsd": row.nsd.mean}
        absent = {score_column(name, metric) for name in self.summary.not_averaged for metric in METRICS}
        means = {str(name): math.nan if name in absent else float(mean) for name, mean in self.table.mean().items()}
        return {**means, **averages}

    def exit_if_failed(self) -> None:
        """End the program with exit code 1 unless every reference had a usable prediction.

        Raises:
            SystemExit: If there are bad cases.
        """
        if self.bad_cases:
            raise SystemExit(1)


def score_folders(
    reference: PathLike,
    prediction: PathLike,
    out_dir: PathLike,
    protocol: str = "auto",
    show_progress: bool = True,
    data_list: PathLike | None = None,
    label_set: LabelSet | None = None,
    reference_map: LabelMapping | None = None,
    prediction_map: LabelMapping | None = None,
) -> ScoreReport:
    """Score predictions against references, case by case, and write the tables.

    A case whose files cannot be read, hold numbers of no class or lie on different grids is reported and skipped.
    A missing prediction is reported, too; with ``standard`` a missing or unusable one also scores 0 in every class
    that the reference has, with ``flare23`` the case is left out (the challenge's script stops there).
    ``flare23`` takes the voxel size from the header of the reference, ``standard`` takes size and axial axis from
    its affine. A class that was not annotated in a case, and voxels that are 255 in the reference, are not scored.

    Args:
        reference: Folder of label maps, one file, or a data list.
        prediction: Folder of label maps, or one file; see :func:`swinx.scoring.pair_cases` for what matches.
        out_dir: Folder for ``scores.csv`` (a row per case), ``summary.json`` and ``summary.md``; each is
            written atomically.
        protocol: ``"flare23"`` or ``"standard"``, see :func:`swinx.metrics.score_case`; ``"auto"`` takes the first for
            the challenge's data alone, see :func:`swinx.scoring.reference_facts.choose_protocol`.
        show_progress: Show a progress bar.
        data_list: Data list with what was ``annotated`` in the references, and their ``patient``; by default the
            ``datalist.json`` in the folder of the references or the one above, for the label files that it names.
        label_set: The classes; by default those of this data list, and else those that an inference recorded beside the
            predictions.
        reference_map: Meaning of the numbers in the references, where they are not those of the label set, see
            :func:`swinx.labels.class_numbers`; by default that of the data list.
        prediction_map: Likewise of the predictions.

    Raises:
        LabelSetError: If the protocol ``flare23`` is asked for other classes than those of FLARE-23, nothing names the
            classes, or a map names another.
        ValueError: If the protocol is unknown.
        DataListError: If one of the two folders holds no label map or two files of one case, they share no case, or
            the data list that was given cannot be used.
        OSError: If ``out_dir`` cannot be written to; found out before the first case is read.
    """
    if data_list is not None:
        read_list(data_list)  # one that was given must be there
    chosen = label_set or label_set_beside(reference if data_list is None else data_list)
    if chosen is None or prediction_map is None:  # a map says what the numbers mean, whatever was recorded
        chosen = classes_of_predictions(prediction, chosen, [reference])
    maps = {"--reference_map": reference_map, "--prediction_map": prediction_map}
    of_references, of_predictions = (
        None if given is None else class_numbers(chosen, given, option, several=True) for option, given in maps.items()
    )
    listed = read_reference_list(reference, data_list, chosen)
    pairs, unasked = pair_cases(reference, prediction, chosen)
    pairs, notes = with_facts(pairs, listed, chosen)
    pairs = [replace(pair, label_map=of_references or pair.label_map, prediction_map=of_predictions) for pair in pairs]
    if unasked:
        notes.append(f"predictions without a reference were not scored: {', '.join(unasked)}")
    return score_pairs(pairs, out_dir, protocol, show_progress, notes=notes, source=listed, label_set=chosen)


def score_pairs(
    pairs: Sequence[CasePair],
    out_dir: PathLike,
    protocol: str = "auto",
    show_progress: bool = True,
    notes: Sequence[str] = (),
    unusable: Sequence[CaseError] = (),
    source: ReferenceList | None = None,
    label_set: LabelSet | None = None,
) -> ScoreReport:
    """Score pairs of files; see :func:`score_folders`.

    Args:
        pairs: Reference and prediction of each case, with what was annotated.
        out_dir: Folder for the tables.
        protocol: ``"flare23"``, ``"standard"`` or ``"auto"``.
        show_progress: Show a progress bar.
        notes: Remarks to show with the scores.
        unusable: Cases that cannot be scored, for the bad cases.
        source: Path, name and label set of the data list that the pairs come from.
        label_set: The classes; by default those of the data list, and of FLARE-23 if there is none.

    Raises:
        LabelSetError: If the protocol ``flare23`` is asked for other classes than those of FLARE-23.
        ValueError: If the protocol is unknown.
        RunError: If the predictions are of two runs with other weights or settings.
        OSError: If ``out_dir`` cannot be written to; found out before the first case is read.
    """
    origin = source or ReferenceList(label_set=None)
    chosen = label_set or origin.label_set or FLARE23
    rule = choose_protocol(protocol, [pair.case for pair in pairs], origin.name, chosen)
    results = one_result_set(pair.prediction for pair in pairs if pair.prediction is not None)
    probe_folder(out_dir)
    found = score_all(pairs, rule, show_progress, chosen)
    missing = [pair.case for pair in pairs if pair.prediction is None]
    told = [_tell_missing(missing, len(pairs), rule)] if missing else []
    table = score_table(found.scores, chosen)
    summary = None
    if found.scores:
        patients = {case: record.patient for case, record in found.records.items() if record.patient is not None}
        referenced = {label for record in found.records.values() for label in record.reference}
        summary = summarise(table, patients, referenced, label_set=chosen)
        told += _tell_left_out(found, origin.path or "the data list", chosen)
    told += notes
    report = ScoreReport(
        table=table,
        summary=summary,
        text=_as_text(summary, rule, [*unusable, *found.bad_cases], told, chosen),
        bad_cases=(*unusable, *found.bad_cases),
        notes=(*told, *found.notes),
        protocol=rule,
        cases=found.records,
        results=results,
        label_set=chosen,
    )
    _write_files(Path(out_dir), report)
    return report


def read_scores(path: PathLike, label_set: LabelSet | None = None) -> pd.DataFrame:
    """Read a ``scores.csv`` again, for instance for :func:`swinx.metrics.compare_tables`.

    Its ``attrs["protocol"]`` is the protocol that the ``summary.json`` beside it names; None if there is none. The
    summary also names the label set, see :func:`swinx.metrics.table_label_set`.

    Args:
        path: The file.
        label_set: The classes, if they are others than the summary names.

    Raises:
        LabelSetError: If the label set in the summary cannot be used.
        DataListError: If the file is not there, is no table of scores, was cut or holds impossible values.
    """
    try:
        table = read_table(path).set_index("case")
        table.attrs["protocol"], named = check_scores(Path(path), table, label_set)
        table.attrs["labels"] = None if named is None else named.as_json()
        return table
    except (DataListError, LabelSetError):
        raise
    except KeyError as error:
        raise DataListError(f"{path}: has no column 'case'; give a scores.csv that `score` wrote") from error
    except OSError as error:
        raise DataListError(f"{path}: {error.strerror or error}; give a scores.csv that `score` wrote") from error
    except ValueError as error:
        raise DataListError(f"{error}; give a scores.csv that `score` wrote") from error


def _tell_left_out(found: ScoredCases, source: str, label_set: LabelSet) -> list[str]:
    """Return notes on the unknown voxels and classes that were not scored, over all cases."""
    told = []
    if values := sum(len(label_set) - len(r.annotated) for r in found.records.values() if r.annotated is not None):
        told.append(ScoreRules.NOT_ANNOTATED.says(count=values, source=source))
    if with_unknown := [record.unknown_voxels for record in found.records.values() if record.unknown_voxels]:
        told.append(f"{sum(with_unknown)} voxels of {len(with_unknown)} references are 255, unknown: not scored")
    return told


def _tell_missing(missing: Sequence[str], total: int, protocol: Protocol) -> str:
    told = {"missing": len(missing), "total": total, "cases": first_of(missing)}
    return LabelFolderRules.MISSING.says(consequence=CONSEQUENCE[protocol], **told)


def _write_files(folder: Path, report: ScoreReport) -> None:
    write_table(folder / "scores.csv", report.table, missing="nan")
    content = {
        "protocol": report.protocol,
        "labels": report.label_set.as_json(),
        "results": report.results,
        "scores_sha256": file_sha256(folder / "scores.csv"),
        "summary": None if report.summary is None else summary_as_json(report.summary),
        "cases": {case: asdict(record) for case, record in report.cases.items()},
        "bad_cases": [{"case": error.path, "reason": error.reason} for error in report.bad_cases],
        "notes": list(report.notes),
    }
    write_json(folder / "summary.json", content)
    with write_atomic(folder / "summary.md") as partial:
        bad_cases = [(error.path, error.reason) for error in report.bad_cases]
        page = summary_as_markdown(report.summary, report.protocol, bad_cases, report.notes, report.label_set)
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")


def _as_text(
    summary: ScoreSummary | None, protocol: Protocol, bad_cases: list[CaseError], told: list[str], label_set: LabelSet
) -> str:
    parts = ["no case could be scored" if summary is None else explained_table(summary, protocol, label_set), *told]
    if bad_cases:
        parts.append(f"{len(bad_cases)} bad case{'' if len(bad_cases) == 1 else 's'}:")
        parts += [f"  {error}" for error in bad_cases]
    return "\n".join(parts)
