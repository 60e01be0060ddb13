"""Children end with their parent, however it ends, and their own children with them."""

from __future__ import annotations

import os
import signal
import sys

import psutil
import pytest

from support.bundles import start
from support.processes import running, started
from swinx.runs.child_process import run_child

# A command with a child in its group, one in a session of its own, and one that is deaf to SIGTERM.
COMMAND = """
import os, signal, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(120)"]
deaf = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"]
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True), subprocess.Popen(deaf)]
with open(sys.argv[1] + ".tmp", "w") as stream:
    print(os.getpid(), *(child.pid for child in children), file=stream)
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
time.sleep(120 if len(sys.argv) < 3 else 0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""
PARENT = """
import sys
from swinx.runs.child_process import run_child
run_child(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda kill: kill.name)
def test_all_that_a_command_started_ends_when_the_process_that_ran_it_is_killed(tmp_path, kill):
    place = tmp_path / "processes"
    words = [sys.executable, "-c", PARENT, sys.executable, "-c", COMMAND, str(place)]
    parent = start(words)
    processes = started(place)
    parent.send_signal(kill)
    parent.wait(60)
    assert running(processes, 30) == []


def test_a_guard_that_is_killed_takes_the_command_along(tmp_path):
    place = tmp_path / "processes"
    words = [sys.executable, "-c", PARENT, sys.executable, "-c", COMMAND, str(place)]
    parent = start(words)
    command, in_group, _, deaf = started(place)
    command.parent().kill()
    assert running([command, in_group, deaf], 30) == []
    parent.wait(60)


@pytest.mark.slow
def test_what_a_command_that_was_killed_left_behind_ends_too(tmp_path):
    place = tmp_path / "processes"
    assert run_child([sys.executable, "-c", COMMAND, str(place), "die"]) == 128 + signal.SIGKILL
    assert not any(map(psutil.pid_exists, map(int, place.read_text().split())))


def test_the_exit_code_and_the_output_are_those_of_the_command(tmp_path):
    with (tmp_path / "log").open("w") as log:
        program = "import os, sys; print(os.environ['WORD'], sys.stdin.read()); sys.exit(7)"
        assert run_child([sys.executable, "-c", program], os.environ | {"WORD": "said"}, log) == 7
    assert (tmp_path / "log").read_text().split() == ["said"]


def test_the_guard_is_small(tmp_path):
    """It watches for hours beside a training, and starts before it."""
    program = "import os, psutil; print(psutil.Process(os.getppid()).memory_info().rss)"
    with (tmp_path / "log").open("w") as log:
        assert run_child([sys.executable, "-c", program], log=log) == 0
    assert int((tmp_path / "log").read_text()) < 60e6, "bytes; torch alone takes three times that"
