"""Two processes that torchrun starts compute what one does."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model.parallel import Draws, Shard, this_shard
from model.training import fit
from tests.model.test_training import CLASSES, images_for, tiny

SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import torch
from test_training import CLASSES, images_for, tiny
from model.parallel import joined
from model.training import fit
with joined() as shard:
    for family in {families!r}:
        result = fit(*images_for(family), CLASSES, tiny(family))
        name = f"{{family}}-rank{{shard.rank}}-of-{{shard.world}}.pt"
        torch.save((result.weights, result.history, result.networks), f"{folder}/{{name}}")
"""


FAMILIES = [
    "enlarge_multipath", "enlarge_se", "fuse_difference", "fuse_two_critics", "pggan", "rpgan",
    "style",
]  # fmt: skip

MOST = {"rpgan": 2e-5, "style": 2e-5}
"""Their weights move by 8e-5 in this training, those of the others by 8e-3."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what both processes have of each family; starting them takes longest."""
    folder = tmp_path_factory.mktemp("trained")
    script, root = folder / "train.py", Path(__file__).resolve().parents[2]
    tests = str(Path(__file__).parent)
    script.write_text(SCRIPT.format(tests=tests, folder=folder, families=FAMILIES))
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            str(script),
        ],
        cwd=root,
        env={"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_equal_one_with_the_same_batch(trained: Path, family: str) -> None:
    result = fit(*images_for(family), CLASSES, tiny(family))
    alone, history = result.weights, result.history
    first, first_history, networks = torch.load(trained / f"{family}-rank0-of-2.pt")
    second, _, others = torch.load(trained / f"{family}-rank1-of-2.pt")
    assert [name for name, value in networks.items() if not torch.equal(value, others[name])] == []
    for name, weight in alone.items():
        # Both processes hold the very same weights, and those of one process but for rounding,
        # which Adam's first steps, of the size of the rate, make visible.
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], weight, rtol=0, atol=MOST.get(family, 2e-3))
    assert len(history) == len(first_history)
    # The leader's losses are those of its half of the batch.
    assert first_history[-1]["images_seen"] == history[-1]["images_seen"] == 80


def test_a_batch_that_cannot_be_shared_in_pairs_is_refused() -> None:
    Shard(0, 2).check_batch(8)
    with pytest.raises(ValueError, match="multiple of 4"):
        Shard(0, 2).check_batch(6)


def test_alone_there_is_nothing_to_share() -> None:
    shard = this_shard()
    assert (shard.rank, shard.world, shard.leads) == (0, 1, True)
    everything = torch.arange(4)
    assert shard.take(everything) is everything
    assert shard.same("this") == "this"


def test_shares_of_a_draw_make_up_the_draw() -> None:
    def draws(shard: Shard) -> Draws:
        return Draws(torch.Generator().manual_seed(0), shard, torch.device("cpu"))

    whole = draws(Shard()).normal(6, 3)
    parts = [draws(Shard(rank, 2)).normal(3, 3) for rank in range(2)]
    assert torch.equal(torch.cat(parts), whole)
