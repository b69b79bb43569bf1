import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.data.config import IngestConfig
from pipeline.data.formats.canonical import shrink
from pipeline.data.reading.quality import check_quality
from pipeline.data.refusal import Refused
from tests.support.pictures import picture

CONFIG = IngestConfig()
BLACK = np.zeros((48, 48), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "reason", "said"),
    [
        (np.zeros((1, 1), np.uint8), "too-small", "1x1 pixels; the shortest side must be >= 32"),
        (picture(0, 31), "too-small", "31x31"),
        (np.tile(picture(0, 32), (1, 5)), "too-long", "160x32 pixels"),
        (BLACK, "all-black", "every pixel is 0"),
        (BLACK + 7, "constant", "every pixel is 7"),
        (BLACK + np.eye(48, dtype=np.uint8), "low-contrast", "0 to 1 with standard deviation 0.14"),
    ],
)
def test_each_flaw_has_its_own_reason(pixels: np.ndarray, reason: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        check_quality(pixels, shrink(pixels), CONFIG)
    assert caught.value.reason == reason
    assert said in caught.value.detail


def test_good_images_pass_at_the_bounds() -> None:
    for pixels in (
        picture(0, 32),
        np.tile(picture(0, 32), (4, 1)),
        picture(0).astype(np.uint16) * 16,
    ):
        check_quality(pixels, shrink(pixels), CONFIG)


@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16]), st.tuples(st.integers(1, 80), st.integers(1, 80))
    )
)
def test_boxes_spread_at_most_twice_as_much_as_pixels(pixels: np.ndarray) -> None:
    assert shrink(pixels).std() <= 2 * pixels.std() + 0.01
