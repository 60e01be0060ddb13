"""Inputs that break the rules about runs."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Lambdad

from rules.examples import example
from support.bundles import ROOT
from support.other_runs import another_run
from support.training import start_training
from swinx.data import stamp_of
from swinx.errors import DataListError, RunError, WeightsError
from swinx.files import hold
from swinx.metrics import score_columns
from swinx.preprocessing import CachedScansd
from swinx.refinement import RefinementRecords
from swinx.rules import CacheRules, LockRules, ReadingRules, ResultRules, ResumeRules
from swinx.runs import open_run
from swinx.scoring import check_scored_results, one_result_set, read_scores
from swinx.training import TrainingState


@example(LockRules.IN_USE)
def _in_use(folder: Path) -> str:
    with another_run(folder), pytest.raises(RunError) as refused:
        hold(folder)
    return str(refused.value)


@example(LockRules.NO_LOCK)
def _no_lock(folder: Path) -> str:
    return logged(lambda: hold(folder / "file" / "out"), folder)


def cached(folder: Path) -> CachedScansd:
    """A cache of prepared cases that are no scans but a few voxels."""
    volume = Lambdad("image", lambda _: MetaTensor(torch.zeros(1, 3, 4, 5)))
    return CachedScansd([volume], str(folder / "cache"))


@example(CacheRules.NO_FOLDER)
def _no_cache_folder(folder: Path) -> str:
    (folder / "cache").touch()
    with pytest.raises(RunError) as refused:
        cached(folder)
    return str(refused.value)


@example(CacheRules.UNWRITTEN)
def _unwritten(folder: Path) -> str:
    scan = folder / "a.nii.gz"
    scan.touch()
    transform = cached(folder)
    (folder / "cache").rmdir()
    (folder / "cache").touch()
    return logged(lambda: transform({"image": str(scan)}), folder)


@example(CacheRules.DAMAGED)
def _damaged_entry(folder: Path) -> str:
    scan = folder / "a.nii.gz"
    scan.touch()
    cached(folder)({"image": str(scan)})
    next((folder / "cache").iterdir()).write_bytes(b"no entry")
    return logged(lambda: cached(folder)({"image": str(scan)}), folder)


@example(ReadingRules.CHANGED)
def _changed(folder: Path) -> str:
    scan = folder / "a.nii.gz"
    scan.write_bytes(b"before")
    batch = [{"case": "a", "stamps": {"image": stamp_of(scan)}}]
    scan.write_bytes(b"after")
    item = {"case": "a", "image": str(scan), "section": "training", "annotated": [], "annotated_source": "no label"}
    dataset = SimpleNamespace(dataset=SimpleNamespace(data=[item]))
    output = [{"saved": [], "notes": [], "refinement": {}}]
    state = SimpleNamespace(iteration=1, epoch_length=1, batch=batch, output=output)
    records = RefinementRecords(str(folder), "s")
    records._begin(SimpleNamespace(data_loader=dataset))
    records._end_case(SimpleNamespace(state=state))
    return records.failed[0]["reason"]


@example(LockRules.REPLACED)
def _replaced(folder: Path) -> str:
    (folder / "model.pt").write_bytes(b"of another training")
    bundle = str(ROOT / "bundles" / "swinx_seg")
    return logged(lambda: open_run(bundle, str(folder / "run"), "a.log", checkpoint=str(folder / "model.pt")), folder)


@example(LockRules.KEPT)
def _kept(folder: Path) -> str:
    records = RefinementRecords(str(folder), "s")
    (folder / "a.nii.gz").write_bytes(b"of another run")
    return logged(lambda: records._fail("[1/1]", "a", "why"), folder)


def resumed(folder: Path, before: dict, now: dict) -> str:
    """What is said when a training that was begun one way is gone on with another way."""
    training = start_training(folder, max_epochs=1)
    parts = (str(training.state_path), training.network, training.optimizer, None, training.evaluator)
    TrainingState(*parts, **before).save(SimpleNamespace(state=SimpleNamespace(epoch=1, epoch_length=1, max_epochs=1)))
    with pytest.raises(WeightsError) as refused:
        TrainingState(*parts, **now).load(training.trainer)
    return str(refused.value)


@example(ResumeRules.OTHER_SETTINGS)
def _other_settings(folder: Path) -> str:
    return resumed(folder, {"settings": {"body_crop": True}}, {"settings": {"body_crop": False}})


@example(ResumeRules.OTHER_DATA)
def _other_data(folder: Path) -> str:
    return resumed(folder, {"data": {"training": {"a": {}}}}, {"data": {"training": {"a": {}, "b": {}}}})


@example(ResumeRules.NO_BEST)
def _no_best(folder: Path) -> str:
    training = start_training(folder, max_epochs=1).run()
    state = TrainingState(
        str(training.state_path),
        training.network,
        training.optimizer,
        evaluator=training.evaluator,
        checkpoint=str(folder / "elsewhere.pt"),
    )
    return logged(lambda: state.load(training.trainer), folder)


@example(ResultRules.MIXED)
def _mixed(folder: Path) -> str:
    for case in ("a", "b"):
        (folder / f"{case}.json").write_text(json.dumps({"case": case, "results": f"set of {case}"}))
    with pytest.raises(RunError) as refused:
        one_result_set([folder / "a.nii.gz", folder / "b.nii.gz"])
    return str(refused.value)


@example(ResultRules.OTHER_SCORES)
def _other_scores(folder: Path) -> str:
    (folder / "a.nii.gz").touch()
    (folder / "a.json").write_text(json.dumps({"case": "a", "results": "2"}))
    (folder / "summary.json").write_text(json.dumps({"results": "1"}))
    with pytest.raises(RunError) as refused:
        check_scored_results(folder / "summary.json", folder)
    return str(refused.value)


def of_scores(folder: Path, text: str) -> str:
    """What is said of a file of scores."""
    (folder / "summary.json").write_text(json.dumps({"cases": {"a": {}, "b": {}}}))
    (folder / "scores.csv").write_text(text)
    with pytest.raises(DataListError) as refused:
        read_scores(folder / "scores.csv")
    return str(refused.value)


@example(ResultRules.CUT)
def _cut(folder: Path) -> str:
    return of_scores(folder, "case,liver_dsc\na,0.5\n")


@example(ResultRules.IMPOSSIBLE)
def _impossible(folder: Path) -> str:
    return of_scores(folder, "case,liver_dsc\na,0.5\nb,50\n")


@example(ResultRules.UNKNOWN_COLUMN)
def _unknown_column(folder: Path) -> str:
    return of_scores(folder, "case,lung_dsc\na,0.5\nb,0.5\n")


@example(ResultRules.TWICE)
def _twice(folder: Path) -> str:
    return of_scores(folder, "case,liver_dsc\na,0.5\na,0.5\nb,0.5\n")


@example(ResultRules.NO_COLUMN)
def _no_column(folder: Path) -> str:
    return of_scores(folder, "case,liver_dsc\na,0.5\nb,0.5\n")


@example(ResultRules.CHANGED)
def _changed_scores(folder: Path) -> str:
    names = ",".join(score_columns())
    (folder / "summary.json").write_text(json.dumps({"scores_sha256": "of another file"}))
    (folder / "scores.csv").write_text(f"case,{names}\na{',0.5' * len(score_columns())}\n")
    with pytest.raises(DataListError) as refused:
        read_scores(folder / "scores.csv")
    return str(refused.value)


def of_record(folder: Path, text: str) -> str:
    """What is said of a prediction with such a record beside it."""
    (folder / "a.nii.gz").write_bytes(b"a prediction")
    (folder / "a.json").write_text(text)
    with pytest.raises(RunError) as refused:
        one_result_set([folder / "a.nii.gz"])
    return str(refused.value)


@example(ResultRules.STALE)
def _stale(folder: Path) -> str:
    return of_record(folder, json.dumps({"case": "a", "results": "1", "prediction_sha256": "of another file"}))


@example(ResultRules.DAMAGED)
def _damaged(folder: Path) -> str:
    return of_record(folder, '{"case": "a", "results": "1", "predic')


@example(ResultRules.NO_RECORD)
def _no_record(folder: Path) -> str:
    for case in ("a", "b"):
        (folder / f"{case}.nii.gz").touch()
    (folder / "a.json").write_text(json.dumps({"case": "a", "results": "1"}))
    return logged(lambda: one_result_set([folder / "a.nii.gz", folder / "b.nii.gz"]), folder)


def logged(action, folder: Path) -> str:
    """What swinx logs of an action; ``file`` in the folder is no folder."""
    (folder / "file").touch()
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("swinx").addHandler(handler)
    try:
        action()
    finally:
        logging.getLogger("swinx").removeHandler(handler)
    return "\n".join(lines)
