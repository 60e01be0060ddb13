"""Runs in MLflow: what is written can be read back, and no fault of the tracker ends the caller."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from support.bundles import start
from swinx.tracking import TrackedRun, sqlite_uri

AWAY = "http://127.0.0.1:9"  # the discard port, on which nobody listens


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def fill(run: TrackedRun) -> str | None:
    run_id = run.start()
    run.tags({"stage": "training", "number": 3})
    run.parameters({f"setting_{number}": number for number in range(130)} | {"long": "x" * 9000})
    run.metrics({"loss": 0.5, "dice": 0.25}, step=7)
    run.text("a: 1", "config.json")
    run.end()
    return run_id


def test_what_is_logged_can_be_read_back(tmp_path):
    uri = sqlite_uri(tmp_path / "deep" / "mlflow.db")
    run_id = fill(TrackedRun(uri, tmp_path / "local.db", "swinx", "first"))
    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.data.tags["number"] == "3"
    assert run.data.metrics == {"loss": 0.5, "dice": 0.25}
    assert client.get_metric_history(run_id, "loss")[0].step == 7
    assert len(run.data.params) == 131
    assert [item.path for item in client.list_artifacts(run_id)] == ["config.json"]
    assert client.get_experiment_by_name("swinx") is not None
    assert not (tmp_path / "local.db").exists()


def test_two_runs_share_an_experiment(tmp_path):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    ids = [fill(TrackedRun(uri, tmp_path / "local.db", "swinx", name)) for name in ("a", "b")]
    client = MlflowClient(tracking_uri=uri)
    assert len(set(ids)) == 2
    assert len({client.get_run(run_id).info.experiment_id for run_id in ids}) == 1


@pytest.mark.slow
def test_processes_that_begin_one_new_file_at_once_all_end_up_in_it(tmp_path):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    program = (
        "import sys; from swinx.tracking import TrackedRun; run = TrackedRun(*sys.argv[1:]); run.start(); "
        "run.metrics({'loss': 1.0}, 1); run.end(); assert run.uri == sys.argv[1], run.uri"
    )
    commands = [[sys.executable, "-c", program, uri, str(tmp_path / "local.db"), "swinx", name] for name in "abc"]
    started = [start(command, tmp_path / command[-1]) for command in commands]
    for process in started:
        assert process.wait() == 0, (tmp_path / process.args[-1]).read_text()
    client = MlflowClient(tracking_uri=uri)
    found = client.search_runs([client.get_experiment_by_name("swinx").experiment_id])
    assert {run.info.run_name for run in found} == set("abc")


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_away_costs_a_warning_and_seconds(tmp_path, caplog):
    began = time.monotonic()
    run_id = fill(TrackedRun(AWAY, tmp_path / "local.db", "swinx", "first"))
    assert time.monotonic() - began < 100  # MLflow by itself tries for minutes, at each call
    run = MlflowClient(tracking_uri=sqlite_uri(tmp_path / "local.db")).get_run(run_id)
    assert run.data.metrics["loss"] == 0.5
    warnings = [record for record in caplog.records if record.name.startswith("swinx")]
    assert len(warnings) == 1
    assert AWAY in warnings[0].getMessage()
    assert "local.db" in warnings[0].getMessage()


def test_a_store_that_goes_away_is_replaced_with_tags_and_parameters(tmp_path):
    run = TrackedRun(sqlite_uri(tmp_path / "first.db"), tmp_path / "local.db", "swinx", "one")
    before = run.start()
    run.tags({"stage": "training"})
    run.parameters({"lr": 0.1})
    run.call(_break_first)
    run.metrics({"loss": 2.0}, step=1)
    run.end()
    assert run.run_id != before
    found = MlflowClient(tracking_uri=sqlite_uri(tmp_path / "local.db")).get_run(run.run_id)
    assert found.info.run_name == "one"
    assert found.data.tags["stage"] == "training"
    assert found.data.params["lr"] == "0.1"
    assert found.data.metrics["loss"] == 2.0


def _break_first(client: MlflowClient, run_id: str) -> None:
    if client.get_run(run_id).info.experiment_id and "first.db" in str(client.tracking_uri):
        raise ConnectionError(f"the server of {run_id} is gone")


def test_what_no_store_takes_is_left_out_and_the_rest_goes_on(tmp_path, caplog):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    run = TrackedRun(uri, tmp_path / "local.db", "swinx", "one")
    run.start()
    run.metrics({"a metric: with {braces}": 1.0}, step=1)
    run.metrics({"loss": 2.0}, step=1)
    run.end()
    assert MlflowClient(tracking_uri=uri).get_run(run.run_id).data.metrics == {"loss": 2.0}
    assert "left out" in caplog.text


@pytest.mark.usefixtures("impatient")
def test_where_nothing_can_be_written_the_work_goes_on(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    assert fill(TrackedRun(AWAY, tmp_path / "file" / "local.db", "swinx", "first")) is None
    assert "nothing more is tracked" in caplog.text


def test_a_run_goes_on_by_its_id_and_one_that_is_gone_is_made_anew(tmp_path):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    first = fill(TrackedRun(uri, tmp_path / "local.db", "swinx", "first"))
    again = TrackedRun(uri, tmp_path / "local.db", "swinx", "first", run_id=first)
    assert again.start() == first
    again.parameters({"setting_1": "changed", "new": 1})
    again.metrics({"loss": 0.25}, step=8)
    again.end()
    client = MlflowClient(tracking_uri=uri)
    assert client.get_run(first).data.params["setting_1"] == "1", "MLflow keeps the first value"
    assert client.get_run(first).data.params["new"] == "1"
    assert client.get_run(first).data.tags["resumed.setting_1"] == "changed"
    assert [metric.step for metric in client.get_metric_history(first, "loss")] == [7, 8]
    other = TrackedRun(uri, tmp_path / "local.db", "swinx", "second", run_id="0" * 32)
    assert other.start() not in (first, "0" * 32)


def test_settings_that_a_resumed_run_was_given_anew_are_told(tmp_path, caplog):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    first = fill(TrackedRun(uri, tmp_path / "local.db", "swinx", "first"))
    again = TrackedRun(uri, tmp_path / "local.db", "swinx", "first", run_id=first)
    again.start()
    again.parameters({"setting_1": 1, "setting_2": 50})
    assert "goes on with other settings" in caplog.text
    assert "setting_2 2 -> 50" in caplog.text
    assert "setting_1" not in caplog.text


def test_a_deleted_experiment_and_a_store_that_does_not_exist_lead_to_the_local_file(tmp_path, caplog):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    fill(TrackedRun(uri, tmp_path / "local.db", "swinx", "first"))
    client = MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.get_experiment_by_name("swinx").experiment_id)
    for place in (uri, "file:///nowhere/mlruns", "htp://typing.error"):
        run = TrackedRun(place, tmp_path / f"{len(caplog.records)}.db", "swinx", "second")
        run_id = fill(run)
        found = MlflowClient(tracking_uri=sqlite_uri(run.local)).get_run(run_id)
        assert found.data.metrics["loss"] == 0.5
        assert f"tracking goes on in {run.local}" in caplog.text


def test_a_run_that_is_deleted_meanwhile_goes_on_in_the_local_file_with_all_it_had(tmp_path):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    run = TrackedRun(uri, tmp_path / "local.db", "swinx", "first")
    before = run.start()
    run.text("a: 1", "config.json")
    run.data_set("training", "0" * 64, "datalist.json")
    MlflowClient(tracking_uri=uri).delete_run(before)
    run.metrics({"loss": 0.5}, step=1)
    run.end()
    client = MlflowClient(tracking_uri=sqlite_uri(tmp_path / "local.db"))
    found = client.get_run(run.run_id)
    assert found.data.tags["swinx.continues"] == before
    assert found.data.metrics["loss"] == 0.5
    assert [item.path for item in client.list_artifacts(run.run_id)] == ["config.json"]
    assert [item.dataset.name for item in found.inputs.dataset_inputs] == ["training"]


def test_a_relative_path_of_a_database_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = TrackedRun("sqlite:///mine.db", tmp_path / "local.db", "swinx", "first")
    fill(run)
    assert (tmp_path / "mine.db").is_file()
    assert not (tmp_path / "local.db").exists()


def test_a_version_in_the_registry_stays_as_it_was(tmp_path):
    uri = sqlite_uri(tmp_path / "mlflow.db")
    run = TrackedRun(uri, tmp_path / "local.db", "swinx", "first")
    run.start()
    model = tmp_path / "model"
    model.mkdir()
    for content, sha256 in (("one", "1" * 64), ("one", "1" * 64), ("two", "2" * 64)):
        (model / "weights").write_text(content)
        run.register(model, "net", sha256)
    client = MlflowClient(tracking_uri=uri)
    versions = sorted(client.search_model_versions("name = 'net'"), key=lambda version: int(version.version))
    told = [Path(client.get_model_version_download_uri("net", v.version).removeprefix("file://")) for v in versions]
    assert [(place / "weights").read_text() for place in told] == ["one", "two"]


def test_without_mlflow_that_is_said_once_and_nothing_is_tracked(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert fill(TrackedRun(sqlite_uri(tmp_path / "mlflow.db"), tmp_path / "local.db", "swinx", "first")) is None
    assert [record.message for record in caplog.records] == [
        'MLflow is not installed: pip install "mlflow>=3,<4"; until then runs are recorded in their output folders '
        "alone"
    ]
    assert list(tmp_path.iterdir()) == []
