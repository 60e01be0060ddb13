"""Policies, filters and rules with classes of one's own: with a lesion, with several, and without any."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.data import MetaTensor
from nibabel.orientations import apply_orientation, io_orientation

from swinx.errors import CaseError, DataListError, LabelSetError
from swinx.files import write_json
from swinx.labels import FLARE23, UNKNOWN, plausible_volumes, read_label_set
from swinx.refinement import (
    Agreement,
    FillHoles,
    FillUnannotated,
    HasAnnotatedTumor,
    LargestComponent,
    Laterality,
    LowDisagreement,
    MinimumComponent,
    OverwriteOrgans,
    PlausibleVolume,
    PredictedSomewhere,
    RefineLabelsd,
    TruthOnly,
    TumorHostChecked,
    refinement_settings,
)
from swinx.refinement.policies.fusion import check_fusion
from swinx.refinement.policies.pseudo_filters import in_one_piece
from swinx.refinement.policies.selection import select_cases

LOBES = {"background": 0, "left lung lobe": 1, "right lung lobe": 4, "nodule": 7}
LUNGS = read_label_set(
    {"name": "lungs", "labels": LOBES, "classes": {"nodule": {"inside": ["left lung lobe", "right lung lobe"]}}}
)
"""Ids 1, 2 and 3, numbers 1, 4 and 7."""

NO_LESION = read_label_set({"name": "plain", "labels": {"background": 0, "spleen": 1, "bone": 2, "liver": 3}})
TWO_LESIONS = read_label_set(
    {
        "labels": {"background": 0, "cyst": 1, "liver": 2, "left kidney": 3, "right kidney": 4, "tumor": 5},
        "classes": {"cyst": {"inside": ["left kidney", "right kidney"]}, "tumor": {"inside": ["liver"]}},
    }
)
ONLY_LESIONS = read_label_set("flare_lesion")
MANY = read_label_set("totalsegmentator")
SETS = [LUNGS, NO_LESION, TWO_LESIONS, ONLY_LESIONS, MANY]
EVERY_SET = pytest.mark.parametrize("label_set", SETS, ids=lambda each: each.name or "two lesions")

CENTIMETRES = np.diag([10.0, 10.0, 10.0, 1.0])
POLICIES = [
    TruthOnly,
    FillUnannotated,
    lambda label_set: FillUnannotated(tumor=False, label_set=label_set),
    lambda label_set: TumorHostChecked(minimum_volume_mm3=1.0, reach_mm=20.0, label_set=label_set),
    OverwriteOrgans,
    Agreement,
]


def make(policy, label_set):
    return policy(label_set=label_set)


@EVERY_SET
@pytest.mark.parametrize("policy", POLICIES)
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_every_policy_keeps_its_promises_with_every_label_set(policy, label_set, data):
    classes = st.sets(st.sampled_from(label_set.foreground))
    annotated, predicted = data.draw(classes), data.draw(classes)
    of = lambda ids: arrays(np.uint8, (3, 2, 2), elements=st.sampled_from(sorted(ids)))  # noqa: E731
    truth = data.draw(of({0, UNKNOWN, *annotated}))
    pseudo = [data.draw(of({0, *predicted})) for _ in range(2)]
    built = make(policy, label_set)
    fusion = built(truth, pseudo, annotated, CENTIMETRES, predicted)
    check_fusion(fusion, truth, annotated, built.protected, label_set=label_set)
    again = built(fusion.label, pseudo, annotated, CENTIMETRES, predicted)
    assert np.array_equal(again.label, fusion.label)
    assert set(fusion.known) <= annotated | predicted


def row(*ids: int) -> np.ndarray:
    return np.array([[ids]], dtype=np.uint8)


def test_every_lesion_is_left_unknown_where_pseudo_lesions_are_not_taken():
    policy = FillUnannotated(tumor=False, label_set=TWO_LESIONS)
    fusion = policy(row(0, 0, 0), [row(1, 2, 5)], set(), CENTIMETRES)
    assert fusion.label.ravel().tolist() == [UNKNOWN, 2, UNKNOWN]
    assert fusion.known == (2, 3, 4)
    without = FillUnannotated(tumor=False, label_set=NO_LESION)(row(0, 0, 0), [row(1, 2, 3)], set(), CENTIMETRES)
    assert without.label.ravel().tolist() == [1, 2, 3]


def test_each_lesion_is_looked_for_in_its_own_hosts():
    pseudo = np.zeros((9, 3, 3), dtype=np.uint8)
    pseudo[0:2], pseudo[2], pseudo[3] = 2, 5, 1  # liver, tumour, cyst
    policy = TumorHostChecked(minimum_volume_mm3=1.0, reach_mm=0.0, label_set=TWO_LESIONS)
    label = policy(np.zeros_like(pseudo), [pseudo], set(), CENTIMETRES).label
    assert (label[2] == 5).all()
    assert not (label == 1).any(), "there is no kidney"
    pseudo[4] = 3
    assert (policy(np.zeros_like(pseudo), [pseudo], set(), CENTIMETRES).label[3] == 1).all()


def test_lesions_without_any_organ_in_the_set_are_judged_by_their_volume_alone():
    pseudo = np.zeros((9, 3, 3), dtype=np.uint8)
    pseudo[0:2], pseudo[8, 0, 0] = 1, 1
    label = TumorHostChecked(2000.0, label_set=ONLY_LESIONS)(np.zeros_like(pseudo), [pseudo], set(), CENTIMETRES).label
    assert np.count_nonzero(label) == 18


def test_hosts_are_given_by_name_and_may_not_be_lesions():
    policy = TumorHostChecked(1.0, 0.0, hosts=["Left Kidney", 4], label_set=TWO_LESIONS)
    label = policy(row(0, 0), [row(2, 5)], set(), CENTIMETRES).label
    assert label.ravel().tolist() == [2, 0]
    with pytest.raises(ValueError, match="must be organs: liver, left kidney, right kidney"):
        TumorHostChecked(hosts=["cyst"], label_set=TWO_LESIONS)
    with pytest.raises(LabelSetError, match="hosts of TumorHostChecked: 'heart' is no class"):
        TumorHostChecked(hosts=["heart"], label_set=TWO_LESIONS)


def test_the_teachers_organs_replace_the_annotated_ones_and_never_a_lesion():
    fusion = OverwriteOrgans(label_set=LUNGS)(row(1, 3, 0), [row(2, 1, 3)], {1, 2, 3}, CENTIMETRES)
    assert fusion.label.ravel().tolist() == [2, 3, 0]
    assert OverwriteOrgans(label_set=NO_LESION).protected == ()
    assert OverwriteOrgans(label_set=FLARE23).protected == (14,)


def chest(right: int = 2, left: int = 1) -> np.ndarray:
    """Voxels of 21 x 9 x 7 from left to right: two lungs of unlike size far apart."""
    labels = np.zeros((21, 9, 7), dtype=np.uint8)
    labels[1:6, 2:7, 2:6], labels[15:20, 2:8, 1:6] = left, right
    return labels


def laid_out(labels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Lay an array in RAS order out along the axes of an affine."""
    orientation = io_orientation(affine)
    inverse = np.zeros_like(orientation)
    for axis, (world, sign) in enumerate(orientation):
        inverse[int(world)] = (axis, sign)
    return np.ascontiguousarray(apply_orientation(labels, inverse))


