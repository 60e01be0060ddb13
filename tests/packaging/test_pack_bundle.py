"""What is in a packed bundle, and what is refused before anything is written."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from monai.bundle import ckpt_export

from support.bundles import ROOT, SMALL
from swinx.errors import BundleError, WeightsError
from swinx.files import check_settings
from swinx.labels import FLARE23
from swinx.networks import SwinXSeg, save_weights
from swinx.packaging import pack_bundle, versions, write_zip
from swinx.packaging.configurations import set_settings
from swinx.packaging.versions import check_versions
from swinx.tracking import sidecar_path

SETTINGS = {key: value for key, value in SMALL.items() if key not in ("num_workers", "progress")}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "best.pt"
    torch.manual_seed(0)
    save_weights(SwinXSeg(1, 15, embed_dim=12, num_heads=[1, 2, 4, 8], decoder_channels=8), path)
    return path


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A copy of the bundle, to be spoiled."""
    without_weights = shutil.ignore_patterns("*.pt")
    return Path(shutil.copytree(ROOT / "bundles" / "swinx_seg", tmp_path / "swinx_seg", ignore=without_weights))


@pytest.fixture(scope="module")
def packed(weights, tmp_path_factory) -> Path:
    return pack_bundle(ROOT / "bundles/swinx_seg", tmp_path_factory.mktemp("dist"), weights=weights, settings=SETTINGS)


def member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        return opened.read(f"swinx_seg/{name}")


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_packing_twice_gives_the_same_bytes(packed, weights, tmp_path):
    again = pack_bundle(ROOT / "bundles/swinx_seg", tmp_path, weights=weights, settings=SETTINGS)
    assert again.read_bytes() == packed.read_bytes()
    assert again.name == packed.name == "swinx_seg_v0.2.0.zip"


def test_the_zip_has_one_folder_with_configurations_weights_documents_and_the_package(packed):
    with zipfile.ZipFile(packed) as opened:
        names = opened.namelist()
    assert {Path(name).parts[0] for name in names} == {"swinx_seg"}
    needed = ["LICENSE", "docs/README.md", "models/model.pt", "models/model.json", "swinx/networks/swinx_seg.py"]
    needed += ["swinx/py.typed", "swinx/shared_configs/mlflow.json", "configs/logging.conf", "configs/metadata.json"]
    assert {f"swinx_seg/{name}" for name in needed} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", "demo.json"))]
    assert [name for name in names if name.endswith(".pt")] == ["swinx_seg/models/model.pt"]


def test_settings_stand_in_every_configuration_that_has_them_and_in_the_metadata(packed):
    for name in ("train", "inference"):
        config = json.loads(member(packed, f"configs/{name}.json"))
        assert {setting: config[setting] for setting in SETTINGS} == SETTINGS
    formats = json.loads(member(packed, "configs/metadata.json"))["network_data_format"]
    assert formats["inputs"]["image"]["spatial_shape"] == SETTINGS["roi_size"]
    assert formats["outputs"]["pred"]["spatial_shape"] == SETTINGS["roi_size"]


def test_monai_s_own_export_of_a_packed_bundle_takes_its_windows_and_refuses_others(packed, tmp_path, monkeypatch):
    with zipfile.ZipFile(packed) as opened:
        opened.extractall(tmp_path)
    monkeypatch.chdir(tmp_path / "swinx_seg")
    out = tmp_path / "model.ts"
    ckpt_export(net_id="network_def", filepath=str(out), config_file="configs/inference.json")
    image = torch.rand(1, 1, *SETTINGS["roi_size"])
    network = SwinXSeg(1, 15, embed_dim=12, num_heads=[1, 2, 4, 8], decoder_channels=8).eval()
    network.load_state_dict(torch.load("models/model.pt", weights_only=True))
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.load(out)(image), network(image), rtol=0, atol=1e-5)
        with pytest.raises(torch.jit.Error, match=r"exported for windows of \[1, 32, 32, 32\]"):
            torch.jit.load(out)(torch.rand(1, 1, 64, 64, 64))


