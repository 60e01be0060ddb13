"""Segmentation of whole scans, in bounded memory."""

from __future__ import annotations

from swinx.inference.backends.choose_backend import BACKENDS, choose_backend
from swinx.inference.backends.openvino_backend import OpenVINOBackend
from swinx.inference.backends.openvino_network import (
    OpenVINONetwork,
    load_openvino,
    write_openvino,
)
from swinx.inference.backends.openvino_package import compile_for_cpu, import_openvino
from swinx.inference.backends.part_logits import (
    Backend,
    PartLogits,
    TorchBackend,
)
from swinx.inference.backends.split_network import MergedUpBlock, SplitNetwork
from swinx.inference.case_dataset import CaseDataset, collate_case
from swinx.inference.case_iteration import CaseIteration, prepare_case
from swinx.inference.case_records import CaseRecords
from swinx.inference.label_inferer import SlidingWindowLabelInferer
from swinx.inference.record_files import result_set, write_batch_record, write_case_record
from swinx.inference.save_labels import SaveLabelsd
from swinx.inference.windows.window_budget import WindowBudget
from swinx.inference.windows.window_labels import sliding_window_labels
from swinx.inference.windows.window_settings import WindowSettings

__all__ = [
    "BACKENDS",
    "Backend",
    "CaseDataset",
    "CaseIteration",
    "CaseRecords",
    "MergedUpBlock",
    "OpenVINOBackend",
    "OpenVINONetwork",
    "PartLogits",
    "SaveLabelsd",
    "SlidingWindowLabelInferer",
    "SplitNetwork",
    "TorchBackend",
    "WindowBudget",
    "WindowSettings",
    "choose_backend",
    "collate_case",
    "compile_for_cpu",
    "import_openvino",
    "load_openvino",
    "prepare_case",
    "result_set",
    "sliding_window_labels",
    "write_batch_record",
    "write_case_record",
    "write_openvino",
]