def test_without_vessels_the_mid_line_is_between_partners_also_where_they_are_exchanged(oblique):
    correct, wrong = (laid_out(chest(*sides), oblique) for sides in ((2, 1), (1, 2)))
    turn = Laterality(margin_mm=1.0, label_set=LUNGS)
    assert np.array_equal(turn(wrong, oblique), correct)
    assert np.array_equal(turn(correct, oblique), correct)
    assert not Laterality("reject", margin_mm=1.0, label_set=LUNGS)(wrong, oblique).any()


def test_a_part_of_one_lung_under_the_name_of_the_other_is_given_back():
    labels = chest()
    labels[15:20, 2:8, 1:3] = 1  # the lower part of the right lung
    labels[15:20, 2:8, 3] = 0
    turned = Laterality(label_set=LUNGS)(labels, np.diag([15.0, 15.0, 15.0, 1.0]))
    assert set(np.unique(turned[10:])) == {0, 2}
    assert set(np.unique(turned[:10])) == {0, 1}


@pytest.mark.parametrize("labels", [chest(left=0), chest(right=0)], ids=["right alone", "left alone"])
def test_one_partner_alone_or_with_a_crumb_of_the_other_tells_no_mid_line(labels):
    turn = Laterality(label_set=LUNGS)
    assert np.array_equal(turn(labels, CENTIMETRES), labels)
    labels[9, 4, 4] = 3 - labels.max()  # a crumb of the absent one, on the wrong side or not
    assert np.array_equal(turn(labels, CENTIMETRES), labels)