def test_settings_come_from_the_sidecar_and_nothing_of_the_machine_does(weights, tmp_path):
    mine = Path(shutil.copy(weights, tmp_path / "model.pt"))
    digest = hashlib.sha256(mine.read_bytes()).hexdigest()
    source = {
        "name": "data",
        "path": "/home/somebody/secret/datalist.json",
        "sha256": "0",
        "tracking_uri": "sqlite:////x",
    }
    record = {
        "sha256": digest,
        "tracking_uri": "sqlite:////home/somebody/mlflow.db",
        "upstream": [source],
        "run_id": "1",
    }
    sidecar_path(mine).write_text(json.dumps(record | {"settings": {**SETTINGS, "learning_rate": 0.5, "of_old": 1}}))
    archive = pack_bundle(ROOT / "bundles/swinx_seg", tmp_path / "dist", weights=mine)
    assert json.loads(member(archive, "configs/train.json"))["learning_rate"] == 0.5
    told = json.loads(member(archive, "models/model.json"))
    assert told["upstream"] == [{"name": "data", "path": "datalist.json", "sha256": "0"}]
    assert (told["sha256"], told["run_id"]) == (digest, "1")
    with zipfile.ZipFile(archive) as opened:
        assert not [name for name in opened.namelist() if b"/home/somebody" in opened.read(name)]


def evil(path: Path) -> str:
    """An expression that makes a file when it is evaluated."""
    return f"$__import__('pathlib').Path('{path}').touch()"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"overlap": "$CANARY"}, r"model\.json: overlap is .*, and \$, @ and % make a program"),
        ({"of_old": "$CANARY"}, r"model\.json: of_old is "),
        ({"roi_size": [32, 32, "$CANARY"]}, r"model\.json: roi_size\[2\] is "),
        ({"overlap": "@network_def"}, "make a program"),
        ({"overlap": "%run"}, "make a program"),
        ({"run": ["$CANARY"]}, r"model\.json: no override of run is taken"),
        ({"imports": ["$CANARY"]}, "no override of imports is taken"),
        ({"initialize": ["$CANARY"]}, "no override of initialize is taken"),
        ({"inference": "plain"}, "no override of inference is taken"),
        ({"handlers": []}, "no override of handlers is taken"),
        ({"preprocessing": {"a": 1}}, "no override of preprocessing is taken"),
        ({"network_def": {"_target_": "os.getcwd"}}, "network_def"),
        ({"overlap": {"_target_": "os.getcwd"}}, "'_target_', by which a configuration builds components"),
        ({"inferer::_target_": "os.getcwd"}, "is no name of a setting"),
        ({"+imports": []}, "is no name of a setting"),
    ],
)
@pytest.mark.parametrize("by", ["sidecar", "user"])
def test_what_is_beside_weights_or_given_with_them_never_becomes_code(settings, reason, by, weights, tmp_path):
    canary = tmp_path / "canary"
    settings = json.loads(json.dumps(settings).replace("$CANARY", evil(canary)))
    mine = Path(shutil.copy(weights, tmp_path / "model.pt"))
    recorded = SETTINGS | (settings if by == "sidecar" else {})
    sidecar_path(mine).write_text(
        json.dumps({"sha256": hashlib.sha256(mine.read_bytes()).hexdigest(), "settings": recorded})
    )
    if by == "user":
        reason = reason.replace(r"model\.json", "swinx pack")
    with pytest.raises(BundleError, match=reason) as refused:
        pack_bundle(
            ROOT / "bundles/swinx_seg", tmp_path / "dist", weights=mine, settings=settings if by == "user" else None
        )
    assert len(str(refused.value).splitlines()) == 1
    assert not canary.exists()
    assert not (tmp_path / "dist").exists()


def test_a_packed_configuration_differs_from_that_of_the_bundle_in_plain_values_alone(packed):
    for name in ("train", "inference"):
        before = json.loads((ROOT / f"bundles/swinx_seg/configs/{name}.json").read_text())
        after = json.loads(member(packed, f"configs/{name}.json"))
        changed = {key for key in after if after[key] != before[key]}
        assert changed <= set(SETTINGS) | {"network_def"}
        check_settings({key: after[key] for key in changed - {"network_def"}}, name)
        assert after["network_def"] == before["network_def"] | {"script_window": "@roi_size"}


