"""A real nnU-Net, planned, preprocessed and trained here, as teacher: it says what nnU-Net itself says."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import list_data_collate
from monai.engines import PrepareBatchExtraInput, SupervisedEvaluator

from support.nnunet import predict_by_command
from support.warm_programs import warm_programs
from swinx.cohorts import make_phantom, write_synthetic_cohort
from swinx.data import load_data_list
from swinx.errors import TeacherError, TrainingError, WeightsError
from swinx.refinement import NnUNetTeacher, Teacher, TeacherNetwork, train_nnunet
from swinx.refinement.teachers.nnunet.nnunet_package import find_trainer

pytestmark = [pytest.mark.nnunet, pytest.mark.slow]

SMALL = {"dataset_id": 7, "epochs": 1, "iterations": 5, "feature_divisor": 8, "device": "cpu"}


@contextmanager
def warm_steps() -> Iterator[None]:
    """Let the steps of a training begin with their imports done."""
    with warm_programs() as programs, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(programs / "python"))
        yield


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[dict]:
    """Six completely annotated phantoms, one that nobody recorded and one without tumours."""
    listed = write_synthetic_cohort(
        tmp_path_factory.mktemp("cohort"),
        labelled=0,
        unlabelled=0,
        validation=6,
        seed=1,
        shape=(36, 32, 24),
        spacing_mm=(9, 10, 11),
        progress=False,
    )
    items = load_data_list(listed, "validation", need_label=True)
    unrecorded = {key: value for key, value in items[0].items() if key != "annotated"} | {"case": "unrecorded"}
    return [*items, unrecorded, items[0] | {"case": "no_tumour", "annotated": list(range(1, 14))}]


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("nnunet")


@pytest.fixture(scope="module")
def model(cases, work_dir) -> Path:
    """The model folder after one short epoch of a network with an eighth of the features."""
    with warm_steps():
        train_nnunet(cases, work_dir, **SMALL)
    return train_nnunet(cases, work_dir, validate=True, **SMALL)  # the last step with processes as users have them


@pytest.fixture(scope="module")
def scans(tmp_path_factory, cases) -> Path:
    """Scans on four oblique, anisotropic grids, one of them stored with slope and intercept, and a straight one."""
    folder = tmp_path_factory.mktemp("scans")
    for number, axcodes in enumerate(["LPS", "RAS", "PSR", "LAI"]):
        phantom = make_phantom(
            np.random.default_rng(number), (28, 40, 22), (8.0, 9.0, 12.3), axcodes=axcodes, oblique_deg=9
        )
        image = nib.Nifti1Image(phantom.image.astype(np.float32) if axcodes == "LAI" else phantom.image, phantom.affine)
        image.set_data_dtype(np.int16)
        nib.save(image, folder / f"{axcodes}_0000.nii.gz")
    shutil.copy(cases[0]["image"], folder / "straight_0000.nii.gz")
    return folder


def copy_of(model: Path, place: Path, **plans: str) -> Path:
    """A copy of a model folder, with entries of its plans changed."""
    shutil.copytree(model, place)
    content = json.loads((place / "plans.json").read_text()) | plans
    (place / "plans.json").write_text(json.dumps(content))
    return place


@pytest.fixture(scope="module")
def two_folds(model, tmp_path_factory) -> Path:
    """The model with a second fold, whose weights are the first's with noise."""
    folder = copy_of(model, tmp_path_factory.mktemp("models") / "two")
    path = folder / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False)
    generator = torch.Generator().manual_seed(0)
    for tensor in content["network_weights"].values():
        tensor += 0.2 * tensor.std().nan_to_num() * torch.randn(tensor.shape, generator=generator)
    (folder / "fold_1").mkdir()
    torch.save(content, folder / "fold_1" / "checkpoint_final.pth")
    return folder


