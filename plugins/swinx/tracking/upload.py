"""Values that leave the machine with a run, without credentials and without local folders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from swinx.files import is_whole_disk
from swinx.tracking.addresses import without_credentials
from swinx.tracking.facts import project_root

__all__ = ["for_upload", "upload_roots", "without_folders"]

_ENDS = r"\s'\",;:()\[\]{}<>|"
_TO_SLASH = rf"(?:(?:[ \t]+[^{_ENDS}\\/]+)+[\\/][^{_ENDS}]*)*"
"""More of a path: words after blanks, up to a further slash. Rather too much is taken for a path than too little."""

_FILE_ADDRESS = re.compile(rf"\b(?P<scheme>sqlite|file)://+(?P<path>[^{_ENDS}]*{_TO_SLASH})")
_ABSOLUTE = re.compile(rf"(?<![\w./)\]}}@~-])(?:~[\w.-]*)?/(?!/)(?=[^{_ENDS}])[^{_ENDS}]*{_TO_SLASH}[^{_ENDS}/]")
_WINDOWS = re.compile(rf"(?<!\w)(?:[A-Za-z]:[\\/]|\\\\)[^{_ENDS}]+{_TO_SLASH}")


def upload_roots(bundle_root: Path, output_dir: Path) -> list[Path]:
    """Return the folders below which paths stay known: the project, and the output of a run.

    A project that is the whole disk or somebody's home folder is none.
    """
    folders = [project_root(bundle_root), Path(bundle_root).absolute(), Path(output_dir).absolute()]
    return [folder for folder in folders if not is_whole_disk(folder)]


def for_upload(value: Any, roots: Sequence[Path]) -> Any:
    """Return a value as it may be sent to a tracker: see :func:`without_folders`, in all of its texts.

    Args:
        value: As JSON has it.
        roots: Folders below which paths stay known.
    """
    if isinstance(value, str | Path):
        return without_folders(str(value), roots)
    if isinstance(value, Mapping):
        return {without_folders(str(key), roots): for_upload(item, roots) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [for_upload(item, roots) for item in value]
    return value


def without_folders(text: str, roots: Sequence[Path]) -> str:
    """Return a text in which absolute paths are cut, and addresses have no credentials.

    Paths below a root become relative to it, others are cut to their last part.

    Args:
        text: A path, an address, or a text or expression that holds some.
        roots: Absolute folders, of which the first that fits counts.

    Examples:
        >>> without_folders("$load('/home/me/project/runs/a.json', '/data/b.nii.gz')", [Path("/home/me/project")])
        "$load('runs/a.json', 'b.nii.gz')"
        >>> without_folders("$@positive_patches / 2 + 1/3", [])
        '$@positive_patches / 2 + 1/3'
    """
    if _is_one_path(text):
        return _cut(text, roots)
    text = _FILE_ADDRESS.sub(lambda found: f"{found['scheme']}:///{_cut('/' + found['path'], roots)}", text)
    text = _WINDOWS.sub(lambda found: _cut(found[0], roots), text)
    return without_credentials(_ABSOLUTE.sub(lambda found: _cut(found[0], roots), text))


def _is_one_path(text: str) -> bool:
    """Return whether a text as a whole is one path, spaces included."""
    return bool(re.match(r"(~[\w.-]*)?/|[A-Za-z]:[\\/]|\\\\", text)) and "\n" not in text


def _cut(path: str, roots: Sequence[Path]) -> str:
    if re.match(r"[A-Za-z]:[\\/]|\\\\", path):
        return PureWindowsPath(path).name or "."
    place = PurePosixPath(path)
    for root in roots:
        if place.is_relative_to(root.as_posix()):
            return place.relative_to(root.as_posix()).as_posix()
    return place.name or "."
