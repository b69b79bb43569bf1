"""A training that goes on from the networks of another one."""

from pathlib import Path

import pytest
import torch

from model.checkpoint import fingerprint
from model.config import TrainConfig
from model.families import make_learner
from model.families.base import Learner
from model.families.rpgan.recipe import Recipe
from model.progress import Progress, Stopped
from model.training import TrainResult, fit
from model.warm_start import Networks, begin_from, save_networks, weights_of
from tests.model.test_training import CLASSES, shapes

SMALL = TrainConfig(
    kimg=0.048, snapshots=1, checkpoint_kimg=0.016, precision="float32", threads=1,
    recipe=Recipe(batch=8, latent=8, widths=(12, 8, 8), warm_up_kimg=0.04),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _threads_as_before() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def learner(config: TrainConfig = SMALL, seed: int = 0) -> Learner:
    return make_learner(config.network(32, CLASSES), config.recipe, seed)


def saved(folder: Path, result: TrainResult) -> Networks:
    save_networks(folder / "networks.safetensors", result.networks, result.network)
    return Networks.read(folder / "networks.safetensors")


def test_networks_are_read_as_they_were_and_the_same_give_the_same_bytes(tmp_path: Path) -> None:
    before = learner()
    weights = weights_of(before)
    assert {name.split(".")[0] for name in weights} == {"generator", "critic", "average"}
    config = before.average.config
    sums = {save_networks(tmp_path / name, weights, config) for name in ("a", "b")}
    assert len(sums) == 1
    found = Networks.read(tmp_path / "a")
    assert (found.network, {found.sha256}) == (config, sums)
    after = learner(seed=1)
    begin_from(after, found)
    now = weights_of(after)
    assert now.keys() == weights.keys()
    assert all(torch.equal(now[name], weight) for name, weight in weights.items())
    states = [optimizer.state_dict()["state"] for optimizer in after.optimizers().values()]
    assert states == [{}, {}]


@pytest.mark.parametrize(
    ("size", "classes", "changes", "says"),
    [
        (64, CLASSES, {}, "image_size was 32 and is 64"),
        (32, ("disc",), {}, r"classes was \('disc', 'ring'\) and is \('disc',\)"),
        (32, CLASSES, {"latent": 16}, "latent was 8 and is 16"),
    ],
)
def test_other_networks_are_refused(
    size: int, classes: tuple[str, ...], changes: dict[str, int], says: str
) -> None:
    before = learner()
    networks = Networks(before.average.config, weights_of(before), "s")
    recipe = SMALL.recipe.model_copy(update=changes)
    config = SMALL.model_copy(update={"recipe": recipe})
    other = make_learner(config.network(size, classes), recipe, 0)
    with pytest.raises(ValueError, match=says):
        begin_from(other, networks)


def test_networks_of_other_code_and_other_files_are_refused(tmp_path: Path) -> None:
    before = learner()
    weights = weights_of(before)
    name, weight = weights.popitem()
    with pytest.raises(ValueError, match=f"1 tensors differ in name or shape, such as {name}"):
        begin_from(learner(), Networks(before.average.config, weights, "s"))
    from safetensors.torch import save_file

    save_file({name: weight}, tmp_path / "plain.safetensors")
    with pytest.raises(ValueError, match="format_version is None"):
        Networks.read(tmp_path / "plain.safetensors")


def test_a_training_begins_from_them_and_a_resumed_one_takes_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = saved(tmp_path, fit(*shapes(), CLASSES, SMALL))
    warm = fit(*shapes(), CLASSES, SMALL, start=start)
    again = fit(*shapes(), CLASSES, SMALL, start=start)
    cold = fit(*shapes(), CLASSES, SMALL)
    assert all(torch.equal(weight, again.networks[n]) for n, weight in warm.networks.items())
    assert warm.history == again.history
    assert warm.history[0] != cold.history[0]
    assert warm.images_seen == cold.images_seen

    seen: list[int] = []

    def stop() -> bool:
        return bool(seen)

    def tell(progress: Progress) -> None:
        if progress.images_seen >= 24:
            seen.append(progress.images_seen)

    monkeypatch.setattr("model.progress.PROGRESS_SECONDS", 0.0)
    folder = tmp_path / "c"
    with pytest.raises(Stopped):
        fit(*shapes(), CLASSES, SMALL, start=start, checkpoint_folder=folder,
            on_progress=tell, should_stop=stop)  # fmt: skip
    assert list(folder.glob("checkpoint-*"))
    resumed = fit(*shapes(), CLASSES, SMALL, start=start, checkpoint_folder=folder)
    assert all(torch.equal(weight, resumed.networks[n]) for n, weight in warm.networks.items())
    assert resumed.history == warm.history
    with pytest.raises(ValueError, match="belongs to another training"):
        fit(*shapes(), CLASSES, SMALL, checkpoint_folder=folder)


def test_what_a_training_begins_from_is_part_of_its_fingerprint() -> None:
    images, labels = shapes(4)
    found = {fingerprint(images, labels, CLASSES, SMALL, start) for start in ("", "a", "b")}
    assert len(found) == 3
    assert fingerprint(images, labels, CLASSES, SMALL) in found
