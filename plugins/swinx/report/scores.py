"""Score a folder of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from swinx.case_names import name_fault
from swinx.data.check_report import probe_folder
from swinx.errors import CaseError, DataListError
from swinx.files import write_json, write_whole
from swinx.metrics import PROTOCOLS, CaseScores, Protocol, ScoreSummary, score_case, score_table, summarise
from swinx.ops.grids import axial_axis, voxel_sizes_mm
from swinx.report.case_pairs import CasePair, PathLike, header_spacing_mm, pair_cases, read_label_pair
from swinx.report.score_text import format_table, summary_as_json, summary_as_markdown
from swinx.rules.folders import LabelFolderRules
from swinx.tables import read_table, write_table

__all__ = ["ScoreReport", "read_scores", "score_folders", "score_pairs"]

_SHOWN = 10
_CONSEQUENCE: dict[Protocol, str] = {"flare23": "left out", "fixed": "scored 0"}


@dataclass(frozen=True)
class ScoreReport:
    """What scoring a folder gave.

    Attributes:
        table: One row per scored case, from :func:`swinx.metrics.score_table`.
        summary: Means over the cases; None if no case could be scored.
        text: The summary and the bad cases, for the terminal.
        bad_cases: Cases that could not be scored, and those without a prediction.
        notes: Remarks on cases that were scored, and how many references have no prediction.
    """

    table: pd.DataFrame
    summary: ScoreSummary | None
    text: str
    bad_cases: tuple[CaseError, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True if every reference had a usable prediction."""
        return not self.bad_cases

    @property
    def means(self) -> dict[str, float]:
        """The mean of every column, and ``organs_dsc``, ``all_dsc``, ``organs_nsd`` and ``all_nsd``; 0 to 1, or nan."""
        if self.summary is None:
            return {}
        averages: dict[str, float] = {}
        for name, row in zip(("organs", "all"), self.summary.rows[-2:], strict=True):
            averages |= {f"{name}_dsc": row.dsc.mean, f"{name}_nsd": row.nsd.mean}
        return {**{str(name): float(mean) for name, mean in self.table.mean().items()}, **averages}

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
    protocol: Protocol = "flare23",
    seed: int = 0,
    show_progress: bool = True,
) -> ScoreReport:
    """Score predictions against references, case by case, and write the tables.

    A case whose files cannot be read, hold ids outside 0..14 or lie on different grids is reported and skipped.
    A missing prediction is reported, too; with ``fixed`` a missing or unusable one also scores 0 in every class
    that the reference has, with ``flare23`` the case is left out (the challenge's script stops there).
    ``flare23`` takes the voxel size from the header of the reference, ``fixed`` takes size and axial axis from
    its affine.

    Args:
        reference: Folder of label maps, or one file.
        prediction: Folder of label maps, or one file; see :func:`swinx.report.pair_cases` for what matches.
        out_dir: Folder for ``scores.csv`` (a row per case), ``summary.json`` and ``summary.md``; each appears
            whole or not at all.
        protocol: ``"flare23"`` or ``"fixed"``, see :func:`swinx.metrics.score_case`.
        seed: Of the bootstrap behind the confidence intervals.
        show_progress: Show a progress bar.

    Raises:
        ValueError: If the protocol is unknown.
        DataListError: If one of the two folders holds no label map or two files of one case, or they share no case.
        OSError: If ``out_dir`` cannot be written to; found out before the first case is read.
    """
    pairs, unasked = pair_cases(reference, prediction)
    return score_pairs(pairs, out_dir, protocol, seed, show_progress, unasked)


