"""An early version is only asked for options that its code supports."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline.base.errors import BadInputError
from pipeline.registry.asked import Asked
from pipeline.registry.bundle import LoadedBundle, make_bundle


@pytest.fixture
def early() -> LoadedBundle:
    """A version from before walks and truncation."""
    sampling = ModuleType("sampling")

    def sample(generator: object, labels: list[str], seed: int, *, start: int = 0) -> object:
        return np.full((len(labels), 2, 2), seed + start, np.uint8)

    sampling.sample = sample  # type: ignore[attr-defined]
    return LoadedBundle(sampling, None)


def test_consumers_do_not_get_the_networks_that_judge(tmp_path: Path) -> None:
    work = tmp_path / "work"
    for name in ("models/generator.safetensors", "models/config.json", "model/sampling.py",
                 "models/networks.safetensors", "start/networks.safetensors"):  # fmt: skip
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    bundle = make_bundle(work, tmp_path / "bundle", "s")
    files = {str(file.relative_to(bundle)) for file in bundle.rglob("*") if file.is_file()}
    assert files == {"generator/generator.safetensors", "generator/config.json",
                     "medloom_model/sampling.py", "bundle.json"}  # fmt: skip


def test_an_early_version_still_draws(early: LoadedBundle) -> None:
    assert early.draw(["stone"], 3, start=2).tolist() == [[[5, 5], [5, 5]]]


@pytest.mark.parametrize("more", [{"truncation": 0.5}, {"frames": 2}])
def test_an_early_version_says_what_it_cannot(early: LoadedBundle, more: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match="supports neither walks nor truncation"):
        early.draw(["stone"], 3, **more)  # type: ignore[arg-type]


def test_an_early_version_cannot_be_told_where_findings_are(early: LoadedBundle) -> None:
    assert early.layouts(["stone"], 3) is None
    with pytest.raises(BadInputError, match="of an earlier medloom"):
        early.layouts(["stone"], 3, asked=Asked(2))
