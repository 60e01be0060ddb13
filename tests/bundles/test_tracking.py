"""Three stages in three processes against a real MLflow server: one history, read back by MLflow's own client."""

from __future__ import annotations

import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from support.bundles import PRETRAINING, SMALL, SMALL_PRETRAINING, bundle_command, run, run_bundle, start
from support.refinement import flawed_teacher, partial_cohort, refine_command
from swinx.tracking import lineage_tree, sqlite_uri

pytestmark = pytest.mark.slow

ENCODER = {"embed_dim": 12, "num_heads": [1, 2, 4, 8], "pixdim": [6.0, 6.0, 6.0]}


SERVER = """
import os, runpy, sys
from mlflow import server
from mlflow.cli import cli

def become(command, extra_env, **_):
    os.environ.update(extra_env)
    sys.argv = command[2:]
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)

server._exec_cmd = become
cli(["server", *sys.argv[1:]])
"""
"""MLflow's command, which becomes the server itself where it would start another process for it."""


class Server:
    """``mlflow server`` on the loopback, with SQLite."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.uri = f"http://127.0.0.1:{free.getsockname()[1]}"
        place = [
            "--backend-store-uri",
            sqlite_uri(folder / "server.db"),
            "--artifacts-destination",
            str(folder / "art"),
        ]
        address = ["--host", "127.0.0.1", "--port", self.uri.rpartition(":")[2], "--workers", "1"]
        environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # half a dozen more processes
        self.process = start([sys.executable, "-c", SERVER, *place, *address], folder / "server.log", **environment)
        deadline = time.monotonic() + 600
        while not self._answers():
            assert self.process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=20) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        """End it as a machine that goes down would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a server at which three stages have been tracked."""
    folder = tmp_path_factory.mktemp("tracked")
    server = Server(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWINX_MLFLOW", "on")
        patch.setenv("MLFLOW_TRACKING_URI", server.uri)
        cohort = partial_cohort(folder / "cohort", labelled=3, unlabelled=2)
        pretrained = run_bundle(
            "training",
            "train",
            configs=PRETRAINING,
            dataset_dir=cohort,
            datalist=cohort / "datalist.json",
            output_dir=folder / "pretrain",
            checkpoint=folder / "encoder.pt",
            max_epochs=2,
            warmup_epochs=1,
            scans_per_batch=2,
            region_size=[40, 40, 40],
            picture_interval=1,
            **SMALL_PRETRAINING | ENCODER,
        )
        assert pretrained.returncode == 0, pretrained.stderr[-3000:]
        refined = run(refine_command(cohort, flawed_teacher(cohort, folder / "teacher"), output_dir=folder / "refined"))
        assert refined.returncode == 0, refined.stderr[-3000:]
        trained = run_bundle(
            "training",
            "train",
            dataset_dir=folder / "refined",
            output_dir=folder / "train",
            checkpoint=folder / "model.pt",
            pretrained=folder / "encoder.pt",
            max_epochs=2,
            **SMALL | ENCODER,
        )
        assert trained.returncode == 0, trained.stderr[-3000:]
        evaluated = run_bundle(
            "evaluate",
            ["inference", "evaluate"],
            dataset_dir=cohort,
            output_dir=folder / "evaluation",
            checkpoint=folder / "model.pt",
            **SMALL | ENCODER,
        )
        assert evaluated.returncode == 0, evaluated.stderr[-3000:]
    yield folder, server.uri
    server.stop()


@pytest.fixture(scope="module")
def history(tracked) -> dict[str, Run]:
    """The runs by stage, as someone else's client sees them."""
    client = MlflowClient(tracking_uri=tracked[1])
    experiment = client.get_experiment_by_name("swinx")
    return {found.data.tags["swinx.stage"]: found for found in client.search_runs([experiment.experiment_id])}


def test_three_stages_are_one_history(history):
    assert set(history) == {"pretraining", "refinement", "training", "evaluation"}
    assert {found.info.status for found in history.values()} == {"FINISHED"}
    assert len({found.info.run_name for found in history.values()}) == 4
    for found in history.values():
        assert {"swinx.bundle_version", "swinx.version", "swinx.host", "swinx.device"} <= set(found.data.tags)


def test_settings_are_parameters_with_what_the_user_gave(history):
    assert history["training"].data.params["embed_dim"] == "12"
    assert history["training"].data.params["max_epochs"] == "2"
    assert history["training"].data.params["learning_rate"] == "0.0002"
    assert history["refinement"].data.params["pseudo_tumor"] == "True"
    assert "network_def" not in history["training"].data.params


def test_losses_and_scores_are_metrics_by_epoch(history, tracked):
    client = MlflowClient(tracking_uri=tracked[1])
    for stage, names in {
        "pretraining": ["train_loss", "learning_rate", "patch_information"],
        "training": ["train_loss", "val_mean_dice"],
    }.items():
        for name in names:
            steps = [metric.step for metric in client.get_metric_history(history[stage].info.run_id, name)]
            assert steps == [1, 2], name
    assert history["refinement"].data.metrics["refined"] == 5


def test_tables_settings_and_pictures_are_artifacts(history, tracked):
    client = MlflowClient(tracking_uri=tracked[1])
    for stage, names in {
        "pretraining": {
            "config.json",
            "environment.json",
            "history.csv",
            "steps.csv",
            "training.log",
            "reconstructions",
        },
        "refinement": {"config.json", "cases.csv", "manifest.json"},
        "training": {"config.json", "history.csv"},
        "evaluation": {"config.json", "scores.csv", "summary.md", "overlays"},
    }.items():
        assert names <= {item.path for item in client.list_artifacts(history[stage].info.run_id)}, stage


