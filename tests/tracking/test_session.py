"""A tracked run from begin to end: settings, tags, parameters, sidecars, and how it is switched off."""

from __future__ import annotations

import json
import signal
import sys
import time

import pytest
from mlflow import MlflowClient

from support.bundles import start
from swinx.errors import DataListError
from swinx.tracking import TrackingSession, provenance, read_sidecar, sqlite_uri


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A bundle's folder, an output folder and a tracking store; tracking is on."""
    monkeypatch.setenv("SWINX_MLFLOW", "on")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri(tmp_path / "store.db"))
    configs = tmp_path / "bundle" / "configs"
    configs.mkdir(parents=True)
    (configs / "metadata.json").write_text('{"version": "1.2.3"}')
    (configs / "mlflow.json").write_text('{"system_metrics": false}')
    (tmp_path / "out").mkdir()
    (tmp_path / "datalist.json").write_text("[]")
    return tmp_path


def session(bundle, **changes) -> TrackingSession:
    options = {"upstream": {"data": bundle / "datalist.json", "pretrained": None}, "artifacts": ["*.csv", "deep/*.txt"]}
    return TrackingSession("training", str(bundle / "bundle"), str(bundle / "out"), **options | changes)


def found(bundle, run_id):
    return MlflowClient(tracking_uri=sqlite_uri(bundle / "store.db")).get_run(run_id)


def test_a_run_says_what_it_is_and_signs_what_it_makes(bundle):
    (bundle / "out" / "history.csv").write_text("epoch")
    (bundle / "out" / "deep").mkdir()
    (bundle / "out" / "deep" / "a.txt").write_text("a")
    (bundle / "model.pt").write_text("weights")
    run = session(bundle)
    run.begin()
    facts = provenance()
    run.end("FINISHED", [bundle / "model.pt", bundle / "nothing.pt"])
    tags = found(bundle, facts["run_id"]).data.tags
    assert tags["swinx.stage"] == "training"
    assert (tags["swinx.bundle"], tags["swinx.bundle_version"]) == ("bundle", "1.2.3")
    assert tags["upstream.data.path"] == "datalist.json", "folders of the machine are not sent"
    client = MlflowClient(tracking_uri=sqlite_uri(bundle / "store.db"))
    assert {item.path for item in client.list_artifacts(facts["run_id"])} >= {"history.csv", "deep", "config.json"}
    record = read_sidecar(bundle / "model.pt")
    assert record["run_id"] == facts["run_id"]
    assert record["data_sha256"] == facts["data_sha256"] is not None
    assert tags["product.model.pt.sha256"] == record["sha256"]
    assert provenance() == {}


def test_names_are_unique_and_a_resumed_run_is_the_same(bundle):
    ids = []
    for resume in (False, True, False):
        run = session(bundle)
        run.begin(resume=resume)
        ids.append(provenance()["run_id"])
        run.end()
    assert ids[0] == ids[1] != ids[2]
    assert found(bundle, ids[0]).info.run_name != found(bundle, ids[2]).info.run_name


def test_a_run_that_fails_says_so(bundle):
    run = session(bundle)
    run.begin()
    run_id = provenance()["run_id"]
    run.end("FAILED")
    assert found(bundle, run_id).info.status == "FAILED"


@pytest.mark.parametrize("off", ["flag", "environment"])
def test_tracking_that_is_off_writes_nothing(bundle, monkeypatch, off):
    if off == "environment":
        monkeypatch.setenv("SWINX_MLFLOW", "OFF")
    run = session(bundle, enabled=off != "flag")
    run.begin()
    run.end("FINISHED", [bundle / "datalist.json"])
    assert not (bundle / "store.db").exists()
    assert not list((bundle / "out").iterdir())
    assert not (bundle / "datalist.run.json").exists()


def test_cases_are_the_data_where_no_list_is(bundle):
    hashes = []
    for cases in ([["a", 1]], [["a", 2]]):
        run = session(bundle, upstream={}, cases=cases)
        run.begin()
        hashes.append(provenance()["data_sha256"])
        run.end()
    assert None not in hashes
    assert len(set(hashes)) == 2


def test_without_a_server_the_history_lies_at_the_root_of_the_project(bundle, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (bundle / "pyproject.toml").write_text("")
    run = session(bundle)
    run.begin()
    run.end()
    assert (bundle / "mlflow.db").is_file()


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read"), ('{"uri": "x"}', r"unknown settings \['uri'\]")]
)
def test_settings_that_make_no_sense_are_named(bundle, text, message):
    (bundle / "bundle/configs/mlflow.json").write_text(text)
    with pytest.raises(DataListError, match=message):
        session(bundle)


def test_the_record_of_the_run_is_beside_the_results(bundle):
    run = session(bundle)
    run.begin()
    record = json.loads((bundle / "out" / "mlflow_run.json").read_text())
    assert record["run_id"] == provenance()["run_id"]
    run.end()


def test_a_run_that_found_nothing_to_do_does_not_sign_what_another_made(bundle):
    (bundle / "model.pt").write_text("weights")
    makers = []
    for content in ("weights", "weights", "other weights"):
        (bundle / "model.pt").write_text(content)
        run = session(bundle)
        run.begin()
        makers.append(provenance()["run_id"])
        run.end("FINISHED", [bundle / "model.pt"])
        assert read_sidecar(bundle / "model.pt")["run_id"] == makers[-1 if content != "weights" else 0]


def test_after_a_move_the_sidecar_names_the_run_in_the_local_file(bundle):
    (bundle / "model.pt").write_text("weights")
    run = session(bundle)
    run.begin()
    before = provenance()["run_id"]
    MlflowClient(tracking_uri=sqlite_uri(bundle / "store.db")).delete_run(before)
    run.run.metrics({"loss": 1.0}, 1)
    run.end("FINISHED", [bundle / "model.pt"])
    record = read_sidecar(bundle / "model.pt")
    assert record["run_id"] != before
    assert record["tracking_uri"] == sqlite_uri(bundle / "out" / "mlflow.db")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_a_run_that_somebody_stops_is_killed_not_failed(bundle, number, code):
    program = (
        "import sys, time; from swinx.tracking import TrackingSession; "
        "run = TrackingSession('training', *sys.argv[1:]); run.begin(); print('ready', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(bundle / "bundle"), str(bundle / "out")]
    process = start(command, bundle / "said")
    while not (bundle / "said").read_text().endswith("ready\n"):
        assert process.poll() is None, (bundle / "said").read_text()
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait() in (code, -number)
    run_id = json.loads((bundle / "out" / "mlflow_run.json").read_text())["run_id"]
    assert found(bundle, run_id).info.status == "KILLED"
