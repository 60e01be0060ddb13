"""Headers of DICOM files: the tags that decide how slices stack into a volume."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from swinx.data.dicom.dicom_pixels import PixelLayout, find_pixel_fault
from swinx.errors import CaseError, reason_of
from swinx.files import open_regular
from swinx.rules import ByteRules, HeaderRules

__all__ = ["CT_IMAGE", "SliceHeader", "has_dicom_magic", "has_preamble", "read_header", "require_pydicom"]

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
"""Storage class of a CT slice; those of enhanced CT begin with it."""

_TEXTS = {
    "series": 0x0020000E,
    "study": 0x0020000D,
    "instance": 0x00080018,
    "storage_class": 0x00080016,
    "modality": 0x00080060,
    "description": 0x0008103E,
    "image_type": 0x00080008,
    "frame_of_reference": 0x00200052,
    "frames": 0x00280008,
    "lossy": 0x00282110,
    "photometric": 0x00280004,
    "position": 0x00200032,
    "orientation": 0x00200037,
    "pixel_spacing": 0x00280030,
    "slope": 0x00281053,
    "intercept": 0x00281052,
    "rescale_type": 0x00281054,
}
_NUMBERS = {
    "columns": 0x00280011,
    "rows": 0x00280010,
    "samples": 0x00280002,
    "bits_allocated": 0x00280100,
    "bits_stored": 0x00280101,
    "high_bit": 0x00280102,
    "signed": 0x00280103,
    "padding": 0x00280120,
    "padding_limit": 0x00280121,
}
_SIXTEEN_BITS = 2
_PIXELS = 0x7FE00010
_DICOM_PREAMBLE, _DICOM_MAGIC = 128, b"DICM"
_BARE_DICOM = re.compile(
    rb"\x02\0\0\0UL\x04\0|\x08\0[\0\x01\x05\x08\x12-\x18]\0(?:(?:UL|CS|UI|DA|TM)[\x02-\x40]\0|[\x02-\x40]\0\0\0)",
    re.DOTALL,
)
"""First element of a header without a preamble: of group 2, or of group 8 with a short value, explicit or implicit."""


@dataclass(frozen=True)
class SliceHeader:
    """Tags of one file; a missing text is empty, a missing number is None.

    Attributes:
        path: The file.
        syntax: UID of the transfer syntax.
        signed: Whether stored values are two's complement (Pixel Representation).
        padding: Pixel Padding Value as the unsigned number of its two bytes.
        padding_limit: The other end of the range of padding values, likewise.
    """

    path: str
    syntax: str
    series: str
    study: str
    instance: str
    storage_class: str
    modality: str
    description: str
    image_type: str
    frame_of_reference: str
    frames: str
    lossy: str
    photometric: str
    position: str
    orientation: str
    pixel_spacing: str
    slope: str
    intercept: str
    rescale_type: str
    columns: int | None
    rows: int | None
    samples: int | None
    bits_allocated: int | None
    bits_stored: int | None
    high_bit: int | None
    signed: int | None
    padding: int | None
    padding_limit: int | None

    @property
    def name(self) -> str:
        """Name of the file without its folder."""
        return Path(self.path).name

    @property
    def is_image(self) -> bool:
        """True if the object has pixels; structure sets, reports and directories have none."""
        return bool(self.rows and self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.columns or 0, self.rows or 0

    @property
    def syntax_note(self) -> str:
        """The transfer syntax as the end of a message."""
        return f" (transfer syntax {self.syntax})" if self.syntax else ""

    def numbers(self, name: str, count: int) -> list[float]:
        """Return the ``count`` numbers of a tag.

        Raises:
            CaseError: If the tag is missing or holds something else.
        """
        text: str = getattr(self, name)
        tag = f"({_TEXTS[name] >> 16:04x},{_TEXTS[name] & 0xFFFF:04x})"
        if not text:
            meaning = name.replace("_", " ")
            raise CaseError(self.path, HeaderRules.TAG_MISSING.says(tag=tag, meaning=meaning, name=self.name))
        try:
            numbers = [float(part) for part in text.split("\\")]
        except ValueError:
            numbers = []
        if len(numbers) != count:
            raise CaseError(self.path, HeaderRules.TAG_VALUE.says(tag=tag, name=self.name, value=text, count=count))
        return numbers


def has_dicom_magic(path: Path) -> bool:
    """Return whether a file has the magic bytes of DICOM; False if it cannot be opened.

    That is with a preamble (PS3.10, 7.1), or, as old exports have it, with the first element of the header.
    """
    head = _head(path)
    return head[_DICOM_PREAMBLE:] == _DICOM_MAGIC or _BARE_DICOM.match(head) is not None


def has_preamble(path: Path) -> bool:
    """Return whether a file begins with DICOM's preamble; False if it cannot be opened."""
    return _head(path)[_DICOM_PREAMBLE:] == _DICOM_MAGIC


