"""Commanded findings: hit where they are asked for, with their size, and none where none was."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.evaluation.obedience import obedience, obeyed

Maps = NDArray[np.uint8]


def discs(*images: list[tuple[float, float, float]], side: int = 64) -> Maps:
    """Maps of one kind with discs (x, y, radius), [N, side, side]."""
    rows, columns = np.mgrid[:side, :side]
    maps = np.zeros((len(images), side, side), np.uint8)
    for one, spots in zip(maps, images, strict=True):
        for x, y, radius in spots:
            one[np.hypot(columns - x, rows - y) <= radius] = 255
    return maps


def test_hits_sizes_and_false_findings() -> None:
    asked = discs([(20, 20, 4), (50, 30, 2)], [(32, 32, 5)], [], [])
    same = obeyed(asked, asked)
    assert (same.commanded, same.hit, same.bare, same.false) == (3, 3, 2, 0)
    assert same.dice == 1.0
    assert same.size_error == 0.0
    # One is missed, one is elsewhere, and one is where none was asked for.
    seen = discs([(21, 20, 4)], [(10, 50, 5)], [(30, 30, 2)], [])
    found = obeyed(asked, seen)
    assert (found.commanded, found.hit, found.bare, found.false) == (3, 1, 2, 1)
    assert found.dice is not None
    assert 0.2 < found.dice < 0.5


def test_findings_that_one_image_misses_together_widen_the_interval() -> None:
    four = [(12.0, 12.0, 3.0), (50.0, 12.0, 3.0), (12.0, 50.0, 3.0), (50.0, 50.0, 3.0)]
    asked = discs(*[four] * 8)[:, None]
    together = discs(*[four] * 6, [], [])[:, None]  # two images miss all of theirs
    apart = discs(*[four[1:]] * 8)[:, None]  # each image misses one
    widths = []
    for seen in (together, apart):
        (hit,) = (
            one
            for one in obedience((asked, seen), None, ["stone"], "rule")
            if one.metric == "stone_hit_rate"
        )
        assert (hit.value, hit.n_fake) == (0.75, 32)
        assert hit.low is not None
        assert hit.high is not None
        widths.append(hit.high - hit.low)
    assert widths[0] > 1.5 * widths[1]


def test_an_oversized_finding_is_a_hit_with_its_size_said() -> None:
    found = obeyed(discs([(30, 30, 3)]), discs([(30, 30, 6)]))
    assert found.hit == 1
    assert found.size_error == pytest.approx(1.0, abs=0.15)
    assert obeyed(discs([]), discs([])).dice is None


def test_figures_stand_beside_what_the_finder_sees_in_real_images() -> None:
    asked = discs([(20, 20, 4)], [(40, 40, 4)], [])[:, None]
    seen = discs([(20, 20, 4)], [], [])[:, None]
    figures = {f.metric: f for f in obedience((asked, seen), (asked, asked), ["stone"], "rule")}
    hit = figures["stone_hit_rate"]
    assert (hit.value, hit.floor, hit.n_fake, hit.protocol) == (0.5, 1.0, 2, "stone_hit_rate_rule")
    assert hit.low is not None
    assert hit.low < 0.5
    assert (figures["stone_false_share"].value, figures["stone_false_share"].floor) == (0.0, 0.0)
    assert figures["stone_size_error"].value == 0.0
    assert obedience((seen * 0, seen), None, ["stone"], "rule") == []


def test_maps_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="give two of one"):
        obeyed(discs([]), discs([], []))


def test_maps_that_a_generator_made_itself_have_figures_of_their_own() -> None:
    made = discs([(20, 20, 4)], [(40, 40, 4)], [(10, 10, 5)], [])[:, None]
    seen = discs([(20, 20, 4)], [(40, 40, 4)], [], [])[:, None]
    own = {f.metric: f for f in obedience((made, seen), None, ["stone"], "rule", themselves=True)}
    dice = own["stone_made_dice"]
    assert dice.protocol == "stone_made_dice_rule"
    assert dice.value == pytest.approx(2 / 3)
    assert dice.low is not None
    assert dice.high is not None
    # Mean of 1, 1 and 0 with a deviation of .577 over the root of 3.
    assert dice.high - dice.low == pytest.approx(2 * 1.96 / 3, abs=1e-6)
    assert own["stone_made_hit_rate"].value == pytest.approx(2 / 3)
    assert obeyed(made[:1, 0], seen[:1, 0]).dice_interval is None