def test_a_set_without_pairs_has_nothing_to_exchange():
    labels = chest()
    assert np.array_equal(Laterality(label_set=NO_LESION)(labels, CENTIMETRES), labels)


def test_pairs_are_given_by_name():
    labels = chest(right=1, left=2)
    named = Laterality(pairs=[["lobe lung right", "left lung lobe"]], label_set=LUNGS)
    assert np.array_equal(named(labels, CENTIMETRES), chest())
    with pytest.raises(ValueError, match="give the right and the left class"):
        Laterality(pairs=["left lung lobe"], label_set=LUNGS)
    with pytest.raises(LabelSetError, match="pairs of Laterality: 'heart' is no class"):
        Laterality(pairs=[["heart", "nodule"]], label_set=LUNGS)


def test_filters_take_names_and_numbers_of_label_files():
    labels = np.zeros((9, 3, 3), dtype=np.uint8)
    labels[0], labels[8, 0, 0], labels[4, 1, 1] = 2, 2, 3
    kept = MinimumComponent({"Right lung lobe": 2000, 7: 2000}, label_set=LUNGS)(labels, CENTIMETRES)
    assert np.count_nonzero(kept == 2) == 9
    assert not (kept == 3).any()
    assert np.array_equal(LargestComponent([4], label_set=LUNGS)(labels, CENTIMETRES) == 2, kept == 2)
    assert np.array_equal(LargestComponent(["nodule"], label_set=LUNGS)(labels, CENTIMETRES), labels)
    for wrong in (lambda: MinimumComponent({2: 1}, LUNGS), lambda: LargestComponent([2], LUNGS)):
        with pytest.raises(LabelSetError, match="2 is no class of the label set"):
            wrong()
    with pytest.raises(LabelSetError, match="classes of FillHoles: 'heart' is no class"):
        FillHoles(classes=["heart"], label_set=LUNGS)


def test_what_a_body_has_several_of_in_one_class_keeps_all_its_pieces():
    pieces = np.zeros((9, 3, 3), dtype=np.uint8)
    pieces[0], pieces[8] = 2, 2
    kidneys = read_label_set("flare21")
    assert np.array_equal(LargestComponent(label_set=kidneys)(pieces, CENTIMETRES), pieces)
    assert in_one_piece(FLARE23) == FLARE23.organs
    assert set(MANY.organs) - set(in_one_piece(MANY)) == {MANY.find("costal cartilages")}


def report(**changes):
    return {
        "before_ml": {},
        "after_ml": {"1": 900.0, "2": 5.0},
        "pseudo": [1, 2, 3],
        "known": [1, 2, 3],
        "annotated": [],
        "disagreement": 0.1,
        "disagreement_by_class": {"1": 0.5, "3": 0.5},
    } | changes


def test_rules_speak_of_the_classes_of_the_set():
    reports = {"a": report(), "b": report(before_ml={"3": 1.0}, disagreement_by_class={"1": 0.1})}
    verdicts = select_cases(
        reports,
        [
            HasAnnotatedTumor(LUNGS),
            PredictedSomewhere(LUNGS),
            LowDisagreement(0.5, by="class", label_set=LUNGS),
            PlausibleVolume(ranges_ml={"Right Lung Lobe": [100, 6000]}, label_set=LUNGS),
        ],
    )
    assert (verdicts["a"].drop_case, verdicts["a"].drop_classes) == (True, (1, 2, 3))
    for words in ("no nodule in any case", "disagreement on left lung lobe 0.5", "right lung lobe 5.0 ml, not 100.."):
        assert words in verdicts["a"].reason
    assert (verdicts["b"].drop_case, verdicts["b"].drop_classes) == (False, (2, 3))


def test_any_of_several_lesions_is_a_tumour_and_a_set_without_one_cannot_have_it():
    reports = {"a": report(before_ml={"1": 1.0}), "b": report(before_ml={"5": 1.0}), "c": report(before_ml={"2": 1.0})}
    verdicts = select_cases(reports, [HasAnnotatedTumor(TWO_LESIONS)])
    assert [verdict.drop_case for verdict in verdicts.values()] == [False, False, True]
    with pytest.raises(ValueError, match=r"^plain has no class inside others.*leave this rule out$"):
        HasAnnotatedTumor(NO_LESION)