@pytest.mark.parametrize(("reader", "folds"), [("SimpleITKIO", (0,)), ("NibabelIOWithReorient", (0, 1))])
def test_the_teacher_says_what_nnunets_command_line_says_voxel_for_voxel(
    two_folds, scans, load_scan, tmp_path, reader, folds
):
    folder = copy_of(two_folds, tmp_path / "model", image_reader_writer=reader)
    predict_by_command(folder, scans, tmp_path / "out", folds)
    teacher = NnUNetTeacher(folder, folds, device="cpu")
    for path in sorted(scans.iterdir()):
        case = path.name.removesuffix("_0000.nii.gz")
        theirs = np.asarray(nib.load(tmp_path / "out" / f"{case}.nii.gz").dataobj)
        ours = teacher.predict(case, load_scan(path)).labels
        assert len(np.unique(theirs)) > 3
        np.testing.assert_array_equal(ours[0], theirs, err_msg=case)


def test_one_fold_may_be_given_as_a_number(two_folds):
    assert NnUNetTeacher(two_folds, folds=1).fingerprint == NnUNetTeacher(two_folds, folds=[1]).fingerprint


def test_folds_can_be_returned_one_by_one(two_folds, scans, load_scan):
    image = load_scan(scans / "PSR_0000.nii.gz")
    single = [NnUNetTeacher(two_folds, folds=(fold,), device="cpu").predict("PSR", image).labels for fold in (0, 1)]
    both = NnUNetTeacher(two_folds, folds=(0, 1), per_fold=True, device="cpu").predict("PSR", image).labels
    assert torch.equal(both, torch.cat(single))
    assert not torch.equal(both[0], both[1])


def test_what_nnunet_was_trained_on_is_what_the_teacher_knows(model, scans, load_scan):
    teacher = NnUNetTeacher(model, device="cpu", confidence=True)
    assert isinstance(teacher, Teacher)
    assert (teacher.name, teacher.classes) == ("Dataset007_FLARE", tuple(range(1, 15)))
    prediction = teacher.predict("LPS", load_scan(scans / "LPS_0000.nii.gz"))
    assert prediction.confidence is not None
    assert 1 / 15 <= prediction.confidence[0] <= 1


def test_a_label_map_renames_what_nnunet_predicts(model, scans, load_scan):
    image = load_scan(scans / "LPS_0000.nii.gz")
    plain = NnUNetTeacher(model, device="cpu").predict("LPS", image).labels
    names = json.loads((model / "dataset.json").read_text())["labels"]
    chosen = dict.fromkeys(names, 0) | {"tumor": "liver", 10: 14}
    teacher = NnUNetTeacher(model, label_map=chosen, device="cpu")
    expected = torch.where(plain == 14, 1, torch.where(plain == 10, 14, 0)).to(torch.uint8)
    assert torch.equal(teacher.predict("LPS", image).labels, expected)
    assert teacher.classes == (1, 14)


def test_the_fingerprint_follows_weights_plans_and_settings_and_not_the_place(model, two_folds, tmp_path):
    first = NnUNetTeacher(model, device="cpu").fingerprint
    shutil.copytree(model, tmp_path / "moved")
    assert NnUNetTeacher(tmp_path / "moved", device="cpu").fingerprint == first
    others = [
        NnUNetTeacher(copy_of(model, tmp_path / "other", image_reader_writer="NibabelIO"), device="cpu"),
        NnUNetTeacher(two_folds, folds=(1,), device="cpu"),
        NnUNetTeacher(model, use_mirroring=True, device="cpu"),
        NnUNetTeacher(model, label_map=dict.fromkeys(range(1, 15), 1), device="cpu"),
    ]
    assert len({first, *[teacher.fingerprint for teacher in others]}) == 5


def test_a_teacher_is_the_network_of_an_evaluator(model, scans, load_scan):
    teacher = NnUNetTeacher(model, device="cpu")
    image = load_scan(scans / "PSR_0000.nii.gz")
    kept = {}
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[list_data_collate([{"image": image, "case": "psr"}])],
        network=TeacherNetwork(teacher),
        prepare_batch=PrepareBatchExtraInput({"case": "case"}),
        postprocessing=lambda item: kept.update(item) or item,
        decollate=True,
    )
    evaluator.run()
    assert torch.equal(kept["pred"].as_tensor(), teacher.predict("psr", image).labels)
    torch.testing.assert_close(kept["pred"].affine, image.affine)


