"""Addresses without credentials, and what of a machine leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from swinx.tracking import without_credentials
from swinx.tracking.addresses import credentials_held, local_store, names_same_store
from swinx.tracking.upload import for_upload, upload_roots, without_folders

SECRET = "hunter2"
HOME = Path("/home/me/project")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"http://me:{SECRET}@tracker:5000", "http://tracker:5000"),
        (f"https://{SECRET}@tracker/mlflow/", "https://tracker/mlflow/"),
        (f"http://tracker?token={SECRET}", "http://tracker"),
        (f"http://tracker/api?a=1&token={SECRET}#x", "http://tracker/api"),
        (f"https://me:12{SECRET}/4@host", "https://host"),
        (f"http://me:{SECRET} {SECRET}@host/", "http://host/"),
        (f"http://me:{SECRET}'{SECRET}@host/ and 'ftp://a:{SECRET}@b'", "http://host/ and 'ftp://b'"),
        (f"http://user.name/{SECRET}@host", "http://host"),
        (f"http://user:80/{SECRET}@host", "http://host"),
        (f"http://me:{SECRET}?#;{SECRET}://{SECRET}@host:1/a", "http://host:1/a"),
        (f"http://host;token={SECRET}", "http://host"),
        (f"http://host/a#token={SECRET} failed", "http://host/a failed"),
        (f"http://me:{SECRET}/with@slash@tracker:5000/api", "http://tracker:5000/api"),
        (f"postgresql+psycopg2://me:{SECRET}@db/runs?sslkey={SECRET}", "postgresql+psycopg2://db/runs"),
        (f"sqlite:////data/mlflow.db?key={SECRET}", "sqlite:////data/mlflow.db"),
        (f"API request to http://me:{SECRET}@t:1/a failed", "API request to http://t:1/a failed"),
        (f"'http://me:{SECRET}@t' and http://you:{SECRET}@t", "'http://t' and http://t"),
        (f"Max retries exceeded with url: /?token={SECRET}/api", "Max retries exceeded with url: /"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("http://[::1]:5000/a", "http://[::1]:5000/a"),
        ("somebody@example.org", "somebody@example.org"),
    ],
)
def test_an_address_is_shown_without_credentials(address, shown):
    assert without_credentials(address) == shown
    assert SECRET not in without_credentials(address)


def test_one_store_has_one_name_whatever_its_credentials(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert names_same_store(f"http://me:{SECRET}@tracker:80/", "http://TRACKER")
    assert names_same_store("sqlite:///mlflow.db", f"sqlite:///{tmp_path / 'mlflow.db'}")
    for one, other in (
        ("http://tracker", "https://tracker"),
        ("http://tracker", "http://tracker.evil"),
        ("http://tracker:1", "http://tracker:2"),
        ("http://tracker/a", "http://tracker/b"),
        ("http://tracker@evil", "http://tracker"),
        ("http://evil/a@tracker", "http://tracker"),
        ("http://[evil", "http://tracker"),
        ("sqlite:///a.db", "sqlite:///b.db"),
    ):
        assert not names_same_store(one, other)


def test_only_a_file_that_exists_in_a_known_folder_is_a_local_store(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mlflow.db").touch()
    (tmp_path / "other.db").touch()
    (tmp_path / "out" / "link.db").symlink_to(tmp_path / "other.db")
    folders = [tmp_path / "out"]
    assert local_store(f"sqlite:///{tmp_path / 'out' / 'mlflow.db'}", folders)
    for name in ("out/absent.db", "out/link.db", "other.db", "out/../other.db"):
        assert not local_store(f"sqlite:///{tmp_path / name}", folders)
    assert not local_store("http://tracker", folders)


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"])
def test_a_token_belongs_to_the_server_that_the_environment_names(monkeypatch, tmp_path, variable):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert credentials_held("http://elsewhere:5000") is None
    monkeypatch.setenv(variable, SECRET)
    assert credentials_held("http://elsewhere:5000") == variable
    assert credentials_held("sqlite:///mlflow.db") is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker:5000")
    assert credentials_held("http://tracker:5000/") is None
    for other in ("http://elsewhere:5000", "https://tracker:5000", "http://tracker:5001", "http://tracker:5000@evil"):
        assert credentials_held(other) == variable


def test_the_file_of_credentials_counts_as_a_token(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("URI", "TOKEN", "USERNAME", "PASSWORD", "AUTH"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").touch()
    assert credentials_held("http://elsewhere") == "~/.mlflow/credentials"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("/home/me/project/runs/demo/model.pt", "runs/demo/model.pt"),
        ("/data/secret hospital/Jane Doe/scan.nii.gz", "scan.nii.gz"),
        ("C:\\Users\\me\\scan.nii.gz", "scan.nii.gz"),
        ("~/data/list.json", "list.json"),
        ("$os.path.join('/data/cohort', 'a.json')", "$os.path.join('cohort', 'a.json')"),
        ("$@train::a / @b + 1/2 // 3", "$@train::a / @b + 1/2 // 3"),
        ("sqlite:////home/me/project/mlflow.db", "sqlite:///mlflow.db"),
        ("file:///data/x/mlruns", "file:///mlruns"),
        (f"http://me:{SECRET}@tracker/api", "http://tracker/api"),
        ("path:/home/me", "path:me"),
        ("one:/home/me/x,two:/home/me/project/y", "one:x,two:y"),
        ("x=/home/me/a b/c.nii", "x=c.nii"),
        ("read /data/Jane van Doe/scan.nii: damaged", "read scan.nii: damaged"),
        ("x=C:\\Users\\Jane Doe\\scan.nii", "x=scan.nii"),
        ("at sqlite:////data/Jane Doe/mlflow.db", "at sqlite:///mlflow.db"),
        ("http://tracker:5000/a/b", "http://tracker:5000/a/b"),
        ("work/demo/model.pt", "work/demo/model.pt"),
        ("swinx.networks.SwinXSeg", "swinx.networks.SwinXSeg"),
        ("/", "."),
        ("", ""),
    ],
)
def test_what_is_sent_has_no_folders_of_the_machine(text, sent):
    assert without_folders(text, [HOME]) == sent


def test_values_of_all_kinds_are_sent_without_folders():
    value = {"/data/x": ["/data/y", {"a": "/home/me/project/z"}], "n": 1, "none": None}
    assert for_upload(value, [HOME]) == {"x": ["y", {"a": "z"}], "n": 1, "none": None}


def test_a_home_folder_is_no_project(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pyproject.toml").touch()
    assert upload_roots(tmp_path / "bundle", tmp_path / "out") == [tmp_path / "bundle", tmp_path / "out"]
