"""Build of the package: ``pyproject.toml`` describes it, and this step copies the bundles into it.

The description that package pages show is the README, as far as it can be read there.
Only listed files are taken, since a ``models`` folder of a checkout holds weights of its owner.
"""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
FILES = ("LICENSE", "configs/*.json", "configs/*.conf", "docs/*.md")
WEIGHTS = (
    "swinx_seg/models/swinx_abdomen_small.pt",
    "swinx_seg/models/swinx_abdomen_small.json",
    "swinx_seg/models/swinx_abdomen_small.md",
)
"""Weights that are shipped, their record and their model card, by their path below ``bundles``."""


_PICTURE = re.compile(r"!\[[^\]]*\]\((?!https:)[^)]*\)\n+(?:\*[^*]+\*\n+)?")
_LINK = re.compile(r"\[([^\]]+)\]\((?!https:)[^)]*\)")


def description() -> str:
    """Return the README without pictures, and without links to files: away from the repository they lead nowhere."""
    return _LINK.sub(r"\1", _PICTURE.sub("", (ROOT / "README.md").read_text(encoding="utf-8")))


def bundle_files() -> list[str]:
    """Return the files of the bundles that the package brings, by their path below the checkout."""
    bundles = sorted(path.parents[1] for path in ROOT.glob("bundles/*/configs/metadata.json"))
    found = [path for bundle in bundles for pattern in FILES for path in sorted(bundle.glob(pattern))]
    found += [path for name in WEIGHTS if (path := ROOT / "bundles" / name).is_file()]
    return [path.relative_to(ROOT).as_posix() for path in found]


class BuildWithBundles(build_py):
    """The ordinary build, and the bundles; an editable installation finds those of the checkout instead."""

    def run(self) -> None:
        """Build, then copy the bundles."""
        super().run()
        if not self.editable_mode:
            for name in bundle_files():
                target = Path(self.build_lib, "swinx", name)
                self.mkpath(str(target.parent))
                self.copy_file(str(ROOT / name), str(target), preserve_mode=False)

    def get_source_files(self) -> list[str]:
        """Return what the source distribution holds."""
        return [*super().get_source_files(), *bundle_files()]


setup(
    cmdclass={"build_py": BuildWithBundles},
    long_description=description(),
    long_description_content_type="text/markdown",
)
