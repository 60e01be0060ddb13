"""What records of others cannot do: have a store contacted, a token sent, a file read that is not of the project."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from swinx.errors import DataListError, RecordError
from swinx.tracking import (
    TrackedRun,
    TrackingSession,
    artefact_hash,
    lineage_tree,
    provenance,
    read_sidecar,
    sidecar_path,
    sqlite_uri,
    upstream_of,
    write_sidecar,
)

SECRET = "hunter2"


class Recorder(http.server.ThreadingHTTPServer):
    """A server that answers nothing and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), _Answer)
        self.uri = f"http://127.0.0.1:{self.server_port}"


class _Answer(http.server.BaseHTTPRequestHandler):
    def _answer(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(404)
        self.end_headers()

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names of http.server

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a bundle, an output folder and a model; tracking is on, nothing is in the environment."""
    for name in ("URI", "TOKEN", "USERNAME", "PASSWORD", "AUTH"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SWINX_MLFLOW", "on")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    root = tmp_path / "project"
    (root / "bundle" / "configs").mkdir(parents=True)
    (root / "out").mkdir()
    (root / "pyproject.toml").touch()
    (root / "bundle" / "configs" / "mlflow.json").write_text('{"system_metrics": false}')
    (root / "model.pt").write_text("weights")
    monkeypatch.chdir(root)
    return root


def session(project, **settings) -> TrackingSession:
    path = project / "bundle" / "configs" / "mlflow.json"
    path.write_text(json.dumps({"system_metrics": False} | settings))
    return TrackingSession("training", str(project / "bundle"), str(project / "out"), {"data": project / "model.pt"})


def record_of(project) -> dict:
    return json.loads((project / "out" / "mlflow_run.json").read_text())


def test_an_address_in_a_sidecar_is_shown_and_not_contacted(project, server):
    source = {"name": "pretrained", "path": "encoder.pt", "run_id": "r1", "tracking_uri": server.uri}
    write_sidecar(project / "model.pt", {"run_id": "r2", "upstream": [source]})
    tree = lineage_tree(project / "model.pt", sqlite_uri(project / "mlflow.db"))
    assert f"recorded at {server.uri}, which is not contacted; give it as --tracking_uri" in tree
    assert server.asked == []
    assert not (project / "mlflow.db").exists(), "nor is a database made in order to look into it"
    with pytest.raises(DataListError, match="does not answer"):
        lineage_tree(project / "model.pt", server.uri)
    assert server.asked, "the user named it"


def test_a_database_is_asked_if_it_lies_in_the_project_or_the_user_named_it(project, tmp_path):
    for place, told in ((project / "out" / "mlflow.db", True), (tmp_path / "elsewhere.db", False)):
        run = TrackedRun(sqlite_uri(place), project / "local.db", "swinx", "early")
        run.start()
        run.tags({"upstream.data.path": "old.json"})
        run.end()
        source = {"name": "encoder", "path": "e.pt", "run_id": run.run_id, "tracking_uri": sqlite_uri(place)}
        sidecar_path(project / "model.pt").write_text(json.dumps({"run_id": "r2", "upstream": [source]}))
        tree = lineage_tree(project / "model.pt", sqlite_uri(project / "mlflow.db"))
        assert ("data: old.json" in tree) is told
        assert ("is not contacted" in tree) is not told


@pytest.mark.parametrize("path", ["/etc/hostname", "/dev/zero", "../home/key", "pipe", "link"])
def test_a_path_in_a_sidecar_is_looked_at_only_if_it_is_a_file_of_the_project(project, path):
    (project.parent / "home").mkdir()
    (project.parent / "home" / "key").write_text("secret")
    os.mkfifo(project / "pipe")
    (project / "link").symlink_to(project.parent / "home" / "key")
    place = str((project / path).absolute())
    source = {"name": "data", "path": place, "sha256": "0" * 64}
    sidecar_path(project / "model.pt").write_text(json.dumps({"run_id": "r", "upstream": [source]}))
    (line,) = lineage_tree(project / "model.pt", sqlite_uri(project / "mlflow.db")).splitlines()[1:]
    assert "not looked at: " in line
    assert "CHANGED" not in line


def test_what_a_sidecar_says_does_not_reach_the_terminal_as_commands(project):
    source = {"name": "data", "path": "a\nb", "run_id": None}
    sidecar_path(project / "model.pt").write_text(json.dumps({"run_id": "r", "upstream": [source]}))
    lines = lineage_tree(project / "model.pt", sqlite_uri(project / "mlflow.db")).splitlines()
    assert len(lines) == 2
    assert "a\\nb" in lines[1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"run_id": 3}, "run_id is 3, where the id of a run stands"),
        ({"run_id": "../x"}, "where the id of a run stands"),
        ({"sha256": "no hash"}, "where a hash in hexadecimal stands"),
        ({"stage": ["a"]}, "where one line of text stands"),
        ({"epoch": "3"}, "where a number stands"),
        ({"metrics": {"loss": "$x"}}, "where an object of numbers stands"),
        ({"window": ["$x"]}, "where a list of numbers stands"),
        ({"settings": []}, "where an object of settings stands"),
        ({"settings": {"a": "$x"}}, "a is '.x', and"),
        ({"upstream": [{"name": "a"}]}, "where a list of objects with name and path stands"),
        ({"upstream": [{"name": "a", "path": "b", "matches": "yes"}]}, r"upstream\[0\]\.matches is 'yes'"),
        ({"upstream": "x"}, "where a list of objects stands"),
        ({"a": {"_target_": "os.getcwd"}}, "builds components"),
    ],
)
def test_a_sidecar_of_other_contents_is_refused_and_does_not_end_a_run(project, content, reason, caplog):
    sidecar_path(project / "model.pt").write_text(json.dumps(content))
    with pytest.raises(RecordError, match=rf"model\.json: .*{reason}") as refused:
        read_sidecar(project / "model.pt")
    assert len(str(refused.value).splitlines()) == 1
    assert upstream_of("pretrained", project / "model.pt")["run_id"] is None
    write_sidecar(project / "model.pt", {"run_id": "r2"})
    assert read_sidecar(project / "model.pt") == {"run_id": "r2", "sha256": artefact_hash(project / "model.pt")}
    assert "counts as one without a sidecar" in caplog.text
    assert "it is replaced" in caplog.text


def test_a_pipe_in_the_place_of_a_sidecar_stops_nothing(project):
    os.mkfifo(sidecar_path(project / "model.pt"))
    with pytest.raises(RecordError, match=r"model\.json: is a named pipe, not a regular file"):
        read_sidecar(project / "model.pt")
    assert upstream_of("pretrained", project / "model.pt")["run_id"] is None


def test_a_run_is_not_resumed_at_a_store_that_only_its_record_names(project, server, caplog):
    record = {"name": "n", "run_id": "0" * 32, "tracking_uri": server.uri}
    (project / "out" / "mlflow_run.json").write_text(json.dumps(record))
    run = session(project)
    run.begin(resume=True)
    run.end()
    assert server.asked == []
    assert f"names the store {server.uri}, which neither MLFLOW_TRACKING_URI nor mlflow.json name" in caplog.text
    assert record_of(project)["tracking_uri"] == sqlite_uri(project / "mlflow.db")
    assert record_of(project)["run_id"] != "0" * 32


@pytest.mark.parametrize("content", ["{", "[]", '{"run_id": ["$x"]}', '{"tracking_uri": 3}'])
def test_a_damaged_record_of_a_run_makes_a_new_one(project, content, caplog):
    (project / "out" / "mlflow_run.json").write_text(content)
    run = session(project)
    run.begin(resume=True)
    run.end()
    assert "the run becomes a new one in MLflow" in caplog.text
    assert len(record_of(project)["run_id"]) == 32


def test_a_run_that_went_on_in_its_output_folder_is_resumed_there(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    ids = []
    for resume in (False, True):
        run = session(project)
        run.begin(resume=resume)
        ids.append(provenance()["run_id"])
        run.end()
    assert ids[0] == ids[1]
    assert record_of(project)["tracking_uri"] == sqlite_uri(project / "out" / "mlflow.db")


@pytest.mark.parametrize("holder", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"])
def test_a_token_is_not_sent_to_a_server_that_only_a_bundle_names(project, server, monkeypatch, caplog, holder):
    monkeypatch.setenv(holder, SECRET)
    run = session(project, tracking_uri=server.uri)
    run.begin()
    run.end()
    assert server.asked == []
    assert f"mlflow.json names the server {server.uri}, MLFLOW_TRACKING_URI does not, and {holder}" in caplog.text
    assert record_of(project)["tracking_uri"] == sqlite_uri(project / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    run = session(project, tracking_uri=server.uri)
    run.begin()
    run.end()
    assert server.asked, "the user named it"


def test_without_a_token_the_server_of_a_bundle_is_asked(project, server):
    run = session(project, tracking_uri=server.uri)
    run.begin()
    run.end()
    assert server.asked


def test_a_database_that_keeps_its_artifacts_on_another_machine_is_not_used(project, server, caplog):
    store = sqlite_uri(project / "mlflow.db")
    TrackedRun(store, project / "x.db", "other", "a").start()
    MlflowClient(tracking_uri=store).create_experiment("swinx", f"{server.uri}/artifacts")
    run = session(project)
    run.begin()
    run.end()
    assert server.asked == []
    assert f"keeps the artifacts of the run at {server.uri}/artifacts" in caplog.text
    assert record_of(project)["tracking_uri"] == sqlite_uri(project / "out" / "mlflow.db")


def test_credentials_of_an_address_are_written_nowhere(project, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{SECRET}@127.0.0.1:9/?token={SECRET}")
    run = session(project)
    run.configuration = {"server": f"https://me:{SECRET}@elsewhere/x?key={SECRET}", "a": [f"http://{SECRET}@b"]}
    run.begin()
    assert SECRET not in json.dumps(provenance())
    run.end("FINISHED", [project / "model.pt"])
    assert "http://127.0.0.1:9" in caplog.text
    assert SECRET not in caplog.text
    for path in project.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_an_older_sidecar_with_credentials_is_read_without_them(project):
    source = {"name": "a", "path": "b", "tracking_uri": f"http://me:{SECRET}@tracker"}
    content = {"tracking_uri": f"http://tracker?token={SECRET}", "upstream": [source]}
    sidecar_path(project / "model.pt").write_text(json.dumps(content))
    assert SECRET not in json.dumps(read_sidecar(project / "model.pt"))


def test_a_run_at_an_address_with_credentials_is_resumed_at_the_named_one(project, server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri.replace("http://", f"http://me:{SECRET}@"))
    (project / "out" / "mlflow_run.json").write_text(json.dumps({"run_id": "a" * 32, "tracking_uri": server.uri}))
    run = session(project)
    run.begin(resume=True)
    run.end()
    assert any(authorization for _, authorization in server.asked)


def test_folders_of_the_machine_are_not_sent(project, tmp_path):
    (tmp_path / "patients").mkdir()
    (tmp_path / "patients" / "list.json").write_text("[]")
    run = session(project)
    run.upstream = {"data": tmp_path / "patients" / "list.json", "pretrained": project / "model.pt"}
    run.configuration = {"dataset_dir": str(tmp_path / "patients"), "output_dir": str(project / "out"), "x": ["/a/b"]}
    run.begin()
    run.end()
    client = MlflowClient(tracking_uri=sqlite_uri(project / "mlflow.db"))
    found = client.get_run(record_of(project)["run_id"])
    assert found.data.params == {"dataset_dir": "patients", "output_dir": "out", "x": "['b']"}
    assert found.data.tags["upstream.data.path"] == "list.json"
    assert found.data.tags["upstream.pretrained.path"] == "model.pt"
    sent = [json.dumps(found.to_dictionary()["data"]), json.dumps(found.to_dictionary()["inputs"], default=str)]
    sent += [path.read_text() for path in (project / "mlruns").rglob("*.json")]
    assert len(sent) == 4
    for text in sent:
        assert str(tmp_path) not in text
    assert str(tmp_path / "patients" / "list.json") in json.dumps(
        provenance() or upstream_of("a", run.upstream["data"])
    )


def test_a_run_is_followed_by_names_where_paths_were_not_sent(project, tmp_path):
    run = session(project)
    run.upstream = {"data": tmp_path / "list.json", "pretrained": project / "model.pt"}
    (tmp_path / "list.json").write_text("[]")
    run.begin()
    run_id = provenance()["run_id"]
    run.end()
    lines = lineage_tree(run_id, sqlite_uri(project / "mlflow.db")).splitlines()
    assert lines[1].endswith("data: list.json (made by nobody that kept a record), not on this machine")
    assert lines[2].endswith("pretrained: model.pt (made by nobody that kept a record)")
    (project / "model.pt").write_text("another file of this name")
    assert lineage_tree(run_id, sqlite_uri(project / "mlflow.db")).splitlines()[2].endswith("not on this machine")
