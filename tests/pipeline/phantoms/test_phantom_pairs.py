from pathlib import Path

import numpy as np
import pytest

from model.tasks.fuse.registered import require_registered
from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.manifest import read_manifest
from pipeline.phantoms.phantom_pairs import KINDS, Kind, make_pairs, write_pairs
from pipeline.phantoms.phantom_study import CLASSES, PhantomConfig, densities, make_patient
from tests.support.pictures import IngestedFolder

CONFIG = PhantomConfig(size=64, slices=1)


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_registered_and_a_function_of_their_arguments(kind: Kind) -> None:
    pairs = make_pairs(range(2, 4), 5, kind, CONFIG)
    assert pairs.images.shape == pairs.clean.shape == (8, 2, 64, 64)
    assert np.array_equal(pairs.labels, np.repeat(np.arange(4), 2))
    assert pairs.groups.tolist()[:3] == ["cyst-2", "cyst-3", "normal-2"]
    assert len(set(pairs.ids)) == 8
    require_registered(pairs.images, pairs.ids.tolist())
    alone = make_pairs([3], 5, kind, CONFIG)
    assert np.array_equal(alone.images, pairs.images[1::2])


def test_two_windows_are_of_one_scan_and_two_scans_have_noise_of_their_own() -> None:
    a, b = (make_pairs([0], 0, "windows", CONFIG).images[0, k].astype(float) for k in (0, 1))
    inside = (a > 20) & (a < 235) & (b > 20) & (b < 235)
    assert np.corrcoef(a[inside], b[inside])[0, 1] > 0.999
    noise = make_pairs([0], 0, "noise", CONFIG)
    apart = noise.images[0].astype(float) - noise.clean[0]
    assert abs(np.corrcoef(apart[0].ravel(), apart[1].ravel())[0, 1]) < 0.6


def test_each_image_shows_what_the_other_does_not() -> None:
    hu, _ = densities("stone", 0, 0, CONFIG)
    a, b = make_pairs([0], 0, "windows", CONFIG).clean[2]
    bone = hu[0] > 300
    assert (a[bone] == 255).all()
    assert b[bone].std() > 5


def test_densities_are_those_of_the_patient() -> None:
    hu, mm = densities("cyst", 1, 0, CONFIG)
    image, truth = make_patient("cyst", 1, 0, CONFIG)[0]
    assert truth["pixel_mm"] == round(mm, 4)
    assert np.corrcoef(np.clip(hu[0], -150, 290).ravel(), image.ravel())[0, 1] > 0.9
    assert CLASSES == ("cyst", "normal", "stone", "tumor")
    with pytest.raises(BadInputError, match="must be 0 or more"):
        make_pairs([-1], 0, "noise", CONFIG)


def test_pairs_are_written_with_their_list_and_ingest_takes_them(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path, IngestConfig(allow_missing=True))
    small = PhantomConfig(size=64, slices=2)
    assert write_pairs(project.landing, 1, 0, "modalities", config=small) == 4 * 2 * 2
    assert write_pairs(project.landing, 1, 0, "modalities", config=small) == 0
    report = project.ingest()
    assert (report.new, report.quarantined) == (16, 0)
    found = read_manifest(project.workspace)
    assert {row.modality for row in found} == {"CT", "MR"}
    assert len({row.pair for row in found}) == 8
    assert len({row.group for row in found}) == 4
