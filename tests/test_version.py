"""The version of the package, which stands in one place and is repeated where others read it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from swinx import __version__

ROOT = Path(__file__).parents[1]


def test_changelog_and_citation_name_the_version():
    newest = re.search(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("path", sorted(ROOT.glob("bundles/*/configs/metadata.json")), ids=lambda path: path.parts[-3])
def test_bundles_are_made_for_the_version(path):
    metadata = json.loads(path.read_text())
    assert metadata["swinx_version"] == __version__
    assert next(iter(metadata["changelog"])) == metadata["version"]


def test_documents_name_no_other_wheel_or_archive():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for found in re.findall(r"swinx-([\d.]+\d)-py3|swinx_seg_v([\d.]+\d)\.zip", path.read_text()):
            assert __version__ in found, path
