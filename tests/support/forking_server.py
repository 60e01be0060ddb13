"""Server that forks a Python process for each command: what takes seconds to import is imported once.

A forked process has its own folder, environment, arguments, output and exit status, and ends as every interpreter does.
It starts with what the server has imported, and with the server's seed of hashes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import sys
from pathlib import Path

import numpy as np

__all__: list[str] = []


def _next_command() -> list[str]:
    """Fork at each order; return, in the forked process alone, the command that it has to run."""
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if not process:
            return _become(order)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def _become(order: dict) -> list[str]:
    for path, descriptor, flags in (
        (os.devnull, 0, os.O_RDONLY),
        (order["out"], 1, os.O_WRONLY | os.O_CREAT),
        (order["err"], 2, os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.orig_argv[:] = order["command"]
    importlib.invalidate_caches()
    np.random.seed()  # noqa: NPY002 - as in a fresh process; the module random does so itself
    return order["command"]


if __name__ == "__main__":
    del sys.path[0]  # this folder
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    _, *words = _next_command()
    if words[0] == "-m":
        sys.path.insert(0, str(Path.cwd()))
        sys.argv[:] = words[:1] + words[2:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(words[0]).parent))
        sys.argv[:] = words
        runpy.run_path(words[0], run_name="__main__")
