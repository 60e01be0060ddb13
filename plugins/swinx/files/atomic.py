"""Files that are written atomically, and text and JSON that are read whoever wrote them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from swinx.files.partial_files import partial_name, sweep_once
from swinx.files.regular_files import open_regular
from swinx.files.written_files import note_written
from swinx.rules import TextRules

__all__ = ["object_of", "read_json", "read_text", "write_atomic", "write_json", "write_several_atomic"]


@contextmanager
def write_atomic(path: str | os.PathLike[str], suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it to ``path`` on success.

    Whatever goes wrong inside the block, ``path`` is left as it was and the temporary
    file is removed. What is written is on the disk before it gets its name, so that a power cut leaves the old file or
    the new one. What an earlier process that was killed left of its files in the folder is removed.

    Args:
        path: The file to appear; its folder is made if need be.
        suffix: Extension of the temporary file, for writers that look at it (``".nii.gz"``).

    Yields:
        The path to write to.

    Raises:
        OSError: If the folder cannot be made, the disk is full or a folder has the name of the file; the message
            names ``path``. Other errors of the block pass as they are.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with write_atomic(Path(folder) / "a" / "b.txt") as partial:
        ...         _ = partial.write_text("whole")
        ...     (Path(folder) / "a" / "b.txt").read_text()
        'whole'
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep_once(target.parent)
        prefix, end = partial_name(target.name, suffix)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=end)
    except OSError as error:
        raise OSError(_sentence(target, error)) from error
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        _sync(partial)
        partial.replace(target)
        note_written(target)
        _sync_folder(target.parent)
    except OSError as error:
        if _is_about(error, partial):
            raise OSError(_sentence(target, error)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def write_several_atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder, and move the files in it into the folder of ``path`` on success, ``path`` last.

    For a file that others belong to. Whatever goes wrong inside the block, what was there before is left, and no folder
    is made.

    Args:
        path: The file to appear; its folder is made if need be.

    Yields:
        The folder to write to.

    Raises:
        OSError: If the folder cannot be made or written to, the disk is full or a folder has the name of the file; the
            message names ``path``. Other errors of the block pass as they are.
    """
    target = Path(path)
    if target.is_dir():
        raise OSError(f"cannot write {target}: it is a folder; choose another name")
    try:
        near = next(folder for folder in target.absolute().parents if folder.exists())
        sweep_once(near)
        prefix, end = partial_name(target.name)
        folder = Path(tempfile.mkdtemp(dir=near, prefix=prefix, suffix=end))
    except OSError as error:
        raise OSError(_sentence(target, error)) from error
    try:
        yield folder
        _move(sorted(folder.iterdir(), key=lambda file: file.name == target.name), target)
    except OSError as error:
        if _is_about(error, folder):
            raise OSError(_sentence(target, error)) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write ``content`` as indented JSON, atomically.

    Raises:
        OSError: As :func:`write_atomic` does.
        TypeError: If ``content`` holds what JSON cannot express.
    """
    with write_atomic(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, without its byte order mark.

    Raises:
        OSError: If the file cannot be read, or is a pipe or a device, which may never end.
        UnicodeDecodeError: If it is no such text.
    """
    with open_regular(path) as stream:
        content = stream.read()
    return content.decode(json.detect_encoding(content))


def read_json(path: str | os.PathLike[str], kind: str = "JSON") -> Any:
    """Return the content of a JSON file, in any encoding that JSON may have.

    Args:
        path: The file.
        kind: Noun for the message, such as ``"a JSON data list"``.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it holds no JSON, or an object with one key twice, the first of which would be lost. The message
            names the file.
    """
    try:
        return json.loads(read_text(path), object_pairs_hook=object_of)
    except _KeyTwiceError as error:
        raise ValueError(TextRules.KEY_TWICE.says(path=path, kind=kind, key=error.key)) from None
    except (ValueError, RecursionError) as error:  # errors of JSON, of encodings and of NUL in the path alike
        raise ValueError(TextRules.UNREADABLE.says(path=path, kind=kind, detail=error)) from error


def object_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON by its pairs, for the ``object_pairs_hook`` of a reader.

    Raises:
        ValueError: If a key stands twice: one of its values would be lost.
    """
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise _KeyTwiceError(key)
        content[key] = value
    return content


class _KeyTwiceError(ValueError):
    """A key that stands twice in one object."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key!r} stands twice")
        self.key = key


def _move(files: Sequence[Path], target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for file in files:
            _sync(file)
            file.replace(target.parent / file.name)
        _sync_folder(target.parent)
    except OSError as error:
        raise OSError(_sentence(target, error)) from error


def _sync(file: Path) -> None:
    """Wait until what is written is on the disk.

    Raises:
        OSError: If it cannot be written, as on a disk that is full.
    """
    if not file.is_file():
        return
    with file.open("r+b") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Wait until new names are on the disk, where a system can do so: the files are there already."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folder
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _is_about(error: OSError, partial: Path) -> bool:
    """Return whether an error is of the write, without a file name, or of the rename, not of another file."""
    ours = error.filename is None or partial in (Path(error.filename), Path(error.filename).parent)
    return error.errno is not None and ours


def _sentence(target: Path, error: OSError) -> str:
    return f"cannot write {target}: {error.strerror or error}; choose another output folder"


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