def require_pydicom() -> None:
    """Check that pydicom is installed.

    Raises:
        ImportError: If it is not; the message says how to get it.
    """
    try:
        import pydicom  # noqa: F401 - whether it is there is the question
    except ImportError as error:
        raise ImportError("reading DICOM needs pydicom: pip install pydicom") from error


def read_header(path: str) -> SliceHeader:
    """Read the header of one DICOM object, with or without preamble, and check the size of its pixels.

    No pixel is decoded.

    Raises:
        CaseError: If the file is no DICOM object or is damaged: it ends within its header, or holds fewer bytes of
            pixels than the header states.
        ImportError: If pydicom is not installed.
    """
    require_pydicom()
    from pydicom import dcmread

    name = Path(path).name
    if not has_dicom_magic(Path(path)):
        raise CaseError(path, HeaderRules.DAMAGED.says(name=name, detail="it does not begin as one"))
    try:
        with open_regular(path) as stream:
            dataset = dcmread(stream, stop_before_pixels=True, force=True)
            header = _header_of(path, dataset)
            fault = _pixel_fault(stream, header, path)
    except Exception as error:  # pydicom raises whatever the bytes lead it into
        raise CaseError(path, HeaderRules.DAMAGED.says(name=name, detail=reason_of(error))) from error
    if fault:
        raise CaseError(path, fault)
    return header


def _header_of(path: str, dataset: Any) -> SliceHeader:
    if not dataset:
        raise ValueError(HeaderRules.NO_TAG.says())
    meta = getattr(dataset, "file_meta", {})
    syntax = _text(meta, 0x00020010)
    values: dict[str, Any] = {name: _text(dataset, tag) for name, tag in _TEXTS.items()}
    values["storage_class"] = values["storage_class"] or _text(meta, 0x00020002)
    values |= {name: _number(dataset, tag) for name, tag in _NUMBERS.items()}
    return SliceHeader(path=path, syntax=syntax, **values)


def _pixel_fault(stream: BinaryIO, header: SliceHeader, path: str) -> str:
    from pydicom import dcmread
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if not header.is_image:
        if header.storage_class.startswith(CT_IMAGE) or not header.storage_class:
            return ByteRules.HEADER_CUT.says()
        return ""
    layout = PixelLayout(
        rows=header.rows or 0,
        columns=header.columns or 0,
        samples=header.samples or 1,
        bits_allocated=header.bits_allocated or 16,
        frames=int(header.frames) if header.frames.isdecimal() else 1,
    )
    if header.syntax == DeflatedExplicitVRLittleEndian:  # all of it was inflated: only the whole file tells
        whole = dcmread(path, force=True)
        found = len(whole.get_item(_PIXELS).value or b"") if _PIXELS in whole else 0
        return ByteRules.SHORT.says(promised=layout.size, found=found) if found < layout.size else ""
    return find_pixel_fault(stream, header.syntax, layout)


def _text(dataset: Any, tag: int) -> str:
    """Return the stored characters of a tag; pydicom's conversion refuses or changes irregular ones."""
    value = _stored(dataset, tag)
    return value.decode("utf-8", "replace").strip("\0 \t\r\n") if isinstance(value, bytes) else str(value or "").strip()


def _number(dataset: Any, tag: int) -> int | None:
    value = _stored(dataset, tag)
    if isinstance(value, bytes):
        little = getattr(dataset.get_item(tag), "is_little_endian", True)
        return int.from_bytes(value[:_SIXTEEN_BITS], "little" if little else "big") if len(value) >= 2 else None
    return None if value is None or value == "" else int(value)


def _stored(dataset: Any, tag: int) -> Any:
    if tag not in dataset:
        return None
    element = dataset.get_item(tag)
    value, length = element.value, getattr(element, "length", None)
    cut = isinstance(value, bytes) and length not in (None, 0xFFFFFFFF) and len(value) < length
    if cut:
        raise ValueError(HeaderRules.TAG_CUT.says(group=tag >> 16, element=tag & 0xFFFF))
    return value


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_DICOM_PREAMBLE + len(_DICOM_MAGIC))
    except OSError:
        return b""
