"""The check of a GPU with one command: windows, whole cases, training steps, tests, and what time is left for more.

    python benchmarks/gpu.py --minutes 9

needs torch, monai, pytorch-ignite, nibabel, fire, einops, scipy, psutil and pytest, and no installation, network or
data: it runs from a bare checkout. The parts run in the order of their worth, each in a process of its own with a share
of the time, and write a record in ``benchmarks/results`` after each row: a run that is cut off keeps what it has. What
a part does is told at the top of ``benchmarks/gpu_windows.py``, ``gpu_cases.py`` and ``gpu_steps.py``; the tests are
those marked ``gpu``. ``--small`` does all of it with tiny sizes, also on a CPU, in under three minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
STARTING_SECONDS = 20
"""Time in which a part imports its packages and ends after its last row, beyond its share."""


class Share(NamedTuple):
    """Share of the time of one part.

    Attributes:
        name: For ``--parts``.
        seconds: Of a run of nine minutes.
        small_seconds: Of a run with ``--small``.
    """

    name: str
    seconds: float
    small_seconds: float


PARTS = (
    Share("windows", 90, 25),
    Share("cases", 180, 25),
    Share("steps", 90, 60),
    Share("tests", 60, 60),
    Share("training", 45, 30),
    Share("compile", 60, 20),
)


def main() -> int:
    """Run the parts; return 1 if one failed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=9.0, help="for all parts together")
    options.add_argument("--parts", nargs="+", choices=[part.name for part in PARTS], help="these alone")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--small", action="store_true", help="tiny sizes, to try this program on a CPU")
    options.add_argument("--out", type=Path, default=RESULTS)
    given = options.parse_args()
    if not 0.5 <= given.minutes <= 600:
        options.error(f"--minutes {given.minutes:g}: give 0.5 to 600")
    end = time.monotonic() + given.minutes * 60
    parts = [part for part in PARTS if not given.parts or part.name in given.parts]
    asked = sum(part.small_seconds if given.small else part.seconds for part in parts)
    scale = 1.0 if given.small else max(0.05, (given.minutes * 60 - STARTING_SECONDS) / asked)
    failed = []
    for part in parts:
        share = (part.small_seconds if given.small else part.seconds) * scale
        left = end - time.monotonic()
        if left < 10:
            print(f"gpu: {part.name}: no time left", flush=True)
            failed.append(part.name)
            continue
        started = time.monotonic()
        code = run_part(part.name, min(share, left - 5), given)
        print(f"gpu: {part.name}: exit code {code} after {time.monotonic() - started:.0f} s", flush=True)
        failed += [part.name] if code else []
    print(
        f"gpu: {len(parts) - len(failed)} of {len(parts)} parts done" + (f"; not {', '.join(failed)}" if failed else "")
    )
    return int(bool(failed))


def run_part(name: str, seconds: float, given: argparse.Namespace) -> int:
    """Run one part in a process of its own, ended when its time is up; return its exit code."""
    command = commands(name, seconds, given)
    if not command:
        return 0
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(search_path()), "SWINX_MLFLOW": "off"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    limit = seconds + (STARTING_SECONDS if not given.small else 120)
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        print(f"gpu: {name}: ended after {limit:.0f} s", flush=True)
        return 124
    finally:
        end_group(process)


def commands(name: str, seconds: float, given: argparse.Namespace) -> list[str]:
    """Return the command of a part, or nothing if what it needs is not there."""
    if name == "tests":
        report = given.out.resolve() / f"gpu_tests{'_small' * given.small}.xml"
        words = ["-m", "pytest", "-m", "gpu", "tests/gpu", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        return [sys.executable, *words, "-o", "addopts=--import-mode=importlib"]
    if name == "training":
        return training_command(seconds, given)
    program = "gpu_windows" if name == "compile" else f"gpu_{name}"
    words = ["--seconds", f"{seconds:.0f}", "--seed", str(given.seed), "--out", str(given.out.resolve())]
    words += ["--small"] * given.small + ["--compiled"] * (name == "compile")
    return [sys.executable, str(ROOT / "benchmarks" / f"{program}.py"), *words]


def training_command(seconds: float, given: argparse.Namespace) -> list[str]:
    """Return the command that trains the shipped weights for some minutes, if their overlay is there."""
    overlay = ROOT / "bundles" / "swinx_seg" / "configs" / "weights.json"
    if not overlay.is_file():
        print("gpu: training: no bundles/swinx_seg/configs/weights.json in this checkout; left out", flush=True)
        return []
    files = str([str(overlay.with_name("train.json")), str(overlay)])
    words = ["-m", "monai.bundle", "run", "training", "--config_file", files, "--mlflow", "False"]
    words += ["--time_limit_minutes", f"{seconds / 60:.2f}", "--output_dir", str(given.out.resolve() / "training")]
    return [sys.executable, *words, "--checkpoint", str(given.out.resolve() / "training" / "model.pt")]


def search_path() -> list[str]:
    """Return where Python looks for the package, for the benchmarks, and for what was there before."""
    before = os.environ.get("PYTHONPATH")
    return [str(ROOT / "plugins"), str(ROOT / "benchmarks"), *([before] if before else [])]


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started."""
    try:
        os.killpg(process.pid, 15)
        time.sleep(0.5)
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
