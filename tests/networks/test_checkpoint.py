"""Checkpoint files: tensors only, written atomically, and errors that name the file."""

from __future__ import annotations

import resource

import pytest
import torch

from swinx.errors import WeightsError
from swinx.networks import read_checkpoint, save_weights
from swinx.networks.checkpoint import find_tensors


def test_saved_weights_come_back_under_model(build, tmp_path):
    network = build()
    save_weights(network, tmp_path / "models" / "model.pt")
    content = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    assert content.keys() == network.state_dict().keys()
    assert all(torch.equal(content[name], value) for name, value in network.state_dict().items())
    assert read_checkpoint(tmp_path / "models" / "model.pt").keys() == network.state_dict().keys()


def test_parallel_wrapper_leaves_no_trace_in_the_file(build, tmp_path):
    save_weights(torch.nn.DataParallel(build()), tmp_path / "model.pt")
    assert read_checkpoint(tmp_path / "model.pt").keys() == build().state_dict().keys()


def test_full_disk_is_an_error_that_names_the_file_and_keeps_the_former_one(build, tmp_path):
    path = tmp_path / "model.pt"
    path.write_text("former")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=r"cannot write .*model\.pt"):
            save_weights(build(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.read_text() for file in tmp_path.iterdir()] == ["former"]


def test_unwritable_folder_is_an_error_that_names_the_file(build, tmp_path):
    (tmp_path / "models").write_text("a file where a folder should be")
    with pytest.raises(OSError, match=r"cannot write .*model\.pt"):
        save_weights(build(), tmp_path / "models" / "model.pt")


def write_truncated(path):
    torch.save({"model": {"weight": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        pytest.param(lambda _path: None, "no such file", id="missing"),
        pytest.param(lambda path: path.mkdir(), "no such file", id="folder"),
        pytest.param(lambda path: path.write_bytes(b""), "is empty", id="empty"),
        pytest.param(lambda path: path.write_text("hello"), "no PyTorch checkpoint", id="text"),
        pytest.param(write_truncated, "is truncated", id="truncated"),
        pytest.param(lambda path: torch.save(torch.nn.Linear(1, 1), path), "runs no code", id="pickled-network"),
        pytest.param(lambda path: torch.save([torch.zeros(1)], path), "holds a list", id="list"),
        pytest.param(lambda path: torch.save({"epoch": 3}, path), "no tensors by name.*found epoch", id="no-tensors"),
        pytest.param(lambda path: torch.save({}, path), "found nothing", id="nothing"),
    ],
)
def test_unusable_files_are_refused_by_name(tmp_path, write, message):
    path = tmp_path / "model.pt"
    write(path)
    with pytest.raises(WeightsError, match=rf"model\.pt: .*{message}"):
        read_checkpoint(path)


@pytest.mark.parametrize("key", ["model", "state_dict", "student"])
def test_tensors_are_found_under_the_usual_keys(key):
    weight = torch.zeros(1)
    assert find_tensors({"epoch": 1, "loss": torch.ones(1), key: {"weight": weight}}) == {"weight": weight}
    assert find_tensors({"state_dict": {key: {"weight": weight}}}) == {"weight": weight}