def test_plausible_volumes_of_the_set_are_taken_and_classes_without_one_are_not_judged():
    rule = PlausibleVolume(label_set=NO_LESION)
    reports = {"a": report(after_ml={"1": 9e5, "2": 9e5, "3": 1.0})}
    assert select_cases(reports, [rule])["a"].drop_classes == (1, 3)


def volume(values: np.ndarray) -> MetaTensor:
    return MetaTensor(torch.from_numpy(values.astype(np.uint8)), affine=torch.from_numpy(CENTIMETRES))


def case(truth: np.ndarray, pseudo: np.ndarray, **more) -> dict:
    return {"case": "anna", "label": volume(truth[None]), "pred": volume(pseudo[None])} | more


def test_a_case_is_refined_with_own_classes_and_none_beyond_them():
    truth, pseudo = np.zeros((6, 3, 3)), np.zeros((6, 3, 3))
    truth[0], pseudo[1], pseudo[2] = 1, 2, 3
    refine = RefineLabelsd(label_set=LUNGS, plausible=plausible_volumes(label_set=LUNGS))
    out = refine(case(truth, pseudo, annotated=[1]))
    assert torch.unique(out["label"]).tolist() == [0, 1, 2, 3]
    assert out["refinement"]["known"] == [1, 2, 3]
    pseudo[3] = 4
    with pytest.raises(CaseError, match=r"anna: the pseudo label holds ids \[4\]; class ids are 0\.\.3"):
        refine(case(truth, pseudo, annotated=[1]))


def test_classes_that_are_not_annotated_are_named_with_their_numbers_in_the_file():
    truth = np.full((2, 2, 2), 3)
    notes = RefineLabelsd(label_set=LUNGS)(case(truth, truth * 0, annotated=[2]))["notes"]
    assert "not listed as annotated: 7 nodule; " in notes[0]


class _Teacher:
    name, classes, fingerprint, label_set = "t", (1,), "0", LUNGS


class NoTeacher:
    """A teacher that works with any label set."""

    name, classes, fingerprint = "t", (1,), "0"


def test_parts_of_another_label_set_are_refused_with_what_to_write():
    with pytest.raises(ValueError, match=r'^OverwriteOrgans has the label set flare23, not lungs .*"@label_set"$'):
        RefineLabelsd(policy=OverwriteOrgans(), label_set=LUNGS)
    with pytest.raises(ValueError, match=r"^Laterality has the label set flare23, not lungs"):
        RefineLabelsd(filters=[Laterality()], label_set=LUNGS)
    with pytest.raises(ValueError, match=r"^_Teacher has the label set lungs, not flare23"):
        refinement_settings(_Teacher(), FillUnannotated())


def test_the_fingerprint_follows_the_label_set_and_not_its_name():
    def fingerprint(label_set):
        teacher = _Teacher()
        teacher.label_set = label_set
        return refinement_settings(teacher, FillUnannotated(label_set=label_set), label_set=label_set).fingerprint

    renumbered = read_label_set({"labels": LOBES | {"nodule": 8}, "classes": LUNGS.as_json()["classes"]})
    assert len({fingerprint(each) for each in (LUNGS, renumbered, NO_LESION)}) == 3
    assert fingerprint(read_label_set(LUNGS.as_json() | {"name": "other"})) == fingerprint(LUNGS)


def test_a_refinement_is_not_compared_with_one_of_other_classes(tmp_path):
    policy = FillUnannotated(label_set=LUNGS)
    content = refinement_settings(_Teacher(), policy, label_set=LUNGS).content
    write_json(tmp_path / "manifest.json", {"fingerprint": "1", "settings": content})
    assert refinement_settings(_Teacher(), policy, previous=[tmp_path], label_set=LUNGS).content["previous"] == ["1"]
    plain = FillUnannotated(label_set=NO_LESION)
    with pytest.raises(DataListError, match=r"manifest\.json: this earlier refinement is of other classes"):
        refinement_settings(NoTeacher, plain, previous=[tmp_path], label_set=NO_LESION)
