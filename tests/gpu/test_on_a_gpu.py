"""Properties that only a GPU can show: the same labels as a CPU's, mixed precision, memory that runs out, one process.

``SWINX_TEST_DEVICE=cpu`` runs what a CPU can run of them, to try the tests themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from support.bundles import CONFIGS, ROOT, SMALL, arguments, bundle_command, write_case
from support.geometry import oblique_affine
from swinx.inference import SlidingWindowLabelInferer, TorchBackend, WindowSettings
from swinx.networks import SwinXSeg, save_weights

pytestmark = pytest.mark.gpu
DEVICE = os.environ.get("SWINX_TEST_DEVICE", "cuda")
NETWORK = {name: SMALL[name] for name in ("embed_dim", "num_heads", "decoder_channels")}


def network() -> SwinXSeg:
    torch.manual_seed(0)
    return SwinXSeg(**NETWORK).eval().requires_grad_(False)


def labels(device: str, image: torch.Tensor, **settings: object) -> torch.Tensor:
    inferer = SlidingWindowLabelInferer(WindowSettings((32, 32, 32), **settings), TorchBackend(), progress=False)
    return inferer(image.to(device), network().to(device)).cpu()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand((1, 1, 70, 45, 60), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def single_precision() -> Iterator[None]:
    """Let the GPU compute convolutions as precisely as the CPU."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    """Four training and two validation cases, oblique and anisotropic."""
    folder = tmp_path_factory.mktemp("cohort")
    cases = [write_case(folder, f"case{n}", n, oblique_affine(spacing_mm=(4.0, 4.5, 5.0))) for n in range(6)]
    items = [
        {"image": str(i.relative_to(folder)), "label": str(t.relative_to(folder)), "annotated": [1, 2]}
        for i, t in cases
    ]
    (folder / "datalist.json").write_text(json.dumps({"training": items[:4], "validation": items[4:]}))
    return folder


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path, "SWINX_MLFLOW": "off"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def training(cohort: Path, out: Path, **changes: object) -> list[str]:
    settings = SMALL | {"dataset_dir": cohort, "output_dir": out, "checkpoint": out / "model.pt", "mlflow": False}
    return arguments(**(settings | {"device": f"$torch.device('{DEVICE}')"} | changes))


def epochs(out: Path) -> list[list[str]]:
    return [line.split(",") for line in (out / "history.csv").read_text().splitlines()]


@pytest.mark.usefixtures("single_precision")
def test_labels_are_those_of_the_cpu(image):
    same = (labels("cpu", image) == labels(DEVICE, image)).float().mean()
    assert same > 0.9999


@pytest.mark.usefixtures("single_precision")
@pytest.mark.parametrize("settings", [{"half_logits": True}, {"margin": 0.25}, {"sw_batch_size": 4}])
def test_cheaper_ways_change_little(image, settings):
    assert (labels("cpu", image) == labels(DEVICE, image, **settings)).float().mean() > 0.98


def test_mixed_precision_changes_little(image):
    with torch.autocast(DEVICE, torch.bfloat16 if DEVICE == "cpu" else torch.float16):
        found = labels(DEVICE, image)
    assert (labels("cpu", image) == found).float().mean() > 0.95


@pytest.mark.usefixtures("single_precision")
@pytest.mark.skipif(DEVICE == "cpu", reason="a CPU's memory is not limited by PyTorch")
def test_windows_are_halved_where_memory_runs_out(caplog):
    image = torch.rand((1, 1, 160, 160, 96), generator=torch.Generator().manual_seed(1))
    wanted = labels("cpu", image)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction(600 * 2**20 / total)
        found = labels(DEVICE, image, sw_batch_size=256)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "memory" in caplog.text, "nothing ran out: the batch is too small for this test"
    assert (found == wanted).float().mean() > 0.9999


def test_inference_of_the_bundle_is_that_of_the_cpu(cohort, tmp_path):
    save_weights(network(), tmp_path / "model.pt")
    for device, out in (("cpu", "cpu"), (DEVICE, "gpu")):
        settings = {name: value for name, value in SMALL.items() if name != "progress"} | {"progress": False}
        settings |= {
            "dataset_dir": cohort / "images",
            "output_dir": tmp_path / out,
            "checkpoint": tmp_path / "model.pt",
        }
        settings |= {"device": f"$torch.device('{device}')", "backend": "torch", "amp": False}
        run(bundle_command("inference", "inference", **settings))
    for path in sorted((tmp_path / "cpu").glob("*.nii.gz")):
        one, other = (np.asanyarray(nib.load(folder / path.name).dataobj) for folder in (path.parent, tmp_path / "gpu"))
        assert (one == other).mean() > 0.995, path.name  # TF32 in the second one


def test_training_in_mixed_precision_goes_on_where_it_was(cohort, tmp_path):
    command = [sys.executable, "-m", "monai.bundle", "run", "training", "--config_file", f"{CONFIGS}/train.json"]
    run([*command, *training(cohort, tmp_path, max_epochs=1, amp=True)])
    first = epochs(tmp_path)
    run([*command, *training(cohort, tmp_path, max_epochs=2, amp=True)])
    header, *rows = epochs(tmp_path)
    assert [row[header.index("epoch")] for row in rows] == ["1", "2"]
    assert rows[0] == first[1], "the first epoch is not done again"
    assert all(np.isfinite(float(row[header.index("train_loss")])) for row in rows)
    weights = torch.load(tmp_path / "model.pt", weights_only=True)
    assert all(tensor.dtype == torch.float32 for tensor in weights.values() if tensor.is_floating_point())


def test_one_process_trains_through_the_gpus_own_messages(cohort, tmp_path):
    files = str([f"{CONFIGS}/train.json", f"{CONFIGS}/multi_gpu_train.json"])
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=1"]
    words += ["-m", "monai.bundle", "run", "training", "--config_file", files]
    settings = training(cohort, tmp_path, max_epochs=1)
    at = settings.index("--device")
    run([sys.executable, *words, *settings[:at], *settings[at + 2 :]])
    assert (tmp_path / "model.pt").is_file()
