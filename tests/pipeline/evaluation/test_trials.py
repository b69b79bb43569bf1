"""Trials that come in clusters tell less than as many independent ones."""

import numpy as np
import pytest

from pipeline.evaluation.copying import binomial
from pipeline.evaluation.trials import independent_trials


def test_trials_that_share_their_fate_count_as_one() -> None:
    fates = np.arange(40) < 30
    alike, clusters = np.repeat(fates, 12), np.repeat(np.arange(40), 12)
    assert independent_trials(alike, clusters) == pytest.approx(39)
    assert independent_trials(fates, np.arange(40)) <= 40
    every = np.ones(24, bool)
    assert independent_trials(every, np.repeat(np.arange(6), 4)) == 6


def test_intervals_of_findings_hold_the_share_although_those_of_an_image_go_together() -> None:
    rng = np.random.default_rng(0)
    held: list[bool] = []
    naive: list[bool] = []
    for _ in range(400):
        counts = rng.integers(1, 5, 200)
        images = np.repeat(np.arange(200), counts)
        hits = rng.random(len(images)) < rng.beta(0.8, 0.2, 200)[images]  # correlation .5
        trials, share = independent_trials(hits, images), float(hits.mean())
        for found, count in ((held, trials), (naive, float(len(hits)))):
            low, high = binomial(share * count, count)
            found.append(low <= 0.8 <= high)
    assert 0.93 <= np.mean(held) <= 0.99
    assert np.mean(naive) < 0.9
