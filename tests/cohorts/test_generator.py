"""Generated patches: label and image move together, sides, phases of contrast, contents, ends of the scan, seeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose

from swinx.cohorts import (
    GeometryRanges,
    RandAcquisitiond,
    RandContrastd,
    RandFieldOfViewd,
    RandLumend,
    RandPatchd,
    RandSurroundingsd,
    SourceScan,
    StructuresToLabeld,
    write_held_out,
)
from swinx.cohorts.generator import known_sources
from swinx.cohorts.generator.contrast_phases import PHASES, TYPICAL_HU, group_of
from swinx.cohorts.generator.gallbladder import with_gallbladder
from swinx.cohorts.generator.pelvis_phantom import pelvis_phantom
from swinx.data import read_volume
from swinx.errors import CaseError
from swinx.labels import FLARE23, FlareLabel, read_label_set
from swinx.nifti import write_nifti
from swinx.training import RandLeftRightFlipd

ROOT = Path(__file__).parents[2]
LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, STOMACH, AORTA = 5, 2, 3, 6, 52
PLACES = {LIVER: (55, 15, 25), RIGHT_KIDNEY: (45, -25, -35), LEFT_KIDNEY: (-45, -25, -35), STOMACH: (-45, 20, 25)}
RADII = {LIVER: 32, RIGHT_KIDNEY: 18, LEFT_KIDNEY: 18, STOMACH: 24, AORTA: 14}
HU = {LIVER: 70, RIGHT_KIDNEY: 190, LEFT_KIDNEY: 190, STOMACH: 45, AORTA: 370}
STILL = GeometryRanges(scale=(1, 1), degrees=0, smooth_mm=(0, 0), organs=0, fat=(1, 1))
SIZE = (40, 32, 32)
MM = 5.0


def world_of(shape, affine):
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def body_at(world):
    """HU and structures of a body of few spheres, at positions ``(..., 3)`` in mm toward right, front and head."""
    body = (world[..., 0] / 105) ** 2 + (world[..., 1] / 70) ** 2 < 1
    hounsfield, structures = np.where(body, 40.0, -1000.0), np.zeros(body.shape, dtype=np.uint8)
    for number in RADII:
        place = np.array(PLACES.get(number, (0, -30, 0)), dtype=float)
        axes = (0, 1) if number == AORTA else (0, 1, 2)
        inside = sum((world[..., a] - place[a]) ** 2 for a in axes) < RADII[number] ** 2
        hounsfield[inside], structures[inside] = HU[number], number
    table = (np.abs(world[..., 1] + 92) < 3) & (np.abs(world[..., 0]) < 90)
    hounsfield[table] = 300
    return hounsfield, structures


@pytest.fixture(scope="module")
def source():
    """An oblique, anisotropic scan with axes toward feet, left and front."""
    turn = np.deg2rad(8)
    directions = np.array([[0, -np.cos(turn), -np.sin(turn)], [0, -np.sin(turn), np.cos(turn)], [-1, 0, 0]])
    affine = np.eye(4)
    affine[:3, :3] = directions @ np.diag([5.0, 3.0, 4.0])
    shape = (36, 88, 52)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return SourceScan.from_arrays(*body_at(world_of(shape, affine)), affine, "spheres")


def draw(transform, seed, data=None):
    return transform.set_random_state(seed)(data or {})


@pytest.fixture
def still(source):
    """A patch around the liver of the body as it is."""
    patch = RandPatchd([source], spatial_size=SIZE, spacing_mm=MM, ranges=STILL, jitter=0, other_prob=0)
    return lambda seed=0: draw(patch, seed)


def centre_of(volume, number):
    index = np.argwhere(np.asarray(volume[0]) == number)
    affine = volume.affine.numpy()
    return (index @ affine[:3, :3].T + affine[:3, 3]).mean(axis=0)


def test_the_table_is_no_part_of_the_patient(source):
    assert float((source.image - 1024).max()) < 450
    world = world_of(source.image.shape, source.affine)
    assert world[source.structures.numpy() > 0][:, 1].min() > -85


def test_a_scan_without_a_body_is_refused():
    with pytest.raises(CaseError, match="no body"):
        SourceScan.from_arrays(np.full((20, 20, 20), -1000.0), np.zeros((20, 20, 20)), np.eye(4), "air")


def test_without_variation_every_organ_is_where_the_oblique_scan_has_it(source):
    whole = RandPatchd([source], spatial_size=(50, 36, 36), spacing_mm=MM, ranges=STILL, jitter=0, other_prob=0)
    made = draw(whole, 3)
    for number in (LIVER, RIGHT_KIDNEY, LEFT_KIDNEY):
        if int((made["structures"] == number).sum()) > 4 / 3 * np.pi * (RADII[number] / MM) ** 3 * 0.9:
            assert np.abs(centre_of(made["structures"], number) - PLACES[number]).max() < 3
    present = made["structures"].unique().tolist()
    assert {LIVER, AORTA} <= set(present)


@pytest.mark.parametrize("seed", range(4))
def test_label_and_image_move_together(source, seed):
    made = draw(RandPatchd([source], spatial_size=SIZE, spacing_mm=MM), seed)
    structures, image = made["structures"][0], made["image"][0]
    for number in (LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, AORTA):
        here = structures == number
        inner = torch.nn.functional.max_pool3d((~here).float()[None], 3, 1, 1)[0] == 0
        if int(inner.sum()) > 10:
            assert float(image[inner].median()) == pytest.approx(HU[number], abs=25)


def test_geometry_differs_between_draws_and_repeats_with_its_seed(source):
    patch = RandPatchd([source], spatial_size=SIZE, spacing_mm=MM)
    first, again, other = (draw(patch, seed)["structures"] for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_right_stays_right_after_a_flip(source):
    whole = RandPatchd([source], spatial_size=(50, 36, 36), spacing_mm=MM, ranges=STILL, jitter=0, other_prob=1)
    made = (StructuresToLabeld()(draw(whole, seed)) for seed in range(40))
    sides = (FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_KIDNEY)
    both = next(each for each in made if all(bool((each["label"] == side).any()) for side in sides))
    for each in (both, RandLeftRightFlipd(["image", "label"], prob=1.0)(both)):
        right, left = (np.argwhere(np.asarray(each["label"][0]) == side)[:, 0].mean() for side in sides)
        assert right > left  # the first axis runs toward the patient's right


@pytest.mark.parametrize("phase", range(4))
def test_every_phase_has_its_intensities(still, phase):
    contrast = RandContrastd(synthetic_prob=0.0, same_prob=0.0)
    patch = still(1)
    found = 0
    for seed in range(100):
        made = draw(contrast, seed, patch)
        if made["phase"] != PHASES[phase]:
            continue
        for number, name in ((LIVER, "liver"), (AORTA, "artery")):
            here = made["structures"][0] == number
            low, high = TYPICAL_HU[name][phase]
            slack = 75 if name == "liver" else 20  # some livers are fatty
            assert low - slack < float(made["image"][0][here].median()) < high + 20
        found += 1
        if found == 3:
            break
    assert found == 3


def test_gas_stays_gas_whatever_the_contrast(still):
    patch = still(1)
    air = patch["image"] < -900
    assert bool(air.any())
    for seed in range(8):
        assert float(draw(RandContrastd(synthetic_prob=0.5), seed, patch)["image"][air].max()) < -300


def test_bones_and_lungs_have_no_contrast_and_vessels_do():
    names, groups = read_label_set("totalsegmentator").names, group_of()
    assert {groups[names.index(name)] for name in ("aorta", "iliac_artery_left")} == {"artery"}
    assert groups[names.index("kidney_left")] == "kidney"
    assert groups[names.index("kidney_cyst_left")] == "cyst"
    assert not {names.index("vertebrae_L1"), names.index("lung_upper_lobe_left"), names.index("rib_left_5")} & set(
        groups
    )


def test_contents_change_inside_hollow_organs_alone_and_gas_lies_in_front(source):
    patch = RandPatchd([source], spatial_size=SIZE, spacing_mm=MM, ranges=STILL, jitter=0, other_prob=0)
    made = next(
        each for each in (draw(patch, seed) for seed in range(20)) if (each["structures"] == STOMACH).sum() > 200
    )
    inside, seen_gas = made["structures"] == STOMACH, False
    for seed in range(12):
        filled = draw(RandLumend(prob=1.0), seed, made)["image"]
        assert torch.equal(filled[~inside], made["image"][~inside])
        gas, rest = ((filled < -500) & inside)[0], ((filled > -200) & inside)[0]
        if int(gas.sum()) > 20 and int(rest.sum()) > 20:
            seen_gas = True
            assert gas.nonzero()[:, 1].float().mean() > rest.nonzero()[:, 1].float().mean()
    assert seen_gas


def test_table_and_arms_leave_the_patient_alone(still):
    patch = still(1)
    body = patch["structures"] > 0
    changed = False
    for seed in range(4):
        made = draw(RandSurroundingsd(spacing_mm=MM, table_prob=1, arms_prob=1), seed, patch)["image"]
        assert torch.equal(made[body], patch["image"][body])
        changed |= not torch.equal(made, patch["image"])
    assert changed


def test_beyond_the_end_of_the_scan_there_is_air_and_no_label(still):
    patch = still(1)
    made = draw(RandFieldOfViewd(end_prob=1, circle_prob=1), 3, patch)
    cut = made["image"] == -1024
    assert bool((made["structures"][cut] == 0).all())
    assert 0 < int((made["structures"] > 0).sum()) < int((patch["structures"] > 0).sum())


def test_noise_has_the_strength_that_is_asked_for(still):
    patch = still(1)
    sharp = RandAcquisitiond(spacing_mm=MM, kernel_mm=(0, 0), noise_hu=(20, 20), gain=0, shift_hu=0)
    difference = (draw(sharp, 0, patch)["image"] - patch["image"])[patch["structures"] == LIVER]
    assert float(difference.std()) == pytest.approx(20, rel=0.15)


def test_thick_slices_blur_along_the_body_alone(still):
    patch = still(1)
    thick = RandAcquisitiond(spacing_mm=2.0, slice_mm=(4, 4), kernel_mm=(0, 0), noise_hu=(0, 0), gain=0, shift_hu=0)
    ramp = {"image": torch.zeros_like(patch["image"])}
    ramp["image"][:, 20] = 100
    assert torch.allclose(draw(thick, 0, ramp)["image"], ramp["image"], atol=1e-3)
    ramp["image"][:] = 0
    ramp["image"][..., 16] = 100
    assert 40 < float(draw(thick, 0, ramp)["image"][0, 5, 5, 16]) < 60


def test_classes_follow_the_label_set_by_name(still):
    patch = still(1)
    btcv = read_label_set("btcv")
    label = StructuresToLabeld(btcv)(patch)
    assert torch.equal(label["label"] == btcv.find("liver"), patch["structures"] == LIVER)
    assert btcv.find("portal vein and splenic vein") in label["annotated"]
    flare = StructuresToLabeld(FLARE23)(patch)
    assert FlareLabel.TUMOR not in flare["annotated"]


def test_a_partly_annotated_source_says_so(source):
    partly = SourceScan(**{**source.__dict__, "annotated": ("aorta",)})
    patch = RandPatchd([partly], spatial_size=SIZE, spacing_mm=MM)
    assert StructuresToLabeld()(draw(patch, 0))["annotated"] == [FlareLabel.AORTA]


def test_the_whole_chain_repeats_with_its_seed(source):
    chain = Compose(
        [
            RandPatchd([source], spatial_size=SIZE, spacing_mm=MM),
            *(RandContrastd(), RandLumend(), RandSurroundingsd(spacing_mm=MM), RandFieldOfViewd()),
            *(RandAcquisitiond(spacing_mm=MM), StructuresToLabeld()),
        ]
    )
    for seed in range(6):
        first, again = (chain.set_random_state(seed)({"case": "a"}) for _ in range(2))
        assert torch.equal(first["image"], again["image"])
        assert torch.equal(first["label"], again["label"])
        assert bool(torch.isfinite(first["image"]).all())
        assert first["image"].shape == (1, *SIZE)
        assert first["label"].dtype == torch.uint8


def test_held_out_patients_are_written_once_with_what_is_annotated(source, tmp_path):
    path = write_held_out(tmp_path, [source], count=1, spacing_mm=12.0)
    before = path.stat().st_mtime_ns
    assert write_held_out(tmp_path, [source], count=1, spacing_mm=12.0).stat().st_mtime_ns == before
    (item,) = json.loads(path.read_text())["validation"]
    label = read_volume(tmp_path / "labelsVal" / "held_out_001.nii.gz", "label")
    assert set(np.unique(label.array)) >= {FlareLabel.LIVER, FlareLabel.AORTA}
    assert FlareLabel.LIVER in item["annotated"]


def test_a_pelvis_has_bones_and_none_of_the_organs():
    pelvis = pelvis_phantom(3)
    names = read_label_set("totalsegmentator").names
    assert {"hip_left", "hip_right", "sacrum", "urinary_bladder"} <= {names[n] for n in pelvis.centres if n < 118}
    label = StructuresToLabeld()({"structures": pelvis.structures[None], "hounsfield": None})["label"]
    assert int(label.max()) == 0
    right, left = (pelvis.centres[names.index(f"hip_{side}")][:, 0].mean() for side in ("right", "left"))
    assert right > 40
    assert left < -40


def test_sources_without_a_class_are_drawn_by_their_share_and_never_held_out(source, tmp_path):
    pelvis = pelvis_phantom(0)
    patch = RandPatchd([source, pelvis], spatial_size=(8, 8, 8), spacing_mm=MM)
    drawn = [draw(patch, seed)["source"] for seed in range(60)]
    assert 0 < drawn.count(pelvis.name) < 20
    with pytest.raises(ValueError, match="no source has a class"):
        RandPatchd([pelvis])
    path = write_held_out(tmp_path, [pelvis, source], count=2, spacing_mm=16.0)
    assert {item["patient"] for item in json.loads(path.read_text())["validation"]} == {source.name}


def test_the_mask_of_a_part_is_put_in_its_place(tmp_path, monkeypatch):
    affine = np.array([[-4.0, 0, 0, 90], [0, -4, 0, 80], [0, 0, 5, -70], [0, 0, 0, 1]])
    image = np.full((40, 40, 20), -1000, dtype=np.int16)
    image[6:34, 6:34] = 40
    shifted = affine.copy()
    shifted[:3, 3] = affine[:3] @ [10, 12, 3, 1]
    write_nifti(tmp_path / "ct.nii.gz", image, affine)
    mask = np.ones((9, 10, 12), dtype=np.uint8)
    mask[0] = 0
    write_nifti(tmp_path / "mask.nii.gz", mask, shifted)
    fetched = (tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz")
    monkeypatch.setattr(known_sources, "fetch_aorta_ct", lambda _: fetched)
    made = known_sources._aorta_source(tmp_path)
    inside = np.argwhere(made.structures.numpy() == AORTA)
    assert len(inside) == mask.sum()
    world = inside @ made.affine[:3, :3].T + made.affine[:3, 3]
    np.testing.assert_allclose(world.mean(axis=0), (affine @ [14.5, 16.5, 8.5, 1])[:3])
    shifted[0, 3] += 1.5
    write_nifti(tmp_path / "mask.nii.gz", mask, shifted)
    with pytest.raises(CaseError, match="no part of that of"):
        known_sources._aorta_source(tmp_path)


@pytest.mark.gpu
def test_a_gpu_makes_the_same_patients(source):
    chain = Compose([RandPatchd([source], spatial_size=SIZE, spacing_mm=MM)])
    there = Compose([RandPatchd([source.to("cuda")], spatial_size=SIZE, spacing_mm=MM)])
    here, away = draw(chain, 1)["image"], draw(there, 1)["image"]
    assert away.device.type == "cuda"
    assert float((here - away.cpu()).abs().mean()) < 1


def test_the_gallbladder_lies_below_the_liver_right_of_the_spine_and_spares_the_rest():
    names = read_label_set("totalsegmentator").names
    affine = np.array([[0.0, -4, 0, 110], [-4, 0, 0, 90], [0, 0, 3, -90], [0, 0, 0, 1]])
    world = world_of((46, 56, 60), affine)
    structures = np.zeros(world.shape[:3], dtype=np.uint8)
    right, front, up = np.moveaxis(world, -1, 0)
    structures[(right > 20) & (right < 100) & (np.abs(front) < 60) & (up > 0)] = LIVER
    spine = (np.abs(world[..., 0]) < 18) & (np.abs(world[..., 1] + 50) < 18)
    structures[spine] = names.index("vertebrae_L1")
    image, completed = with_gallbladder(np.full(structures.shape, 40.0), structures, affine)
    pear = completed == names.index("gallbladder")
    assert 10_000 < pear.sum() * 48 < 45_000  # mm3
    place = world[pear].mean(axis=0)
    assert 30 < place[0] < 70
    assert place[2] < 0
    assert set(np.unique(structures[pear])) <= {0, LIVER}
    assert image[pear].mean() == pytest.approx(8, abs=2)
    assert (image[~pear] == 40).all()
    assert (completed[spine] == names.index("vertebrae_L1")).all()


def test_the_overlay_of_the_weights_draws_batches_that_its_loss_takes(source):
    files = [f"bundles/swinx_seg/configs/{name}.json" for name in ("train", "strong", "weights")]
    parser = ConfigParser(ConfigParser.load_config_files([str(ROOT / file) for file in files]))
    for name, value in {"sources": [source], "label_set": FLARE23, "roi_size": [32, 32, 32]}.items():
        parser[name] = value
    dataset = parser.get_parsed_content("train::dataset")
    assert len(dataset) == 100
    patch = dataset[0]
    assert patch["image"].shape == patch["label"].shape == (1, 32, 32, 32)
    assert 0 <= float(patch["image"].min()) < float(patch["image"].max()) <= 1
    assert float(patch["class_weights"][FlareLabel.TUMOR]) == 0
    assert float(patch["class_weights"][FlareLabel.GALLBLADDER]) == 1
