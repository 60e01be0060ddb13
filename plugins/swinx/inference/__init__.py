"""Segmentation of whole scans, in bounded memory."""

from __future__ import annotations

from swinx.inference.active_dropout import with_active_dropout
from swinx.inference.backends.choose_backend import ENGINES, choose_engine
from swinx.inference.backends.merged_up_block import MergedUpBlock
from swinx.inference.backends.openvino_backend import OpenVINOEngine
from swinx.inference.backends.openvino_network import OpenVINONetwork, load_openvino, write_openvino
from swinx.inference.backends.openvino_package import compile_for_cpu, import_openvino
from swinx.inference.backends.part_scores import (
    Engine,
    PartScores,
    SplitScores,
    TorchEngine,
    WholeScores,
    weights_version,
)
from swinx.inference.backends.split_network import SplitNetwork
from swinx.inference.backends.window_batches import check_window, exported_file
from swinx.inference.case_dataset import CaseDataset, collate_case
from swinx.inference.case_iteration import CaseIteration
from swinx.inference.case_records import CaseRecords
from swinx.inference.label_inferer import SlidingWindowLabelInferer, air_below
from swinx.inference.label_votes import LABEL_SAMPLE, LabelVotesd
from swinx.inference.restore_labels import ON_SCAN_GRID, RestoreLabelsd
from swinx.inference.result_set import result_set
from swinx.inference.save_labels import SaveLabelsd
from swinx.inference.windows.label_windows import LaidWindows, sliding_window_labels
from swinx.inference.windows.window_budget import WindowBudget

__all__ = [
    "ENGINES",
    "LABEL_SAMPLE",
    "ON_SCAN_GRID",
    "CaseDataset",
    "CaseIteration",
    "CaseRecords",
    "Engine",
    "LabelVotesd",
    "LaidWindows",
    "MergedUpBlock",
    "OpenVINOEngine",
    "OpenVINONetwork",
    "PartScores",
    "RestoreLabelsd",
    "SaveLabelsd",
    "SlidingWindowLabelInferer",
    "SplitNetwork",
    "SplitScores",
    "TorchEngine",
    "WholeScores",
    "WindowBudget",
    "air_below",
    "check_window",
    "choose_engine",
    "collate_case",
    "compile_for_cpu",
    "exported_file",
    "import_openvino",
    "load_openvino",
    "result_set",
    "sliding_window_labels",
    "weights_version",
    "with_active_dropout",
    "write_openvino",
]
