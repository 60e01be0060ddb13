"""RefineLabelsd and SaveRefinementd: from a case to two files, with a report, or a sentence on why not."""

from __future__ import annotations

import json
import os

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from swinx.errors import CaseError
from swinx.labels import plausible_volumes
from swinx.refinement import (
    Agreement,
    FillUnannotated,
    Fusion,
    LargestComponent,
    MinimumComponent,
    OverwriteOrgans,
    RefineLabelsd,
    SaveRefinementd,
)
from swinx.refinement.policies.fusion import provenance

CENTIMETRES = np.diag([10.0, 10.0, 10.0, 1.0])


def volume(values: np.ndarray, affine: np.ndarray) -> MetaTensor:
    return MetaTensor(torch.from_numpy(values.astype(np.uint8)), affine=torch.from_numpy(affine))


def case(affine: np.ndarray, **changes) -> dict:
    """A drawn liver; a teacher who finds a larger liver, a spleen of two pieces, and a tumour."""
    truth, pseudo = np.zeros((1, 8, 6, 5)), np.zeros((1, 8, 6, 5))
    truth[0, 0:3] = 1
    pseudo[0, 0:4], pseudo[0, 5:7, 0:3], pseudo[0, 5, 5, 4], pseudo[0, 7] = 1, 3, 3, 14
    item = {
        "case": "anna",
        "image": MetaTensor(torch.zeros(1, 8, 6, 5), affine=torch.from_numpy(affine)),
        "label": volume(truth, affine),
        "pred": volume(pseudo, affine),
        "annotated": [1],
    }
    return item | changes


def test_a_case_is_refined_and_reported(oblique):
    item = case(oblique)
    out = RefineLabelsd(filters=[LargestComponent()])(item)
    label, source = out["label"][0].numpy(), out["source"][0].numpy()
    assert (label[0:3] == 1).all()
    assert (label[3] == 0).all(), "the annotators drew no liver there"
    assert (label[5:7, 0:3] == 3).all()
    assert label[5, 5, 4] == 0
    assert (label[7] == 14).all()
    assert np.unique(source).tolist() == [0, 1, 2]
    assert (item["label"][0, 7] == 0).all(), "the item must not change"
    report = json.loads(json.dumps(out["refinement"]))
    assert (report["annotated"], report["pseudo"]) == ([1], list(range(2, 15)))
    unit = abs(np.linalg.det(oblique[:3, :3])) / 1000
    assert report["before_ml"] == {"1": pytest.approx(90 * unit, abs=1e-3)}
    assert report["after_ml"]["3"] == pytest.approx(30 * unit, abs=1e-3)
    assert report["conflicts_ml"]["0"]["1"] == pytest.approx(30 * unit, abs=1e-3)
    (step,) = report["filters"]
    assert step["filter"] == "LargestComponent"
    assert step["classes"] == {"3": {"removed_ml": pytest.approx(unit, abs=1e-3), "added_ml": 0.0}}
    assert report["disagreement"] is None
    torch.testing.assert_close(out["label"].affine, item["pred"].affine)
    assert out["label"].dtype == torch.uint8


def test_a_case_without_a_label_takes_all_of_the_teacher(oblique):
    item = case(oblique)
    del item["label"], item["annotated"]
    out = RefineLabelsd()(item)
    assert torch.equal(out["label"].as_tensor(), item["pred"].as_tensor())
    assert out["refinement"]["annotated"] == []


def test_annotated_may_be_a_tensor_as_batches_have_it(oblique):
    out = RefineLabelsd()(case(oblique, annotated=torch.tensor([1])))
    assert out["refinement"]["annotated"] == [1]


def test_several_pseudo_labels_are_channels(oblique):
    item = case(oblique)
    second = item["pred"].numpy().copy()
    second[0, 7] = 0
    both = volume(np.concatenate([item["pred"].numpy(), second]), oblique)
    out = RefineLabelsd(policy=Agreement())(item | {"pred": both})
    assert (out["label"][0, 7] == 255).all()
    assert 0 < out["refinement"]["disagreement"] < 1


def test_only_what_the_teacher_can_predict_becomes_known(oblique):
    out = RefineLabelsd(pseudo_classes=[3])(case(oblique))
    assert out["refinement"]["known"] == [1, 3]
    assert not (out["label"] == 14).any()