def test_what_a_sidecar_says_besides_what_is_known_is_not_packed(weights, tmp_path):
    mine = Path(shutil.copy(weights, tmp_path / "model.pt"))
    record = {
        "settings": SETTINGS,
        "note": evil(tmp_path / "canary"),
        "upstream": [{"name": "a", "path": "b", "more": 1}],
    }
    sidecar_path(mine).write_text(json.dumps(record))
    archive = pack_bundle(ROOT / "bundles/swinx_seg", tmp_path / "dist", weights=mine)
    told = json.loads(member(archive, "models/model.json"))
    assert "note" not in told
    assert told["upstream"] == [{"name": "a", "path": "b"}]


@pytest.mark.parametrize(
    "name", ["docs/notes.md", "docs/README.md", "LICENSE", "configs/evaluate.json", "configs/x.conf"]
)
def test_a_link_out_of_the_bundle_is_not_packed(name, bundle, weights, tmp_path):
    (tmp_path / "secret").write_text("{}")
    (bundle / name).unlink(missing_ok=True)
    (bundle / name).symlink_to(tmp_path / "secret")
    with pytest.raises(BundleError, match=f"{name}: leads out of .*swinx_seg by a link, and is not packed"):
        pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)
    assert not (tmp_path / "dist").exists()


def test_a_link_within_the_bundle_is_packed_as_what_it_leads_to(bundle, weights, tmp_path):
    (bundle / "docs/more.md").symlink_to(bundle / "docs/README.md")
    archive = pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)
    assert member(archive, "docs/more.md") == (bundle / "docs/README.md").read_bytes()


def test_a_pipe_among_the_documents_or_in_the_place_of_the_weights_does_not_stop_packing(bundle, weights, tmp_path):
    os.mkfifo(bundle / "docs/pipe")
    with pytest.raises(BundleError, match=r"docs/pipe: is a named pipe, not a regular file"):
        pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)
    os.mkfifo(tmp_path / "model.pt")
    with pytest.raises(OSError, match=r"model\.pt: is a named pipe, not a regular file"):
        pack_bundle(bundle, tmp_path / "dist", weights=tmp_path / "model.pt", settings=SETTINGS)


def test_weights_changed_after_the_training_are_refused(weights, tmp_path):
    mine = Path(shutil.copy(weights, tmp_path / "model.pt"))
    sidecar_path(mine).write_text(json.dumps({"sha256": "f" * 64, "settings": SETTINGS}))
    with pytest.raises(BundleError, match=r"model\.pt: its hash is .*ffffffffffff.*changed after the training"):
        pack_bundle(ROOT / "bundles/swinx_seg", tmp_path / "dist", weights=mine)
    assert not (tmp_path / "dist").exists()


def test_a_bundle_without_weights_is_refused(bundle, tmp_path):
    with pytest.raises(BundleError, match=r"model\.pt: no such weights.*train the bundle, or name them"):
        pack_bundle(bundle, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_weights_of_another_network_are_refused(weights, tmp_path):
    with pytest.raises(
        WeightsError, match=r"another network: give the settings of their training \(--embed_dim, "
    ) as refused:
        pack_bundle(ROOT / "bundles/swinx_seg", tmp_path, weights=weights)
    assert len(str(refused.value).splitlines()) == 1


def test_settings_are_recorded_beside_the_weights_whoever_gave_them(packed, weights, tmp_path):
    assert json.loads(member(packed, "models/model.json"))["settings"] == SETTINGS
    mine = Path(shutil.copy(weights, tmp_path / "model.pt"))
    digest = hashlib.sha256(mine.read_bytes()).hexdigest()
    trained = {**SETTINGS, "overlap": 0.25, "warmup_of_old": 3}
    sidecar_path(mine).write_text(json.dumps({"sha256": digest, "settings": trained}))
    archive = pack_bundle(ROOT / "bundles/swinx_seg", tmp_path / "dist", weights=mine, settings={"overlap": 0.75})
    assert json.loads(member(archive, "models/model.json"))["settings"] == trained | {"overlap": 0.75}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "0.3.0"}, "0.3.0 is not in the changelog"),
        ({"swinx_version": "0.9.0"}, "made for swinx 0.9.0, and swinx 0.2.0 would be packed"),
        ({"monai_version": "0.1.0"}, "monai_version 0.1.0 is stated, and swinx needs monai<1.7,>=1.6.1"),
        ({"numpy_version": "1.2"}, "numpy_version 1.2 is stated, and swinx needs numpy>=1.26"),
        (
            {"required_packages_version": {"Nibabel": "1.0"}},
            "required_packages_version, Nibabel 1.0 is stated, and swinx needs Nibabel>=5.2",
        ),
        ({"pytorch_version": "2.13.x"}, "pytorch_version '2.13.x' is no version"),
        ({"task": None}, "task is None, not a text"),
    ],
)
def test_metadata_that_break_a_rule_are_refused(change, reason, bundle, weights, tmp_path):
    rewrite(bundle / "configs/metadata.json", **change)
    with pytest.raises(BundleError, match=rf"metadata\.json: .*{reason}"):
        pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)


