"""Warnings of other packages that no user of a bundle can act on.

Symptom: pages of warnings before the first line of a run, about calls that MONAI and ignite make.
Report: none; each line of the tables below says who warns, and of what.
Can go: a line each, when the package no longer warns.
"""

from __future__ import annotations

import logging
import re
import warnings

__all__ = ["silence_third_parties"]

_WARNINGS = (
    # MONAI's readers look for a decoder of DICOM on GPUs, which is not needed
    "NvImgCodecPydicomReader: nvImageCodec decoder plugin did not register",
    # PyTorch, on GPUs, of the settings that MONAI and ignite read
    "Please use the new API settings to control TF32 behavior",
    # MONAI's networks are compiled by a part of PyTorch that is being replaced
    "`torch.jit.",
)
"""Beginnings of messages."""

_LOGGED = {
    "monai.data.nvimgcodec_pydicom_plugin": "nvImageCodec is not available",
    "highdicom.base": "copy ",  # each module of a header, for each DICOM Segmentation
}
"""Beginning of a logged message by the name of its logger."""


def silence_third_parties() -> None:
    """Leave out the warnings that are listed in this module, each by the beginning of its message, and no others.

    Calling it again changes nothing.
    """
    for beginning in _WARNINGS:
        warnings.filterwarnings("ignore", message=re.escape(beginning))
    for name, beginning in _LOGGED.items():
        logger = logging.getLogger(name)
        if not any(isinstance(one, _LeaveOut) for one in logger.filters):
            logger.addFilter(_LeaveOut(beginning))


class _LeaveOut(logging.Filter):
    """Refuses records whose message begins with a text."""

    def __init__(self, beginning: str) -> None:
        super().__init__()
        self.beginning = beginning

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self.beginning)