def test_what_is_drawn_and_not_annotated_stays_and_the_teacher_adds_to_it(oblique):
    out = RefineLabelsd()(case(oblique, annotated=[2]))
    label = out["label"].numpy()[0]
    assert (label[0:4] == 1).all()
    assert out["refinement"]["known"] == list(range(1, 15))
    (note,) = [note for note in out["notes"] if "not listed as annotated" in note]
    assert "1 liver" in note
    assert not any("not listed" in note for note in RefineLabelsd()(case(oblique))["notes"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pred": 99}, r"anna: the pseudo label holds ids \[99\]; class ids are 0\.\.14"),
        ({"label": 16}, r"anna: the label holds ids \[16\]"),
        ({"label": "moved"}, r"anna: label and pseudo label do not fit together: .*mm apart"),
        ({"label": "cut"}, r"anna: label and pseudo label do not fit together: .*shape"),
    ],
)
def test_what_does_not_fit_is_named(oblique, changes, message):
    item = case(oblique)
    for key, change in changes.items():
        if isinstance(change, int):
            item[key][0, 4, 4, 4] = change
        elif change == "moved":
            affine = oblique.copy()
            affine[:3, 3] += 7
            item[key] = volume(item[key].numpy(), affine)
        elif change == "cut":
            item[key] = volume(item[key].numpy()[:, :7], oblique)
        else:
            item[key] = change
    with pytest.raises(CaseError, match=message):
        RefineLabelsd()(item)


class Careless:
    """A policy that does what it must not."""

    protected = tuple(range(1, 15))

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def __call__(self, truth, pseudo, annotated, affine, pseudo_classes):
        """Break a promise."""
        label = FillUnannotated()(truth, pseudo, annotated, affine, pseudo_classes).label.copy()
        if self.fault == "drawn":
            label[0, 0, 0] = 2
        elif label[4, 4, 4] == 0:
            label[4, 4, 4] = 7
        else:
            label[4, 4, 4] = 8
        return Fusion(label, provenance(label, truth), tuple(range(1, 15)))


@pytest.mark.parametrize(("fault", "message"), [("drawn", "changed 1 annotated voxels"), ("again", "second time")])
def test_a_policy_that_breaks_its_promises_is_caught_on_the_case(oblique, fault, message):
    with pytest.raises(ValueError, match=message):
        RefineLabelsd(policy=Careless(fault))(case(oblique))


def test_two_keys_are_refused():
    with pytest.raises(ValueError, match="one truth makes one refined label"):
        RefineLabelsd(keys=["label", "other"])


def test_files_have_the_grid_of_the_scan(oblique, tmp_path):
    out = SaveRefinementd("label", tmp_path)(RefineLabelsd(filters=[MinimumComponent(0.0)])(case(oblique)))
    assert out["saved"] == ["anna.nii.gz", "anna_source.nii.gz"]
    for name, key in zip(out["saved"], ("label", "source"), strict=True):
        written = nib.load(tmp_path / name)
        np.testing.assert_allclose(written.affine, oblique, atol=1e-5)
        assert written.get_data_dtype() == np.uint8
        assert np.array_equal(np.asarray(written.dataobj), out[key][0].numpy())
    assert sorted(path.name for path in tmp_path.glob("*.nii.gz")) == out["saved"]


def test_a_folder_that_cannot_be_written_is_the_case_s_fault(oblique, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CaseError, match=r"file/anna\.nii\.gz: the refined label cannot be written"):
        SaveRefinementd("label", os.fspath(tmp_path / "file"))(RefineLabelsd()(case(oblique)))


def test_a_map_of_another_shape_is_refused(oblique, tmp_path):
    item = RefineLabelsd()(case(oblique))
    with pytest.raises(ValueError, match="not on the grid of the scan"):
        SaveRefinementd("label", tmp_path)(item | {"source": torch.zeros(1, 2, 2, 2)})


def teacher(organs: dict[int, tuple[slice, ...]], affine: np.ndarray = CENTIMETRES) -> dict:
    """A scan of 60 cm a side without a label, and what a teacher says of it."""
    pseudo = np.zeros((1, 60, 60, 60))
    for value, box in organs.items():
        pseudo[(0, *box)] = value
    image = MetaTensor(torch.zeros(1, 60, 60, 60), affine=torch.from_numpy(affine))
    return {"case": "anna", "image": image, "pred": volume(pseudo, affine)}