def test_versions_that_swinx_allows_and_that_are_not_here_are_packed_with_a_warning(bundle, weights, tmp_path, caplog):
    rewrite(bundle / "configs/metadata.json", required_packages_version={"nibabel": "5.2.0", "of-mine": "7.0"})
    pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)
    assert re.search(r"metadata\.json states .*: nibabel 5\.2\.0 \(.* is installed\), of-mine 7\.0 \(none", caplog.text)


def test_where_swinx_is_not_installed_its_requirements_are_not_known_and_nothing_is_refused(monkeypatch, bundle):
    monkeypatch.setattr(versions, "_installed", lambda _: "none")
    path = bundle / "configs/metadata.json"
    check_versions(json.loads(path.read_text()) | {"monai_version": "0.1.0"}, path)


def test_the_classes_of_the_metadata_are_those_of_the_network(bundle, weights, tmp_path):
    path = bundle / "configs/metadata.json"
    formats = json.loads(path.read_text())["network_data_format"]
    names = formats["outputs"]["pred"]["channel_def"]
    names.pop("14")
    formats["outputs"]["pred"] |= {"num_channels": 14, "channel_def": names}
    rewrite(path, network_data_format=formats)
    archive = pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)
    pred = json.loads(member(archive, "configs/metadata.json"))["network_data_format"]["outputs"]["pred"]
    assert pred["num_channels"] == 15
    assert list(pred["channel_def"].values()) == list(FLARE23.names)


def test_classes_that_have_each_other_s_names_in_the_metadata_are_put_right(bundle, weights, tmp_path):
    path = bundle / "configs/metadata.json"
    formats = json.loads(path.read_text())["network_data_format"]
    names = formats["outputs"]["pred"]["channel_def"]
    names["1"], names["3"] = names["3"], names["1"]
    rewrite(path, network_data_format=formats)
    archive = pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)
    pred = json.loads(member(archive, "configs/metadata.json"))["network_data_format"]["outputs"]["pred"]
    assert list(pred["channel_def"].values()) == list(FLARE23.names)


@pytest.mark.parametrize("told", [[96, 96, 96], ["*", "*", "*"], ["32*n", "32*n", "32*n"]])
def test_the_metadata_get_the_window_of_the_configuration_whoever_set_it(told, bundle, weights, tmp_path):
    path = bundle / "configs/metadata.json"
    formats = json.loads(path.read_text())["network_data_format"]
    for tensor in (formats["inputs"]["image"], formats["outputs"]["pred"]):
        tensor["spatial_shape"] = told
    rewrite(path, network_data_format=formats)
    rewrite(bundle / "configs/inference.json", roi_size=[32, 64, 32])
    settings = {name: value for name, value in SETTINGS.items() if name != "roi_size"}
    archive = pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=settings)
    packed = json.loads(member(archive, "configs/metadata.json"))["network_data_format"]
    assert packed["inputs"]["image"]["spatial_shape"] == packed["outputs"]["pred"]["spatial_shape"] == [32, 64, 32]


