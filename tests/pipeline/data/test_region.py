import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.base.errors import BadInputError
from pipeline.data.region import RegionConfig, find_region, in_words, whole_square
from pipeline.data.square import PreprocessConfig, find_crop, to_square
from tests.support.trunks import draw_trunk

PAIR = RegionConfig(frame="trunk", centre=(0.0, 0.14), half_side=0.72)


def lit(image: NDArray[np.uint8]) -> tuple[float, float, int]:
    """Centre, x and y, and number of the pixels above half of white."""
    rows, columns = np.nonzero(image > 127)
    return float(columns.mean()), float(rows.mean()), len(rows)


def test_the_square_is_placed_in_units_of_the_trunk() -> None:
    box, reason = find_region(draw_trunk(), PAIR)
    assert box is not None
    assert reason == ""
    x0, y0, x1, y1 = box
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert x1 - x0 == pytest.approx(2 * 0.72 * 40, rel=0.05)
    assert (x0 + x1) / 2 == pytest.approx(64.5, abs=1.5)
    assert (y0 + y1) / 2 == pytest.approx(60.5 + 0.14 * 40, abs=1.5)


def test_the_same_anatomy_is_shown_whatever_size_and_place() -> None:
    config = PreprocessConfig(size=64, region=PAIR)
    squares = []
    for size, centre, width in ((128, (64.0, 60.0), 40.0), (256, (140.0, 110.0), 70.0)):
        image = draw_trunk(size, centre, width, tissue=60)
        squares.append(to_square(image, config, find_crop(image, config)[0]).astype(float))
    # The wall of muscle is two pixels wide, so a shift of half a pixel would cost much more.
    assert np.corrcoef(squares[0].ravel(), squares[1].ravel())[0, 1] > 0.85


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((64, 64), np.uint8), "no body"),
        (draw_trunk(flatness=0.25, half_width=48), "outline unlike an axial trunk"),
        (draw_trunk(tilt=0.7), "outline tilted"),
    ],
)
def test_an_image_without_a_trunk_has_no_region(image: NDArray[np.uint8], reason: str) -> None:
    assert find_region(image, PAIR) == (None, reason)


def test_the_whole_image_needs_no_frame() -> None:
    nothing = np.zeros((3, 8), np.uint8)
    assert find_region(nothing, RegionConfig()) == ((0, -2, 8, 6), "")
    assert whole_square((8, 3)) == (-2, 0, 6, 8)


def test_a_crop_is_cut_between_pixels_and_black_beyond_the_image() -> None:
    config = PreprocessConfig(size=32)
    image = np.zeros((64, 64), np.uint8)
    image[20:24, 30:34] = 255
    whole = to_square(image, config)
    x, y, _ = lit(to_square(image, config, (16.0, 6.0, 48.0, 38.0)))
    assert (x, y) == pytest.approx((15.5, 15.5))
    x, _, _ = lit(to_square(image, config, (16.25, 6.0, 48.25, 38.0)))
    assert x == pytest.approx(15.5, abs=0.5), "a quarter of a pixel is no whole one"
    finer = to_square(image, config, (16.5, 6.0, 40.5, 30.0)).astype(float)
    x = float(np.average(np.arange(32), weights=finer.sum(0)))
    assert x == pytest.approx((32 - 16.5) * 32 / 24 - 0.5, abs=0.05)
    beyond = to_square(np.full((64, 64), 200, np.uint8), config, (-32.0, 0.0, 32.0, 64.0))
    assert not beyond[:, :14].any()
    assert (beyond[:, 18:] == 200).all()
    np.testing.assert_array_equal(to_square(image, config, whole_square(image.shape)), whole)


def test_sixteen_bits_are_windowed_before_the_trunk_is_searched() -> None:
    image = draw_trunk().astype(np.uint16) * 16
    crop, _ = find_crop(image, PreprocessConfig(region=PAIR))
    assert crop == pytest.approx(find_crop(draw_trunk(), PreprocessConfig(region=PAIR))[0], abs=1)


@pytest.mark.parametrize(
    "region",
    [
        RegionConfig(),
        PAIR,
        RegionConfig(frame="trunk", centre=(-0.42, 0.123456789), half_side=0.3),
    ],
)
def test_a_view_names_its_region(region: RegionConfig) -> None:
    assert RegionConfig.of_view(region.view) == region


def test_views_in_words() -> None:
    assert PAIR.view == "trunk (0, 0.14) 0.72"
    assert RegionConfig.of_view("trunk 0 0.14 0.72") == PAIR
    assert RegionConfig.of_view("none") == RegionConfig()
    assert in_words(PAIR.view) == "region trunk (0, 0.14) 0.72"
    assert in_words("") == "whole images"


@pytest.mark.parametrize("view", ["kidney", "trunk", "trunk (0, 0.14) 0", "trunk (0, 0.14) 9"])
def test_a_view_that_is_none_is_refused(view: str) -> None:
    with pytest.raises(BadInputError, match="is not a region; give a frame"):
        RegionConfig.of_view(view)


@pytest.mark.parametrize("wrong", [{"half_side": 0.0}, {"frame": "kidney"}, {"centre": (0.0,)}])
def test_a_wrong_region_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RegionConfig.model_validate(wrong)
