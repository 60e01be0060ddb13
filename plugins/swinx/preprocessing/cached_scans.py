"""Prepared scans kept on the disk, so that each is read and resampled once for all epochs and runs."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor, PersistentDataset
from monai.transforms import Compose, RandomizableTrait, Transform

from swinx.errors import RunError
from swinx.files import expanded, write_atomic
from swinx.preprocessing.cache_keys import case_key, files_key, settings_key
from swinx.rules import CacheRules

__all__ = ["CachedScansd"]

_logger = logging.getLogger(__name__)


class CachedScansd(Transform):
    """Transform that reads and prepares a case once, and takes it from a folder from then on.

    An entry holds the volumes of a case after ``transforms``; all else stays as the item says. It counts as long as the
    paths of the case, what its list says of it, the files (by :func:`swinx.data.stamp_of`), the settings of
    ``transforms`` and the version of the package are the same. Otherwise the case is prepared anew, and the entry of
    its former files is removed. Entries are written whole or not at all; one that cannot be read is prepared anew, and
    where none can be written, the training goes on without. Random transforms follow outside.

    Args:
        transforms: Reading and deterministic preprocessing.
        cache_dir: Folder of the entries, which several processes and trainings may share; None keeps none.
        keys: Items of a case that are paths, and that ``transforms`` make volumes of.

    Raises:
        RunError: If the folder cannot be made.
        ValueError: If one of ``transforms`` is random, or no ``Transform`` of MONAI.
    """

    def __init__(
        self,
        transforms: Sequence[Any],
        cache_dir: str | None = None,
        keys: Sequence[str] = ("image", "label"),
    ) -> None:
        if odd := [
            step for step in transforms if isinstance(step, RandomizableTrait) or not isinstance(step, Transform)
        ]:
            raise ValueError(f"only deterministic transforms of MONAI can be kept, not {type(odd[0]).__name__}")
        self.prepare = Compose(transforms)
        self.entries = None if cache_dir is None else _Entries(self.prepare, _folder(cache_dir), keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with its volumes prepared.

        Raises:
            CaseError: If the case cannot be read or used; nothing is kept of it.
        """
        prepared: dict[Hashable, Any] = self.prepare(data) if self.entries is None else self.entries.get(data)
        return prepared


class _Entries(PersistentDataset):
    """MONAI's cache on the disk with entries that appear whole, and of which none is code.

    MONAI's own moves an entry from the folder for temporary files, so that an interrupted copy between two disks ends
    every later run, and writes arrays of NumPy that it refuses to read again with ``weights_only``.
    """

    def __init__(self, prepare: Compose, folder: Path, keys: Sequence[str]) -> None:
        super().__init__([], prepare, folder, hash_transform=lambda steps: settings_key(steps).encode())
        self.keys = tuple(keys)
        self.may_write = True

    def get(self, item: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a prepared case, from its entry if there is one."""
        try:
            path = self._path(item)
        except OSError:  # a file is missing: its reader says so
            return dict(self._pre_transform(dict(item)))  # type: ignore[no-untyped-call]
        volumes = _read(path)
        if volumes is None:
            prepared = self._pre_transform(dict(item))  # type: ignore[no-untyped-call]
            volumes = {key: prepared[key] for key in self.keys if key in prepared}
            self._write(path, volumes)
        prepared_item = dict(item)
        for key, volume in volumes.items():
            prepared_item[key] = volume
        return prepared_item

    def _path(self, item: Mapping[Hashable, Any]) -> Path:
        name = f"{case_key(item)}-{self.transform_hash}-{files_key(item, self.keys)}.pt"
        return Path(str(self.cache_dir), name)

    def _write(self, path: Path, volumes: Mapping[str, MetaTensor]) -> None:
        if not self.may_write:
            return
        try:
            with write_atomic(path) as partial:
                torch.save({key: _packed(volume) for key, volume in volumes.items()}, partial)
        except (OSError, RuntimeError) as error:  # the latter is how torch reports a full disk
            self.may_write = False
            detail = " ".join(str(error).split())
            _logger.warning("%s", CacheRules.UNWRITTEN.says(folder=path.parent, detail=detail))
            return
        case, settings, _ = path.name.split("-")
        for other in path.parent.glob(f"{case}-{settings}-*.pt"):
            if other != path:
                with suppress(OSError):
                    other.unlink()


def _folder(cache_dir: str) -> Path:
    folder = expanded(cache_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(CacheRules.NO_FOLDER.says(folder=folder, detail=error.strerror)) from error
    return folder


def _read(path: Path) -> dict[str, MetaTensor] | None:
    if not path.is_file():
        return None
    try:
        entry = torch.load(path, map_location="cpu", weights_only=True)
        return {key: _unpacked(volume) for key, volume in entry.items()}
    except Exception:  # unpickling broken or foreign bytes raises almost anything
        _logger.warning("%s", CacheRules.DAMAGED.says(path=path))
        return None


def _packed(volume: MetaTensor) -> dict[str, Any]:
    """Return a volume as tensors and plain values; whole numbers from 0 to 255, as of label maps, take a byte each."""
    voxels = volume.as_tensor()
    narrow = voxels.to(torch.uint8)
    meta = {key: value for key, value in volume.meta.items() if key != "affine"}
    return {
        "voxels": narrow if torch.equal(narrow.to(voxels.dtype), voxels) else voxels.contiguous(),
        "dtype": voxels.dtype,
        "affine": volume.affine,
        "arrays": {key: torch.as_tensor(value) for key, value in meta.items() if isinstance(value, np.ndarray)},
        "meta": {key: value for key, value in meta.items() if not isinstance(value, np.ndarray)},
    }


def _unpacked(entry: Mapping[str, Any]) -> MetaTensor:
    meta = {**entry["meta"], **{key: value.numpy() for key, value in entry["arrays"].items()}}
    return MetaTensor(entry["voxels"].to(entry["dtype"]), affine=entry["affine"], meta=meta)
