"""Processes that trained together come apart without leaving threads behind."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.warm_programs import run_in_processes
from swinx.workarounds import leave_processes

TRAIN = """
from pathlib import Path
import ignite.distributed as idist
import torch
from swinx.workarounds import join_processes, leave_processes

def threads():
    return {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}

join_processes("gloo")
rank = idist.get_rank()
network = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(8, 8))
optimizer = torch.optim.SGD(network.parameters())
for _ in range(3):
    network(torch.rand(4, 8)).sum().backward()
    optimizer.step()
during = threads()
leave_processes(network)
Path(__file__).with_name(f"gone_{rank}").write_text(" ".join(sorted(during - threads())))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux alone")
def test_a_group_begins_under_slurm_and_no_thread_outlives_it(tmp_path, monkeypatch):
    """Ranks of torchrun are not Slurm's; a thread that stays may end the process with exit code -6."""
    for name in ("JOB_ID", "PROCID", "LOCALID", "NTASKS", "JOB_NUM_NODES", "JOB_NODELIST"):
        monkeypatch.setenv(f"SLURM_{name}", "1")  # as srun starts torchrun on the second of two nodes
    (tmp_path / "train.py").write_text(TRAIN)
    done = run_in_processes([tmp_path / "train.py"], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    for rank in (0, 1):
        assert (tmp_path / f"gone_{rank}").read_text() == "gloo_tcp_loop pt_gloo_runloop"


def test_a_network_of_one_process_stays_as_it_is():
    network = torch.nn.Linear(2, 2)
    leave_processes(network)
    assert network(torch.zeros(1, 2)).shape == (1, 2)
    leave_processes()
