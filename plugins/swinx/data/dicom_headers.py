"""What the header of a DICOM slice says, as far as it decides whether and how slices make a volume."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swinx.data.itk_geometry import sitk
from swinx.errors import CaseError

__all__ = ["SliceHeader", "read_header", "storage_class", "syntax_note"]

_TAGS = {
    "series": "0020|000e",
    "instance": "0008|0018",
    "modality": "0008|0060",
    "description": "0008|103e",
    "image_type": "0008|0008",
    "frame_of_reference": "0020|0052",
    "frames": "0028|0008",
    "samples": "0028|0002",
    "lossy": "0028|2110",
    "position": "0020|0032",
    "orientation": "0020|0037",
    "pixel_spacing": "0028|0030",
    "slope": "0028|1053",
    "intercept": "0028|1052",
    "rescale_type": "0028|1054",
}

_STORAGE_CLASS = b"\x02\x00\x02\x00UI"
_TRANSFER_SYNTAX = b"\x02\x00\x10\x00UI"
_META_BYTES = 4096


@dataclass(frozen=True)
class SliceHeader:
    """The tags of one file, stripped; a tag that is not there is an empty string.

    Attributes:
        path: The file.
        size: Columns and rows.
    """

    path: str
    size: tuple[int, int]
    series: str
    instance: str
    modality: str
    description: str
    image_type: str
    frame_of_reference: str
    frames: str
    samples: str
    lossy: str
    position: str
    orientation: str
    pixel_spacing: str
    slope: str
    intercept: str
    rescale_type: str

    def numbers(self, name: str, count: int) -> list[float]:
        """Return the ``count`` numbers of a tag.

        Raises:
            CaseError: If the tag is missing or holds something else.
        """
        text: str = getattr(self, name)
        tag = f"({_TAGS[name].replace('|', ',')})"
        if not text:
            raise CaseError(self.path, f"DICOM tag {tag}, {name.replace('_', ' ')}, is missing from {self.name}")
        try:
            numbers = [float(part) for part in text.split("\\")]
        except ValueError:
            numbers = []
        if len(numbers) != count:
            raise CaseError(self.path, f"DICOM tag {tag} of {self.name} is {text!r}, not {count} numbers")
        return numbers

    @property
    def name(self) -> str:
        """Name of the file without its folder."""
        return Path(self.path).name


def read_header(path: str) -> SliceHeader:
    """Read the header of one slice, not its pixels.

    Raises:
        CaseError: If the file is no DICOM image.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise CaseError(path, f"{Path(path).name} is damaged, or not a DICOM image{syntax_note(path)}") from error
    columns, rows, *_ = reader.GetSize()
    tags: dict[str, Any] = {name: _text(reader, tag) for name, tag in _TAGS.items()}
    return SliceHeader(path=path, size=(int(columns), int(rows)), **tags)


def syntax_note(path: str) -> str:
    """Return the transfer syntax UID of a DICOM file as the end of a message; SimpleITK does not tell it."""
    uid = _meta_uid(path, _TRANSFER_SYNTAX)
    return f" (transfer syntax {uid})" if uid else ""


def storage_class(path: str) -> str:
    """Return the UID of the kind of object that a DICOM file holds; empty if the file ends before it, or has none."""
    return _meta_uid(path, _STORAGE_CLASS)


def _meta_uid(path: str, tag: bytes) -> str:
    """Read a UID of the file meta information, which is always explicit little endian (PS3.10, 7.1)."""
    with Path(path).open("rb") as stream:
        meta = stream.read(_META_BYTES)
    _, _, rest = meta.partition(tag)
    length = int.from_bytes(rest[:2], "little")
    uid = rest[2 : 2 + length]
    return uid.decode("ascii", "replace").strip("\0 ") if len(uid) == length else ""


def _text(reader: Any, tag: str) -> str:
    return str(reader.GetMetaData(tag)).strip("\0 ") if reader.HasMetaDataKey(tag) else ""