def score_pairs(
    pairs: Sequence[CasePair],
    out_dir: PathLike,
    protocol: Protocol = "flare23",
    seed: int = 0,
    show_progress: bool = True,
    unasked: Sequence[str] = (),
    unusable: Sequence[CaseError] = (),
) -> ScoreReport:
    """Score pairs of files; see :func:`score_folders`.

    Args:
        pairs: Reference and prediction of each case.
        out_dir: Folder for the tables.
        protocol: ``"flare23"`` or ``"fixed"``.
        seed: Of the bootstrap behind the confidence intervals.
        show_progress: Show a progress bar.
        unasked: Predictions without a reference, for the notes.
        unusable: Cases that cannot be scored, for the bad cases.

    Raises:
        ValueError: If the protocol is unknown.
        OSError: If ``out_dir`` cannot be written to; found out before the first case is read.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is not one of {PROTOCOLS}")
    probe_folder(out_dir)
    scores: dict[str, CaseScores] = {}
    bad_cases = list(unusable)
    missing = [pair.case for pair in pairs if pair.prediction is None]
    notes = [_tell_missing(missing, len(pairs), protocol)] if missing else []
    for pair in tqdm(pairs, desc="scoring", unit="case", disable=not show_progress):
        if fault := name_fault(pair.case):
            bad_cases.append(CaseError(pair.reference, fault))
            continue
        if pair.prediction is None:
            bad_cases.append(_missing(pair, protocol))
            if protocol == "flare23":
                continue
        try:
            scores[pair.case], said = _score_pair(pair, protocol)
        except CaseError as error:
            bad_cases.append(error)
            if protocol == "flare23" or pair.prediction is None:
                continue
            try:  # a prediction that cannot be used is worth no more than none
                scores[pair.case], said = _score_pair(replace(pair, prediction=None), protocol)
            except CaseError:
                continue  # it is the reference that cannot be used
        notes += [f"{pair.case}: {note}" for note in said]
    if unasked:
        notes.append(f"predictions without a reference were not scored: {', '.join(unasked)}")
    table = score_table(scores)
    summary = summarise(table, np.random.default_rng(seed)) if scores else None
    _write(Path(out_dir), table, summary, protocol, seed, bad_cases, notes)
    return ScoreReport(
        table, summary, _as_text(summary, bad_cases, notes[:1] if missing else ()), tuple(bad_cases), tuple(notes)
    )


def read_scores(path: PathLike) -> pd.DataFrame:
    """Read a ``scores.csv`` again, for instance for :func:`swinx.metrics.compare_tables`.

    Raises:
        DataListError: If the file is not there or is no table of scores.
    """
    try:
        return read_table(path).set_index("case")
    except KeyError as error:
        raise DataListError(f"{path}: has no column 'case'; give a scores.csv that `score` wrote") from error
    except OSError as error:
        raise DataListError(f"{path}: {error.strerror or error}; give a scores.csv that `score` wrote") from error
    except ValueError as error:
        raise DataListError(f"{error}; give a scores.csv that `score` wrote") from error


def _score_pair(pair: CasePair, protocol: Protocol) -> tuple[CaseScores, tuple[str, ...]]:
    labels = read_label_pair(pair)
    if protocol == "flare23":
        spacing_mm, axis = header_spacing_mm(pair.reference, labels.affine), 2
    else:
        spacing_mm, axis = tuple(voxel_sizes_mm(labels.affine).tolist()), axial_axis(labels.affine)
    return score_case(labels.reference, labels.prediction, spacing_mm, protocol, axis), labels.notes


def _missing(pair: CasePair, protocol: Protocol) -> CaseError:
    return CaseError(pair.case, f"no prediction for {pair.reference}; {_CONSEQUENCE[protocol]}")


def _tell_missing(missing: Sequence[str], total: int, protocol: Protocol) -> str:
    shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
    consequence = _CONSEQUENCE[protocol]
    return LabelFolderRules.MISSING.says(missing=len(missing), total=total, consequence=consequence, cases=shown)


def _write(
    folder: Path,
    table: pd.DataFrame,
    summary: ScoreSummary | None,
    protocol: Protocol,
    seed: int,
    bad_cases: Sequence[CaseError],
    notes: Sequence[str],
) -> None:
    write_table(folder / "scores.csv", table, missing="nan")
    content = {
        "protocol": protocol,
        "seed": seed,
        "summary": None if summary is None else summary_as_json(summary),
        "bad_cases": [{"case": error.path, "reason": error.reason} for error in bad_cases],
        "notes": list(notes),
    }
    write_json(folder / "summary.json", content)
    with write_whole(folder / "summary.md") as partial:
        page = summary_as_markdown(summary, protocol, [(error.path, error.reason) for error in bad_cases], notes)
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")


def _as_text(summary: ScoreSummary | None, bad_cases: Sequence[CaseError], told: Sequence[str]) -> str:
    parts = ["no case could be scored" if summary is None else format_table(summary), *told]
    if bad_cases:
        parts.append(f"{len(bad_cases)} bad case{'' if len(bad_cases) == 1 else 's'}:")
        parts += [f"  {error}" for error in bad_cases]
    return "\n".join(parts)
