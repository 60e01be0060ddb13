"""Two real CTs of other patients than the demo's, from the source distribution of a package.

``totalsegmentator==2.18.0`` (Apache-2.0, https://github.com/wasserth/TotalSegmentator) brings them for its own tests:

* a CT angiography of the chest and upper abdomen, 233 x 167 x 191 voxels of 1.5 mm, with the aorta labelled;
* a native CT of the abdomen and pelvis of another patient, 122 x 101 x 112 voxels of 3 mm, with 61 structures by
  TotalSegmentator's fast model. It is for tests alone: no training, no choice of settings and no selection of weights
  may see it.

A package's licence says nothing of where a patient's data come from.
"""

from __future__ import annotations

import os
from pathlib import Path

from swinx.cohorts.demo_ct import write_flare_label
from swinx.cohorts.package_files import Member, PackageFiles

__all__ = ["AORTA_PACKAGE", "EXAMPLE_PACKAGE", "fetch_aorta_ct", "fetch_example_ct"]

_PLACE = "tests/reference_files/"


def _package(members: dict[str, Member]) -> PackageFiles:
    return PackageFiles(
        requirement="totalsegmentator==2.18.0",
        sha256="5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03",
        kind="sdist",
        size="38 MB",
        members=members,
    )


AORTA_PACKAGE = _package(
    {
        "aorta_ct.nii.gz": Member(
            f"{_PLACE}aorta_report/example_ct.nii.gz",
            "372d98723e3283a8d4a0ae2f0ef1e581c0ad17b673b30b2e8d3e215180cc2a12",
        ),
        "aorta_mask.nii.gz": Member(
            f"{_PLACE}aorta_report/test_result/models/aorta.nii.gz",
            "7fa1b813c63abcbe455b62a510c5e7a00fe0998f30541d5a8af46b20a88dd7f7",
        ),
    }
)
"""The CT angiography, and the mask of the aorta on a part of its grid."""

EXAMPLE_PACKAGE = _package(
    {
        "example_ct.nii.gz": Member(
            f"{_PLACE}example_ct.nii.gz", "dbd3ae6d614d1d7ef3a46925c30c70038ed52da6b37fdd6afdc7b9b71387e3e1"
        ),
        "example_mask.nii.gz": Member(
            f"{_PLACE}example_seg_fast_force_split.nii.gz",
            "e8097758e56e73099075b6caaebce23ef11bc6fad66a4ec3753b9406846558c7",
        ),
    }
)
"""The CT that is for tests alone, and its structures."""


def fetch_aorta_ct(cache_dir: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Fetch the CT angiography; return the paths of the CT and of the mask of its aorta, which covers a part of it.

    Raises:
        OSError: If the package client fails, or brings another package, or ``cache_dir`` cannot be written.
    """
    image, mask = AORTA_PACKAGE.fetch(cache_dir)
    return image, mask


def fetch_example_ct(cache_dir: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Fetch the CT that is for tests alone; return the paths of the CT and of its label with FLARE ids.

    The label has 12 of the 13 FLARE organs: the scan ends below the esophagus.

    Raises:
        OSError: If the package client fails, or brings another package, or ``cache_dir`` cannot be written.
        CaseError: If mask and CT differ in grid.
    """
    image, mask = EXAMPLE_PACKAGE.fetch(cache_dir)
    label = mask.with_name("example_label.nii.gz")
    write_flare_label(image, mask, label)
    return image, label
