"""A tiny cohort, and weights trained on it by the documented command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from support.bundles import SMALL, run_bundle, write_case


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scans for training, two for validation, two for testing, with their data list."""
    folder = tmp_path_factory.mktemp("cohort")
    affine = np.diag([-4.0, -4.0, 5.0, 1.0])
    sections: dict[str, list[dict[str, object]]] = {}
    for seed, section in enumerate(["training"] * 4 + ["validation"] * 2 + ["testing"] * 2):
        case = f"{section}_{seed}"
        image, label = write_case(folder, case, seed, affine)
        entry = {"case": case, "image": str(image.relative_to(folder)), "label": str(label.relative_to(folder))}
        # What is annotated differs from scan to scan, and of one it is not recorded.
        sections.setdefault(section, []).append(entry | ({"annotated": list(range(1, 3 + seed))} if seed else {}))
    (folder / "datalist.json").write_text(json.dumps({"name": "spheres"} | sections))
    return folder


@pytest.fixture(scope="session")
def trained(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that the documented training command made."""
    folder = tmp_path_factory.mktemp("trained")
    checkpoint = folder / "models" / "model.pt"
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=cohort,
        output_dir=folder / "out",
        checkpoint=checkpoint,
        max_epochs=3,
        warmup_epochs=1,
        learning_rate=0.002,
        drop_path_rate=0.0,
        positive_patches=2,
        negative_patches=2,
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return checkpoint
