"""A program that a server forks runs and ends as it does on its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from support.warm_python import run_warm, start_warm

PROGRAM = """
import atexit, os, sys, threading, time
from beside import word
atexit.register(lambda: print("at exit"))
threading.Thread(target=lambda: (time.sleep(0.1), print("a thread's last word"))).start()
sys.excepthook = lambda kind, error, trace: print("stopped:", error, file=sys.stderr)
print(word, __name__, sys.argv[1:], sys.orig_argv[1:], os.getcwd(), os.environ["SWINX_WORD"], sys.stdin.read())
{end}
"""


@pytest.fixture
def compare(tmp_path):
    """Run a program that ends in some way from a server, and on its own; return both."""
    (tmp_path / "beside.py").write_text("word = 'é'")
    environment = os.environ | {"SWINX_WORD": "of the environment"}

    def both(end: str) -> list[tuple[int, str, str]]:
        (tmp_path / "program.py").write_text(PROGRAM.format(end=end))
        command, cwd = [sys.executable, str(tmp_path / "program.py"), "a", "b c"], tmp_path.parent
        alone = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        forked = run_warm(command, cwd, environment, imported=())
        return [(done.returncode, done.stdout, done.stderr) for done in (forked, alone)]

    return both


@pytest.mark.parametrize(
    "end", ["", "sys.exit(3)", "sys.exit('said')", "raise ValueError('é')", "os.kill(os.getpid(), 9)"]
)
def test_a_forked_program_ends_as_it_does_alone(compare, end):
    forked, alone = compare(end)
    assert forked == alone


def test_a_program_that_takes_too_long_is_stopped(tmp_path):
    (tmp_path / "program.py").write_text("import time; time.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        run_warm([sys.executable, str(tmp_path / "program.py")], tmp_path, dict(os.environ), 1, imported=())


def test_others_run_beside_a_process_that_can_be_killed(tmp_path):
    sleeping = start_warm([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, os.environ, imported=())
    words = [sys.executable, "-c", "import sys; print(sys.argv, sys.executable, __name__)", "a", "b c"]
    forked = run_warm(words, tmp_path, dict(os.environ), imported=(), executable="/of/others")
    alone = subprocess.run(words, capture_output=True, encoding="utf-8", check=True)
    assert forked.stdout == alone.stdout.replace(sys.executable, "/of/others")
    assert sleeping.poll() is None
    sleeping.send_signal(signal.SIGKILL)
    assert sleeping.wait() == -signal.SIGKILL
