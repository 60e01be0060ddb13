"""Server that forks a Python process for each command: what takes seconds to import is imported once.

Several commands may run at once.

A forked process has its own folder, environment, arguments, output and exit status, and ends as every interpreter does.
It starts with what the server has imported, and with the server's seed of hashes.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import multiprocessing
import os
import runpy
import select
import sys
from pathlib import Path

import numpy as np

__all__: list[str] = []

_PAUSE = 0.01
"""Seconds after which the server looks again whether a process has ended."""


def _next_command() -> list[str]:
    """Fork at each order and tell of each process when it has begun and ended.

    Returns:
        In a forked process alone, the command that it has to run.
    """
    running: dict[int, int] = {}
    # Unbuffered, so that select sees all that was not read yet.
    with io.FileIO(os.dup(0)) as orders:
        while True:
            ready, _, _ = select.select([orders], [], [], _PAUSE if running else None)
            for process, number in list(running.items()):
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    del running[process]
                    print(number, "ended", os.waitstatus_to_exitcode(status), flush=True)
            if ready:
                line = orders.readline()
                if not line:
                    sys.exit()
                order = json.loads(line)
                process = os.fork()
                if not process:
                    break
                running[process] = order["number"]
                print(order["number"], "began", process, flush=True)
    return _become(order)


def _become(order: dict) -> list[str]:
    for path, descriptor, flags in (
        (os.devnull, 0, os.O_RDONLY),
        (order["out"], 1, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (order["err"], 2, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.orig_argv[:] = order["command"]
    sys.executable = order["executable"] or sys.executable
    importlib.invalidate_caches()
    np.random.seed()  # noqa: NPY002 - as in a fresh process; the module random does so itself
    if method := os.environ.get("SWINX_TEST_START_METHOD"):  # of the processes that load data
        multiprocessing.set_start_method(method, force=True)
    return order["command"]


if __name__ == "__main__":
    del sys.path[0]  # this folder
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    _, *words = _next_command()
    if words[0] == "-c":
        sys.path.insert(0, "")
        sys.argv[:] = words[:1] + words[2:]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    elif words[0] == "-m":
        sys.path.insert(0, str(Path.cwd()))
        sys.argv[:] = words[:1] + words[2:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(words[0]).parent))
        sys.argv[:] = words
        runpy.run_path(words[0], run_name="__main__")
