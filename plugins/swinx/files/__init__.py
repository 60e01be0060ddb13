"""Files: paths, atomic writing, locks, and JSON and tables that come from others."""

from __future__ import annotations

from swinx.files.atomic import object_of, read_json, write_atomic, write_json, write_several_atomic
from swinx.files.folder_lock import hold, holding
from swinx.files.paths import absolute_path, existing_form, expanded, is_whole_disk, real_path
from swinx.files.plain_json import (
    PROGRAM_NAMES,
    check_overrides,
    check_setting_of,
    check_settings,
    is_listed,
    is_program,
    is_setting,
    read_object,
    shown,
)
from swinx.files.regular_files import check_regular, file_sha256, files_sha256, json_sha256, open_regular
from swinx.files.tables import read_rows, read_table, write_rows, write_table
from swinx.files.written_files import EarlierFiles

__all__ = [
    "PROGRAM_NAMES",
    "EarlierFiles",
    "absolute_path",
    "check_overrides",
    "check_regular",
    "check_setting_of",
    "check_settings",
    "existing_form",
    "expanded",
    "file_sha256",
    "files_sha256",
    "hold",
    "holding",
    "is_listed",
    "is_program",
    "is_setting",
    "is_whole_disk",
    "json_sha256",
    "object_of",
    "open_regular",
    "read_json",
    "read_object",
    "read_rows",
    "read_table",
    "real_path",
    "shown",
    "write_atomic",
    "write_json",
    "write_rows",
    "write_several_atomic",
    "write_table",
]