def box(low: int, high: int) -> tuple[slice, ...]:
    return (slice(low, high),) * 3


def refined(item: dict, **options) -> tuple[np.ndarray, dict, list[str]]:
    out = RefineLabelsd(plausible=plausible_volumes(), **options)(item)
    return out["label"][0].numpy(), out["refinement"], out["notes"]


def test_a_kidney_of_113_litres_is_not_taken_and_the_other_organs_are():
    item = teacher({2: (slice(6, 56), slice(6, 56), slice(2, 47)), 1: (slice(50, 60), slice(40, 50), slice(48, 58))})
    label, report, notes = refined(item)
    assert not (label == 2).any()
    assert (label == 255).sum() == 50 * 50 * 45
    assert (label == 1).sum() == 1000
    assert report["implausible"] == {"2": 112500.0}
    assert 2 not in report["known"]
    assert 2 not in report["pseudo"]
    assert 1 in report["known"]
    assert "the teacher's right kidney measures 112500.0 ml, outside 40..600 ml" in notes[0]


def test_without_ranges_every_volume_is_taken():
    item = teacher({2: (slice(6, 56), slice(6, 56), slice(2, 47))})
    out = RefineLabelsd()(item)
    assert (out["label"] == 2).sum() == 112500
    assert out["refinement"]["implausible"] == {}
    assert out["notes"] == []


@pytest.mark.parametrize(
    ("organ", "taken"),
    [
        pytest.param(box(20, 24), False, id="a small liver within the scan"),
        pytest.param((slice(20, 24), slice(20, 24), slice(0, 4)), True, id="a liver that the scan shows a part of"),
        pytest.param((slice(56, 60), slice(20, 24), slice(20, 24)), True, id="cut at the other side"),
        pytest.param((slice(0, 40), slice(0, 40), slice(0, 40)), False, id="cut and too large all the same"),
        pytest.param(box(20, 30), True, id="plausible"),
    ],
)
def test_the_least_volume_is_for_organs_that_the_scan_shows_whole(organ, taken):
    label, report, _ = refined(teacher({1: organ}))
    assert (label == 1).any() == taken
    assert (1 in report["known"]) == taken
    assert (report["implausible"] == {}) == taken


def test_a_class_that_was_drawn_is_not_judged_and_a_drawn_organ_stays():
    item = teacher({2: box(10, 40), 13: box(41, 59)})
    drawn = np.zeros((1, 60, 60, 60))
    drawn[0, 1:3, 1:3, 1:3] = 2
    label, report, _ = refined(item | {"label": volume(drawn, CENTIMETRES), "annotated": [2]})
    assert (label == 2).sum() == 8
    assert list(report["implausible"]) == ["13"]
    assert report["known"] == sorted(set(range(1, 15)) - {13})


def test_volumes_are_judged_after_the_filters():
    """Kidneys on the wrong side, and crumbs, are what filters are for."""
    item = teacher({1: box(20, 30)})
    item["pred"][0, 50:53, 50:53, 50:53] = 3
    label, report, _ = refined(item, filters=[MinimumComponent(volume_mm3=30_000.0)])
    assert report["implausible"] == {}
    assert (label == 1).any()


def test_an_organ_that_one_of_several_teachers_has_wrong_is_not_taken():
    both = torch.cat([teacher({1: box(20, 30)})["pred"], teacher({1: box(20, 24)})["pred"]])
    label, report, _ = refined(teacher({}) | {"pred": both}, policy=Agreement())
    assert report["implausible"] == {"1": 64.0}
    assert not (label == 1).any()


def test_what_replaces_drawn_organs_is_judged_too():
    drawn = np.zeros((1, 60, 60, 60))
    drawn[0, 20:30, 20:30, 20:30] = 1
    item = teacher({1: box(1, 55)}) | {"label": volume(drawn, CENTIMETRES), "annotated": [1]}
    label, report, _ = refined(item, policy=OverwriteOrgans())
    assert list(report["implausible"]) == ["1"]
    assert not (label == 1)[40:].any()
