"""Model folders that are none, or not of the kind that can teach, are refused with the reason."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch

from swinx.errors import TeacherError, WeightsError
from swinx.refinement import NnUNetTeacher, train_nnunet
from swinx.refinement.teachers.nnunet import nnunet_package as package
from swinx.refinement.teachers.nnunet.nnunet_model import read_nnunet_model
from swinx.refinement.teachers.nnunet.nnunet_names import check_network_classes

CHECKPOINT = "checkpoint_final.pth"


class Trap:
    """What a pickle can do when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The files of a model folder, as small as they can be."""
    root = tmp_path / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    save(root, "plans.json", image_reader_writer="SimpleITKIO", configurations={"3d_fullres": {}})
    save(root, "dataset.json", channel_names={"0": "CT"}, labels={"background": 0, "liver": 1, "ignore": 2})
    save_checkpoint(root)
    return root


def save(root: Path, name: str, **content: object) -> None:
    root.mkdir(exist_ok=True)
    (root / name).write_text(json.dumps(content))


def change(root: Path, name: str, **content: object) -> None:
    save(root, name, **json.loads((root / name).read_text()) | content)


def save_checkpoint(root: Path, fold: int | str = 0, **content: object) -> None:
    (root / f"fold_{fold}").mkdir(exist_ok=True)
    usual = {
        "network_weights": {"a": torch.ones(2)},
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "3d_fullres", "device": torch.device("cpu")},
        "logging": {"train_losses": [np.float32(0.5), np.float64(0.25), np.int64(3)]},
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    torch.save(usual | content, root / f"fold_{fold}" / CHECKPOINT)


def test_a_folder_is_read_with_the_numbers_in_its_log_and_without_the_ignore_label(folder):
    save_checkpoint(folder, "all")
    model = read_nnunet_model(folder, (0, "all"))
    assert (model.labels, model.configuration, model.mirror_axes) == (
        {0: "background", 1: "liver"},
        "3d_fullres",
        (0, 1, 2),
    )
    assert [path.name for path in model.files] == ["plans.json", "dataset.json", CHECKPOINT, CHECKPOINT]
    assert len(model.weights) == 2


def test_code_in_a_checkpoint_is_not_run(folder, tmp_path):
    save_checkpoint(folder, logging=Trap(tmp_path / "sprung"))
    with pytest.raises(WeightsError, match="holds more than numbers; swinx runs no code from a checkpoint"):
        read_nnunet_model(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["plans.json", "dataset.json", f"fold_0/{CHECKPOINT}"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(TeacherError, match=rf"{folder / name}: no such"):
        read_nnunet_model(folder)


def test_a_missing_fold_is_told_with_those_that_are_there(folder):
    with pytest.raises(
        TeacherError, match=rf"fold_3/{CHECKPOINT}: no such checkpoint; the folder has fold_0/{CHECKPOINT}"
    ):
        read_nnunet_model(folder, (0, 3))


def test_no_folder_and_no_fold_are_refused(folder, tmp_path):
    with pytest.raises(TeacherError, match="nowhere: no such folder"):
        read_nnunet_model(tmp_path / "nowhere")
    with pytest.raises(TeacherError, match="no fold is chosen"):
        read_nnunet_model(folder, ())


@pytest.mark.parametrize("name", ["plans.pkl", "fold_0/model_final_checkpoint.model"])
def test_a_model_of_version_1_is_told_apart(folder, name):
    (folder / name).touch()
    with pytest.raises(TeacherError, match="belongs to nnU-Net v1; train it anew"):
        read_nnunet_model(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"channel_names": {"0": "CT", "1": "PET"}}, "2 input channels"),
        ({"labels": {"background": 0, "all": [1, 2], "liver": 2}}, r"class 'all' is a region \[1, 2\]"),
        ({"labels": {"0": "background", "1": "liver"}}, r"has the id 'background'; nnU-Net v2 writes \{name: id\}"),
        ({"labels": {"background": 0}}, "states no class but background"),
    ],
)
def test_a_data_set_that_cannot_teach_is_refused(folder, content, message):
    change(folder, "dataset.json", **content)
    with pytest.raises(TeacherError, match=rf"dataset\.json: .*{message}"):
        read_nnunet_model(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"image_reader_writer": "NaturalImage2DIO"}, "reads scans by 'NaturalImage2DIO'"),
        ({"configurations": {"2d": {}}}, "no configuration '3d_fullres'"),
        ({"configurations": {"3d_fullres": {"previous_stage": "3d_lowres"}}}, "refines another model's output"),
    ],
)
def test_plans_that_cannot_teach_are_refused(folder, content, message):
    change(folder, "plans.json", **content)
    with pytest.raises(TeacherError, match=message):
        read_nnunet_model(folder)


NETWORK = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "dropout_op": None,
        "nonlin": "torch.nn.LeakyReLU",
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}


def with_network(folder: Path, **changes: object) -> None:
    change(folder, "plans.json", configurations={"3d_fullres": {"architecture": NETWORK | changes}})


def test_plans_that_name_networks_and_layers_are_taken(folder):
    with_network(folder)
    plans = read_nnunet_model(folder).plans
    check_network_classes(plans, folder / "plans.json")


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.Popen",
        "torch.hub.load",
        "torch.nn.modules.module.warnings.catch_warnings",
        "torch.nn.functional.relu",
        "torch.nn..Conv3d",
        "torch.nn.Conv3d\n",
        "dynamic_network_architectures.PlainConvUNet",
        "dynamic_network_architectures_evil.unet.PlainConvUNet",
        "canary_of_this_test.Network",
        ["torch.nn.Conv3d"],
        None,
        3,
    ],
)
@pytest.mark.parametrize("place", ["network_class_name", "conv_op"])
def test_plans_that_name_other_code_are_refused_before_it_is_imported(folder, tmp_path, monkeypatch, name, place):
    (tmp_path / "canary_of_this_test.py").write_text(f"import pathlib; pathlib.Path({str(tmp_path)!r}, 'sung').touch()")
    monkeypatch.syspath_prepend(tmp_path)
    if place == "conv_op" and name is None:
        return  # no layer of this kind
    changed = (
        {place: name} if place == "network_class_name" else {"arch_kwargs": NETWORK["arch_kwargs"] | {place: name}}
    )
    with_network(folder, **changed)
    with pytest.raises(TeacherError, match=rf"plans\.json: configurations\.3d_fullres\..*{place} is ") as refused:
        read_nnunet_model(folder)
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "sung").exists()


def test_a_dotted_name_does_not_lead_through_a_module_to_another(folder):
    name = "dynamic_network_architectures.architectures.unet.torch.nn.Module"
    plans = {"configurations": {"3d_fullres": {"architecture": NETWORK | {"network_class_name": name}}}}
    with pytest.raises(TeacherError, match="which nnU-Net would import and call"):
        check_network_classes(plans, folder / "plans.json")


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("plans", {"label_manager": "os.system"}),
        ("plans", {"experiment_planner_used": "run"}),
        ("configuration", {"preprocessor_name": "save_json"}),
        ("configuration", {"normalization_schemes": ["CTNormalization", "np"]}),
        ("configuration", {"resampling_fn_data": "os"}),
        ("configuration", {"architecture": "torch.nn.Module"}),
        ("configuration", {"architecture": {"arch_kwargs": [], "_kw_requires_import": {}}}),
    ],
)
def test_bare_names_in_plans_are_those_of_their_kind(folder, place, content):
    change(folder, "plans.json", **(content if place == "plans" else {"configurations": {"3d_fullres": content}}))
    with pytest.raises(TeacherError, match=r"plans\.json: .* is .*, where the name of a class or a function"):
        read_nnunet_model(folder)


@pytest.mark.parametrize("name", ["os.system", "", 3])
def test_a_trainer_is_named_by_one_word(folder, name):
    save_checkpoint(folder, trainer_name=name)
    with pytest.raises(TeacherError, match=rf"{CHECKPOINT}: trainer_name is "):
        read_nnunet_model(folder)


def test_damaged_files_are_named(folder):
    (folder / "fold_0" / CHECKPOINT).write_bytes(b"PK")
    with pytest.raises(WeightsError, match=rf"fold_0/{CHECKPOINT}: is damaged"):
        read_nnunet_model(folder)
    (folder / "plans.json").write_text("{")
    with pytest.raises(TeacherError, match=r"plans\.json: not JSON"):
        read_nnunet_model(folder)


def test_other_checkpoints_are_no_models(folder):
    torch.save({"state_dict": {}}, folder / "fold_0" / CHECKPOINT)
    with pytest.raises(WeightsError, match=r"no checkpoint of nnU-Net v2: network_weights, trainer_name"):
        read_nnunet_model(folder)


def test_folds_of_two_trainings_are_not_averaged(folder):
    save_checkpoint(folder, 1, trainer_name="nnUNetTrainerNoMirroring")
    with pytest.raises(WeightsError, match=r"fold_1/.*: belongs to another training"):
        read_nnunet_model(folder, (0, 1))


def test_a_class_that_the_label_set_does_not_have_needs_a_label_map(folder):
    change(folder, "dataset.json", labels={"background": 0, "colon": 1})
    with pytest.raises(
        TeacherError, match=r"dataset\.json: class 1 is called 'colon', which is no class of the label set"
    ):
        NnUNetTeacher(folder)


def test_a_step_outside_its_range_is_refused(folder):
    with pytest.raises(ValueError, match="tile_step_size must be above 0 and at most 1, not 0"):
        NnUNetTeacher(folder, tile_step_size=0)


def test_without_nnunet_the_error_names_the_command_that_installs_it(monkeypatch, folder, tmp_path):
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(package, "version", missing)
    for use in (lambda: NnUNetTeacher(folder), lambda: train_nnunet([], tmp_path)):
        with pytest.raises(TeacherError, match=r"not installed: pip install nnunetv2==2\.8\.1$"):
            use()


def test_another_release_of_nnunet_is_refused(monkeypatch, folder):
    monkeypatch.setattr(package, "version", lambda _: "2.5.1")
    with pytest.raises(TeacherError, match=r"nnunetv2 2\.5\.1 is installed, 2\.8\.1 is needed"):
        NnUNetTeacher(folder)
