"""Two processes with half of the scans each take the same steps as one with all of them."""

from __future__ import annotations

import json
from pathlib import Path

import ignite.distributed as idist
import pytest
import torch

from support.pretraining import start_pretraining, view_pairs
from support.warm_programs import run_in_processes

pytestmark = pytest.mark.slow

SCANS = 4


ONE_OF_TWO = """
import json, sys
from pathlib import Path
import ignite.distributed as idist
sys.path[:0] = json.loads(sys.argv[1])
from two_processes import train_share
idist.initialize("gloo")
train_share(Path(__file__).parent)
idist.finalize()
"""


def train_share(folder: Path) -> None:
    """Train on this process's half of each batch, and keep the outcome."""
    rank = idist.get_rank()
    torch.set_num_threads(1)
    items = [item for index, item in enumerate(view_pairs(2 * SCANS)) if index % SCANS // 2 == rank]
    place = folder / f"rank_{rank}"
    pretraining = start_pretraining(
        place, max_epochs=3, items=items, drop_path_rate=0.0, batch_size=SCANS // 2, shuffle=False, parallel=True
    ).run()
    torch.save(pretraining.everything(), folder / f"{rank}.pt")


def test_a_joint_batch_on_one_process_and_its_halves_on_two_give_the_same(tmp_path):
    tests = Path(__file__).parents[1]
    (tmp_path / "two_processes.py").write_text(Path(__file__).read_text())
    (tmp_path / "one_of_two.py").write_text(ONE_OF_TWO)
    paths = json.dumps([str(tmp_path), str(tests), str(tests.parent / "plugins")])
    finished = run_in_processes([tmp_path / "one_of_two.py", paths], tmp_path)
    assert finished.returncode == 0, finished.stderr[-3000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    single = start_pretraining(
        tmp_path / "one",
        max_epochs=3,
        items=view_pairs(2 * SCANS),
        drop_path_rate=0.0,
        batch_size=SCANS,
        shuffle=False,
    )
    started = {name: tensor.clone() for name, tensor in single.network.state_dict().items()}
    one = single.run().everything()
    assert first.keys() == one.keys()
    for name, tensor in one.items():
        assert torch.equal(first[name], second[name]), name
        if not name.startswith("optimizer."):
            torch.testing.assert_close(first[name], tensor, rtol=1e-4, atol=2e-5, msg=name)
    moved = (started["student.reconstruction.weight"] - one["network.student.reconstruction.weight"]).abs().max()
    assert moved > 1e-3, "the comparison would be of networks that did not train"
    assert one["loss.patch_centre.centre"].abs().max() > 1e-4
    assert not (tmp_path / "rank_1" / "steps.csv").exists()