def test_trainers_among_the_variants_are_found_also_without_timm():
    assert find_trainer("nnUNetTrainer").__name__ == "nnUNetTrainer"
    assert find_trainer("nnUNetTrainerNoMirroring").__name__ == "nnUNetTrainerNoMirroring"
    with pytest.raises((ImportError, RuntimeError), match="trainer"):
        find_trainer("nnUNetTrainerOfMine")


def test_a_trainer_that_nobody_has_is_named(model, tmp_path):
    folder = copy_of(model, tmp_path / "model")
    path = folder / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False) | {"trainer_name": "nnUNetTrainerOfMine"}
    torch.save(content, path)
    with pytest.raises(TeacherError, match="its trainer 'nnUNetTrainerOfMine' is not in nnunetv2"):
        NnUNetTeacher(folder, device="cpu")


def test_weights_of_another_network_are_refused(model, tmp_path):
    folder = copy_of(model, tmp_path / "model")
    path = folder / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False)
    content["network_weights"].popitem()
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"(?s)do not fit the network of plans\.json: .*Missing key"):
        NnUNetTeacher(folder, device="cpu")


def test_the_training_says_which_cases_it_left_out_and_why(model, cases, work_dir):
    record = json.loads((work_dir / "training.json").read_text())
    assert record["left_out"] == {
        "unrecorded": "no record of its annotated classes",
        "no_tumour": "not annotated: tumor",
    }
    assert record["used"] == [item["case"] for item in cases[:6]]
    summary = json.loads((model / "fold_0" / "validation" / "summary.json").read_text())
    assert summary["foreground_mean"], "nnU-Net has segmented its validation cases"


def test_a_finished_training_is_not_repeated(model, cases, work_dir):
    files = [model / "fold_0" / "checkpoint_final.pth", work_dir / "logs" / "plan.log"]
    before = [path.stat().st_mtime_ns for path in files]
    assert train_nnunet(cases, work_dir, validate=True, **SMALL) == model
    assert [path.stat().st_mtime_ns for path in files] == before


def test_a_killed_training_goes_on_from_the_last_checkpoint_that_is_whole(model, cases, work_dir, tmp_path):
    shutil.copytree(work_dir, tmp_path / "work")
    copied = tmp_path / "work" / model.relative_to(work_dir)
    record = json.loads((tmp_path / "work" / "training.json").read_text())
    record["done"].remove("train_fold_0")
    (tmp_path / "work" / "training.json").write_text(json.dumps(record))
    final, best = (copied / "fold_0" / f"checkpoint_{name}.pth" for name in ("final", "best"))
    trained = torch.load(best, weights_only=False)["network_weights"]
    final.write_bytes(final.read_bytes()[:2000])
    with warm_steps():
        assert train_nnunet(cases, tmp_path / "work", **SMALL) == copied
    again = torch.load(final, weights_only=False)["network_weights"]
    assert all(torch.equal(again[name], trained[name]) for name in trained), "the one epoch is not trained anew"


@pytest.mark.usefixtures("model")
def test_a_working_folder_belongs_to_one_training(cases, work_dir):
    with pytest.raises(TrainingError, match="holds a training with other epochs; choose another work_dir"):
        train_nnunet(cases, work_dir, **SMALL | {"epochs": 2})


@pytest.mark.usefixtures("model")
def test_a_step_that_fails_shows_the_end_of_its_log(cases, work_dir, tmp_path):
    shutil.copytree(work_dir, tmp_path / "work", ignore=shutil.ignore_patterns("preprocessed"))
    record = json.loads((tmp_path / "work" / "training.json").read_text())
    (tmp_path / "work" / "training.json").write_text(json.dumps(record | {"done": ["data", "plan"]}))
    message = r"(?s)failed in step 'train_fold_0', exit status 1; see .*train_fold_0\.log:.*nnUNetPlans\.json"
    with pytest.raises(TrainingError, match=message), warm_steps():
        train_nnunet(cases, tmp_path / "work", **SMALL)
