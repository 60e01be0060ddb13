"""Sidecars, what they prove, and the tree they make."""

from __future__ import annotations

import json

import pytest

from swinx.errors import DataListError
from swinx.tracking import (
    TrackedRun,
    artefact_hash,
    lineage_tree,
    read_sidecar,
    sidecar_path,
    sqlite_uri,
    upstream_of,
    write_sidecar,
)


@pytest.fixture
def chain(tmp_path):
    """An encoder, and a model that was trained from it on a data list that nobody recorded."""
    for name in ("encoder.pt", "datalist.json", "model.pt"):
        (tmp_path / name).write_text(name)
    write_sidecar(tmp_path / "encoder.pt", {"run_id": "r1", "stage": "pretraining", "upstream": []})
    sources = [upstream_of(name, tmp_path / f) for name, f in (("pretrained", "encoder.pt"), ("data", "datalist.json"))]
    write_sidecar(tmp_path / "model.pt", {"run_id": "r2", "stage": "training", "upstream": sources})
    return tmp_path


def tree(chain) -> str:
    return lineage_tree(chain / "model.pt", sqlite_uri(chain / "mlflow.db"))


def test_a_sidecar_keeps_what_was_in_it(tmp_path):
    (tmp_path / "model.pt").write_text("weights")
    sidecar_path(tmp_path / "model.pt").write_text(json.dumps({"epoch": 3}))
    write_sidecar(tmp_path / "model.pt", {"run_id": "r"})
    assert read_sidecar(tmp_path / "model.pt") == {
        "epoch": 3,
        "run_id": "r",
        "sha256": artefact_hash(tmp_path / "model.pt"),
    }


def test_an_artefact_that_is_as_recorded_matches_and_says_nothing(chain, caplog):
    found = upstream_of("pretrained", chain / "encoder.pt")
    assert found["matches"] is True
    assert found["run_id"] == "r1"
    assert not caplog.records


def test_one_that_was_exchanged_is_told_with_both_sides(chain, caplog):
    recorded = read_sidecar(chain / "encoder.pt")["sha256"]
    (chain / "encoder.pt").write_text("another")
    assert upstream_of("pretrained", chain / "encoder.pt")["matches"] is False
    said = caplog.text
    assert "encoder.pt" in said
    assert "encoder.json" in said
    assert recorded[:12] in said
    assert artefact_hash(chain / "encoder.pt")[:12] in said
    assert "run r1" in said


def test_without_a_record_nothing_is_claimed(chain, caplog):
    found = upstream_of("data", chain / "datalist.json")
    assert (found["matches"], found["run_id"]) == (None, None)
    assert upstream_of("data", chain / "nowhere.json")["sha256"] is None
    assert not caplog.records


def test_a_model_folder_of_nnunet_is_one_artefact(tmp_path):
    model = tmp_path / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (model / "fold_0").mkdir(parents=True)
    (model / "plans.json").write_text("{}")
    (model / "fold_0" / "checkpoint_final.pth").write_text("weights")
    write_sidecar(model, {"run_id": "t"})
    assert sidecar_path(model) == model / "run.json"
    assert upstream_of("teacher", model)["matches"] is True, "its own sidecar is no part of it"
    (model / "fold_0" / "checkpoint_final.pth").write_text("other")
    assert upstream_of("teacher", model)["matches"] is False


def test_a_network_of_openvino_is_its_graph_and_its_weights(tmp_path):
    (tmp_path / "model.xml").write_text("graph")
    alone = artefact_hash(tmp_path / "model.xml")
    (tmp_path / "model.bin").write_text("weights")
    both = artefact_hash(tmp_path / "model.xml")
    (tmp_path / "model.bin").write_text("others")
    assert len({alone, both, artefact_hash(tmp_path / "model.xml")}) == 3


def test_the_tree_goes_back_to_the_beginning(chain):
    lines = tree(chain).splitlines()
    assert lines[0] == f"{chain / 'model.pt'} (training run r2)"
    assert lines[1] == f"    pretrained: {chain / 'encoder.pt'} (run r1)"
    assert lines[2] == f"    data: {chain / 'datalist.json'} (made by nobody that kept a record)"


def test_the_tree_tells_what_has_changed_or_gone(chain):
    (chain / "encoder.pt").write_text("another")
    (chain / "datalist.json").unlink()
    (chain / "model.pt").write_text("another, too")
    lines = tree(chain).splitlines()
    assert lines[0].endswith("CHANGED since its sidecar was written")
    assert lines[1].endswith("CHANGED since it was used")
    assert lines[2].endswith("not there any more")


def test_a_run_is_followed_by_its_tags(chain):
    uri = sqlite_uri(chain / "mlflow.db")
    first, second = (TrackedRun(uri, chain / "local.db", "swinx", name) for name in ("early", "late"))
    for run in (first, second):
        run.start()
    second.tags({"swinx.stage": "training", "upstream.pretrained": first.run_id, "upstream.pretrained.path": "gone.pt"})
    first.tags({"upstream.data.path": "old.json"})
    lines = lineage_tree(str(second.run_id), uri).splitlines()
    assert lines == [
        f"late (training run {second.run_id})",
        f"    pretrained: gone.pt (run {first.run_id}), not on this machine",
        "        data: old.json (made by nobody that kept a record), not on this machine",
    ]


def test_what_is_neither_file_nor_run_is_named(chain):
    uri = sqlite_uri(chain / "mlflow.db")
    with pytest.raises(DataListError, match=r"nothing: not a file, and there is no sqlite:.*mlflow\.db"):
        lineage_tree("nothing", uri)
    assert not (chain / "mlflow.db").exists()
    run = TrackedRun(uri, chain / "local.db", "swinx", "named")
    run.start()
    assert lineage_tree("named", uri) == lineage_tree(str(run.run_id), uri)
    with pytest.raises(DataListError, match="neither a file nor the id or name of a run"):
        lineage_tree("nothing", uri)
    with pytest.raises(DataListError, match=r"http://127\.0\.0\.1:9: does not answer"):
        lineage_tree("nothing", "http://127.0.0.1:9")
    with pytest.raises(DataListError, match="has no sidecar"):
        lineage_tree(chain / "datalist.json", uri)