def test_a_bundle_without_any_size_of_a_window_is_refused(bundle, weights, tmp_path):
    path = bundle / "configs/metadata.json"
    formats = json.loads(path.read_text())["network_data_format"]
    formats["inputs"]["image"]["spatial_shape"] = ["*", "*", "*"]
    rewrite(path, network_data_format=formats)
    for config in ("inference", "train"):
        file = bundle / f"configs/{config}.json"
        file.write_text(file.read_text().replace('"roi_size"', '"patch_size"').replace("@roi_size", "@patch_size"))
    settings = {name: value for name, value in SETTINGS.items() if name != "roi_size"}
    with pytest.raises(BundleError, match=r"metadata\.json: image has .*\['\*', .* give numbers in one of them"):
        pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"roi_size": 40}, r"swinx_seg/configs/\w+\.json: roi_size is 40; give a list of 3"),
        ({"roi_size": [96, 96]}, r"configs/\w+\.json: roi_size is \[96, 96\]; give a list of 3, each a whole number"),
        ({"roi_size": [40, 40, 40]}, r"inference\.json: .*roi_size is \[40, 40, 40\].* no multiples of 32"),
        ({"embed_dim": "many"}, "embed_dim is 'many'; give a whole number"),
        ({"embed_dim": -3}, "embed_dim is -3; give a whole number from 1 to 4096"),
        ({"embed_dmi": 12}, "no configuration has embed_dmi; did you mean embed_dim?"),
        ({"embed_dim": True}, "embed_dim is True; give a whole number"),
        ({"num_heads": ["a", "b"]}, "num_heads is .*; give a list, each a whole number"),
        ({"qkv_bias": 1}, "qkv_bias is 1, where True stands: give true or false"),
    ],
)
def test_a_setting_of_another_kind_is_refused_in_one_line(settings, reason, weights, tmp_path):
    with pytest.raises(BundleError, match=reason) as refused:
        pack_bundle(ROOT / "bundles/swinx_seg", tmp_path, weights=weights, settings=SETTINGS | settings)
    assert len(str(refused.value).splitlines()) == 1


def test_an_input_that_the_network_does_not_take_is_refused(bundle, weights, tmp_path):
    path = bundle / "configs/metadata.json"
    formats = json.loads(path.read_text())["network_data_format"]
    formats["inputs"]["image"] |= {"num_channels": 2, "channel_def": {"0": "CT", "1": "PET"}}
    rewrite(path, network_data_format=formats)
    with pytest.raises(BundleError, match=r"does not take an image of the shape \(2, 32, 32, 32\)"):
        pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"embed_dims": 12}, "no configuration has embed_dims"), ({"dataset_dir": "/data"}, "dataset_dir: belongs to")],
)
def test_a_setting_that_nothing_has_or_that_is_of_the_machine_is_refused(settings, reason, weights, tmp_path):
    with pytest.raises(BundleError, match=reason):
        pack_bundle(ROOT / "bundles/swinx_seg", tmp_path, weights=weights, settings=SETTINGS | settings)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda root: (root / "LICENSE").unlink(), "lacks LICENSE"),
        (lambda root: (root / "configs/inference.json").write_text("{"), r"inference\.json: cannot be read as JSON"),
        (lambda root: (root / "configs/metadata.json").unlink(), r"metadata\.json: no such file"),
    ],
)
def test_a_folder_that_is_no_whole_bundle_is_refused(spoil, reason, bundle, weights, tmp_path):
    spoil(bundle)
    with pytest.raises(BundleError, match=reason):
        pack_bundle(bundle, tmp_path / "dist", weights=weights, settings=SETTINGS)


def test_weights_of_the_wrong_kind_are_refused(weights, tmp_path):
    with pytest.raises(BundleError, match="weights of swinx_seg are a checkpoint file"):
        pack_bundle(ROOT / "bundles/swinx_seg", tmp_path, weights=weights.parent)
    with pytest.raises(BundleError, match="weights of pseudolabel are the folder of an nnU-Net model"):
        pack_bundle(ROOT / "bundles/pseudolabel", tmp_path, weights=weights)


def test_a_teacher_of_the_fold_of_all_cases_has_its_setting(tmp_path):
    """nnU-Net numbers folds, but for the one of all cases."""
    settings = {"inference.json": {"bundle_root": "x", "folds": [0]}}
    assert set_settings(settings, {"folds": ["all"]}, tmp_path)["inference.json"]["folds"] == ["all"]


def test_names_are_sorted_and_times_are_not_told(tmp_path):
    write_zip(tmp_path / "a.zip", {"b": b"2", "a": b"1"})
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert [(entry.filename, entry.date_time[0]) for entry in opened.infolist()] == [("a", 1980), ("b", 1980)]
