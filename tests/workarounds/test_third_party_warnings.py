"""Warnings that no user can act on are left out, all others are shown."""

from __future__ import annotations

import logging
import warnings

import pytest

from swinx.workarounds import silence_third_parties

PLUGIN = "monai.data.nvimgcodec_pydicom_plugin"


@pytest.fixture(autouse=True)
def silenced():
    """Silence, and give the logger of the plugin its filters back."""
    before = list(logging.getLogger(PLUGIN).filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silence_third_parties()
        silence_third_parties()
        yield
    logging.getLogger(PLUGIN).filters = before


def test_listed_warnings_are_left_out():
    warnings.warn("NvImgCodecPydicomReader: nvImageCodec decoder plugin did not register successfully.", stacklevel=1)
    warnings.warn("`torch.jit.script` is deprecated.", DeprecationWarning, stacklevel=1)


def test_other_warnings_are_shown():
    with pytest.raises(UserWarning, match="may lose data"):
        warnings.warn("this may lose data", stacklevel=1)


def test_logged_warnings_are_left_out_by_their_text(caplog):
    logging.getLogger(PLUGIN).warning("nvImageCodec is not available; skipping")
    logging.getLogger(PLUGIN).warning("another text")
    with caplog.at_level(logging.INFO):
        logging.getLogger("highdicom.base").info('copy attributes of module "Patient"')
    assert [record.message for record in caplog.records] == ["another text"]
