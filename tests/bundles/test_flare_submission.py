"""The form in which the FLARE challenges call a method: ``inputs/*_0000.nii.gz`` to ``outputs/*.nii.gz``."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from support.bundles import ROOT, SMALL, arguments, spheres
from support.geometry import oblique_affine
from support.warm_programs import warm_programs

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "docker" / "predict.sh"
AXES = ["LAI", "LPS", "PSR", "RAS"]
MEMORY = 28 * 1024**3
"""Bytes of host memory that the challenge grants; here a limit of the address space, which is stricter."""

ENGINES_WAIT = 10
"""Seconds from the SIGTERM of ``docker stop``, which the first process alone gets, to its SIGKILL."""


def workspace(folder: Path, affine: np.ndarray, cases: tuple[str, ...] = ("FLARE23Ts_0001",)) -> Path:
    """A folder as the organisers make it, with the bundle in it."""
    (folder / "inputs").mkdir(parents=True, exist_ok=True)
    if not (folder / "bundles").is_symlink():
        (folder / "bundles").symlink_to(ROOT / "bundles")
    for seed, case in enumerate(cases):
        hu, _ = spheres(seed)
        nib.save(nib.Nifti1Image(hu, affine), folder / "inputs" / f"{case}_0000.nii.gz")
    return folder


def command() -> list[str]:
    return ["sh", str(SCRIPT), *arguments(**SMALL, device="cpu", backend="torch")]


@pytest.fixture(scope="module")
def warm() -> Iterator[Path]:
    """A Python that begins with its imports done, in a process of another number than the shell's child."""
    with warm_programs() as programs:
        yield programs / "python"


def environment(weights: Path, python: Path | str = sys.executable) -> dict[str, str]:
    return os.environ | {"SWINX_PYTHON": str(python), "SWINX_WEIGHTS": str(weights), "OMP_NUM_THREADS": "1"}


def predict(folder: Path, weights: Path, python: Path | str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(),
        cwd=folder,
        env=environment(weights, python),
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )


def test_every_scan_gets_a_label_on_its_grid_and_nothing_else_is_among_the_outputs(trained, tmp_path):
    """Four scans, each oblique and in another axis order."""
    folder = tmp_path / "of a team"
    for axes in AXES:
        workspace(folder, oblique_affine(axes), (axes,))
    finished = predict(folder, trained)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert sorted(path.name for path in (folder / "outputs").iterdir()) == [f"{axes}.nii.gz" for axes in AXES]
    for axes in AXES:
        scan = nib.load(folder / "inputs" / f"{axes}_0000.nii.gz")
        label = nib.load(folder / "outputs" / f"{axes}.nii.gz")
        assert label.shape == scan.shape
        np.testing.assert_allclose(label.affine, scan.affine, atol=1e-4)
        assert label.get_data_dtype() == np.uint8
    done = json.loads((folder / "logs" / "cases.json").read_text())["done"]
    assert [case["case"] for case in done] == AXES
    said = f"4 of 4 cases segmented into {folder / 'outputs'}\n"
    assert said in (folder / "logs" / "inference.log").read_text()
    assert said in finished.stdout + finished.stderr, "the log of the container must name the final places, too"
    assert [case["prediction"] for case in done] == [str(folder / "outputs" / f"{axes}.nii.gz") for axes in AXES]


def test_a_bad_scan_is_named_and_the_others_come_out(trained, warm, tmp_path):
    folder = workspace(tmp_path, np.diag([-4.0, -4.0, 5.0, 1.0]), ("good",))
    (folder / "inputs" / "bad_0000.nii.gz").write_bytes(b"no scan")
    finished = predict(folder, trained, warm)
    assert finished.returncode == 1
    assert [path.name for path in (folder / "outputs").iterdir()] == ["good.nii.gz"]
    assert "bad_0000.nii.gz" in finished.stderr


@pytest.mark.parametrize("missing", ["inputs", "scans", "weights", "bundle"])
def test_what_is_missing_is_named_before_anything_runs(missing, trained, tmp_path):
    folder = workspace(tmp_path, np.eye(4), () if missing in ("inputs", "scans") else ("a",))
    if missing == "inputs":
        (folder / "inputs").rmdir()
    if missing == "bundle":
        (folder / "bundles").unlink()
    finished = predict(folder, Path("nowhere.pt") if missing == "weights" else trained)
    assert finished.returncode == 2
    told = {"inputs": "inputs is no folder", "scans": "no scan named", "weights": "nowhere.pt", "bundle": "no bundle"}
    assert told[missing] in finished.stderr
    assert not (folder / "outputs").exists()


@pytest.mark.parametrize("send", [os.killpg, os.kill], ids=["to all", "to the shell alone"])
def test_what_was_done_is_kept_when_the_time_is_up(trained, tmp_path, send):
    folder = workspace(tmp_path, np.diag([-4.0, -4.0, 5.0, 1.0]), tuple(f"case{number}" for number in range(40)))
    running = subprocess.Popen(command(), cwd=folder, env=environment(trained), start_new_session=True)
    deadline = time.monotonic() + 600
    while not (folder / "outputs" / "case0.nii.gz").is_file():
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    send(running.pid, signal.SIGTERM)
    assert running.wait(timeout=ENGINES_WAIT) == 143
    names = {path.name for path in (folder / "outputs").iterdir()}
    assert "case0.nii.gz" in names
    assert len(names) < 40
    assert not any(name.startswith(".") for name in names)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_python_that_is_deaf_for_a_long_while_does_not_take_what_was_done_with_it(tmp_path, sent):
    """Signals reach Python between two steps only, and a step may be the convolution of a large volume."""
    folder = workspace(tmp_path, np.eye(4), ("case0",))
    (folder / "model.pt").touch()
    deaf = folder / "deaf"
    deaf.write_text(
        f"""#!{sys.executable}
import json, os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
out = pathlib.Path(sys.argv[sys.argv.index("--output_dir") + 1])
partial = f".case1.nii.gz.abcdef-{{os.getpid()}}-x.partial.nii.gz"
(out / ".run.lock").touch()
(out / ".run.lock.json").write_text(json.dumps({{"process": os.getpid(), "machine": ""}}, indent=2))
for name in ("case0.nii.gz", partial, "cases.json"):
    (out / name).write_text(str(os.getpid()))
time.sleep(60)
"""
    )
    deaf.chmod(0o755)
    told = environment(folder / "model.pt") | {"SWINX_PYTHON": str(deaf)}
    running = subprocess.Popen(command(), cwd=folder, env=told, start_new_session=True)
    deadline = time.monotonic() + 300
    written = folder / "outputs" / "cases.json"
    while not written.is_file() or not written.read_text():
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(sent)
    assert running.wait(timeout=ENGINES_WAIT) == 128 + sent
    assert [path.name for path in (folder / "outputs").iterdir()] == ["case0.nii.gz"]
    python = int((folder / "logs" / "cases.json").read_text())
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(python, 0)


def test_the_image_is_made_of_files_that_are_there():
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in copied:
        if not name.startswith("$"):
            assert (ROOT / name).exists(), name
            assert f"!{Path(name).parts[0]}" in ignored