def test_the_page_of_the_server_shows_the_runs_and_their_pictures(history, tracked, browser):
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    runs = f"{tracked[1]}/#/experiments/{history['evaluation'].info.experiment_id}/runs"
    page.goto(runs)
    for stage, found in history.items():
        page.get_by_role("link", name=found.info.run_name).wait_for(timeout=300_000)
        assert found.info.run_name.startswith(stage)
    for stage, folder, name in (
        ("evaluation", "overlays", "FLARE23Ts_0001.png"),
        ("pretraining", "reconstructions", "epoch_0001.png"),
    ):
        page.goto(f"{runs}/{history[stage].info.run_id}/artifacts/{folder}")
        page.get_by_text(name).first.click(timeout=300_000)
        picture = page.locator(f"img[src^='blob:'], img[src*='{name}']").first
        picture.wait_for(timeout=300_000)
        assert picture.evaluate("async image => { await image.decode(); return image.naturalWidth }") > 300
    assert {url for url in asked if not url.startswith((tracked[1], "data:", "blob:"))} == set()


def test_each_run_names_those_it_came_from(history, tracked):
    ids = {stage: found.info.run_id for stage, found in history.items()}
    tags = history["training"].data.tags
    assert tags["upstream.pretrained"] == ids["pretraining"]
    assert tags["upstream.data"] == ids["refinement"]
    lines = lineage_tree(ids["training"], tracked[1]).splitlines()
    assert [line.split("(run ")[-1].split(")")[0] for line in lines[1:] if "(run " in line] == [
        ids["refinement"],
        ids["pretraining"],
    ]
    assert any("teacher:" in line and line.startswith("        ") for line in lines)
    from_file = lineage_tree(tracked[0] / "model.pt", tracked[1])
    assert ids["training"] in from_file
    assert "CHANGED" not in from_file


def test_the_data_are_inputs_of_a_run(history):
    (found,) = history["training"].inputs.dataset_inputs
    assert found.dataset.digest == history["training"].data.tags["upstream.data.sha256"][:36]


def test_the_registered_model_segments_as_the_bundle_does(tracked, tmp_path):
    folder, uri = tracked
    scan = folder / "cohort" / "imagesVal" / "FLARE23Ts_0001_0000.nii.gz"
    program = (
        "import mlflow, sys; model = mlflow.pyfunc.load_model('models:/swinx_seg/1'); "
        "print(model.metadata.signature); "
        "model.predict({'image': [sys.argv[1]]}, params={'output_dir': sys.argv[2]})"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        loaded = run([sys.executable, "-c", program, str(scan), str(tmp_path / "model")])
    assert loaded.returncode == 0, loaded.stderr[-3000:]
    assert "segmentation" in loaded.stdout
    plain = run_bundle(
        "inference",
        "inference",
        dataset_dir=scan,
        output_dir=tmp_path / "bundle",
        checkpoint=folder / "model.pt",
        backend="auto",  # as the model
        **SMALL | ENCODER,
    )
    assert plain.returncode == 0, plain.stderr[-3000:]
    one, other = (nib.load(tmp_path / kind / "FLARE23Ts_0001.nii.gz") for kind in ("model", "bundle"))
    np.testing.assert_array_equal(np.asarray(one.dataobj), np.asarray(other.dataobj))
    np.testing.assert_allclose(one.affine, other.affine, atol=1e-5)


def test_an_encoder_that_was_exchanged_is_told(tracked, tmp_path):
    folder, uri = tracked
    encoder = tmp_path / "encoder.pt"
    for name in ("encoder.pt", "encoder.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    other = run_bundle(
        "training",
        "train",
        dataset_dir=folder / "refined",
        output_dir=tmp_path / "first",
        checkpoint=tmp_path / "trained.pt",
        max_epochs=1,
        **SMALL | ENCODER,
    )
    assert other.returncode == 0
    encoder.write_bytes((tmp_path / "trained.pt").read_bytes())
    environment = {"SWINX_MLFLOW": "on", "MLFLOW_TRACKING_URI": uri}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        finished = run_bundle(
            "training",
            "train",
            dataset_dir=folder / "refined",
            output_dir=tmp_path / "second",
            checkpoint=tmp_path / "model.pt",
            pretrained=encoder,
            max_epochs=1,
            **SMALL | ENCODER,
        )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert f"pretrained {encoder} is not what its sidecar" in finished.stderr


def test_a_server_that_goes_down_in_mid_run_does_not_end_the_training(cohort, tmp_path):
    server = Server(tmp_path)
    command = bundle_command(
        "training",
        "train",
        dataset_dir=cohort,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        max_epochs=4,
        **SMALL,
    )
    environment = {"SWINX_MLFLOW": "on", "MLFLOW_TRACKING_URI": server.uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    training = start(command, tmp_path / "said", **environment)
    deadline = time.monotonic() + 600
    while not (tmp_path / "out" / "history.csv").is_file() and time.monotonic() < deadline:
        assert training.poll() is None, (tmp_path / "said").read_text()[-3000:]
        time.sleep(0.1)
    server.stop()
    assert training.wait() == 0, (tmp_path / "said").read_text()[-3000:]
    assert (tmp_path / "said").read_text().count("tracking goes on in") == 1
    client = MlflowClient(tracking_uri=sqlite_uri(tmp_path / "out" / "mlflow.db"))
    (found,) = client.search_runs([client.get_experiment_by_name("swinx").experiment_id])
    assert found.data.params["max_epochs"] == "4"
    assert "train_loss" in found.data.metrics
    assert found.info.status == "FINISHED"
