"""The benchmarks of reading, small; and damaged files."""

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.reading import adding, speed
from bench.reading import fuzz as fuzzing
from bench.reading.adding import measure_adding
from bench.reading.fuzz import damage, fuzz
from bench.reading.samples import samples
from bench.reading.speed import KINDS, measure_speed
from pipeline.data.config import IngestConfig
from pipeline.data.landing.zone import scan
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.results import Share, merge_shares
from pipeline.data.refusal import Refused
from tests.support.pictures import NAMES


def test_every_sample_is_taken(tmp_path: Path) -> None:
    (tmp_path / "landing" / "cyst").mkdir(parents=True)
    (tmp_path / "store").mkdir()
    for name, content in samples().items():
        (tmp_path / "landing" / "cyst" / name).write_bytes(content)
    look = Examiner(tmp_path / "landing", IngestConfig(), NAMES, tmp_path / "store")
    for found in scan(tmp_path / "landing")[0]:
        looks = merge_shares(found, [look(Share(found))])
        assert looks
        reasons = [one.result for one in looks if isinstance(one.result, Refused)]
        assert reasons == [], found.path


def test_damage_is_the_same_for_a_seed_and_does_damage() -> None:
    content = samples()["grey.png"]
    made = [damage(content, np.random.default_rng(seed)) for seed in range(50)]
    assert made == [damage(content, np.random.default_rng(seed)) for seed in range(50)]
    assert len(set(made)) > 45
    assert sum(one == content for one in made) < 5


def test_damaged_files_bring_no_reader_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that goes on by a second each time it is read: at the start, and before each round.
    monkeypatch.setattr(fuzzing, "time", SimpleNamespace(monotonic=count().__next__))
    found = fuzz(3 / 60, 0, tmp_path)
    assert found.wrong == {}
    assert found.files == 2 * fuzzing._A_ROUND
    assert found.outcomes["taken"] > 10
    assert len(found.outcomes) > 5, "damage of many kinds is refused for many reasons"


def test_speed_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "PROCESSES", 1)  # each way starts its own, for each kind
    found = list(measure_speed(40, 64, tmp_path, lambda _: None, rounds=1))
    assert [one.kind for one in found] == list(KINDS)
    assert all(one.ratio > 0 and one.start > 0 for one in found)


def test_adding_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "PROCESSES", 1)
    found = measure_adding(60, 6, tmp_path, lambda _: None)
    assert (found.many, found.few) == (60, 6)
    assert 50 < found.mebibytes < 1024
    assert min(found.decoding, found.seconds) > 0
