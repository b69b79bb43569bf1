import numpy as np
import pytest

from pipeline.data.frame import find_trunk
from tests.support.trunks import draw_trunk


@pytest.mark.parametrize("tissue", [45, 110, 200])
@pytest.mark.parametrize("fat", [0, 30])
def test_the_trunk_is_found_at_any_window(tissue: int, fat: int) -> None:
    frame, reason = find_trunk(draw_trunk(tissue=tissue, fat=fat))
    assert frame is not None
    assert reason == ""
    assert (frame.x, frame.y) == pytest.approx((64, 60), abs=1.5)
    assert frame.half_width == pytest.approx(40, rel=0.05)
    assert frame.flatness == pytest.approx(0.7, rel=0.1)
    assert abs(frame.tilt) < 0.03


@pytest.mark.parametrize(("size", "skin"), [(96, 0.0), (128, 1.5), (512, 1.5)])
def test_the_frame_scales_with_the_image(size: int, skin: float) -> None:
    scale = size / 128
    image = draw_trunk(size, (70 * scale, 55 * scale), 38 * scale, tissue=60, fat=12, skin=skin)
    frame, _ = find_trunk(image)
    assert frame is not None
    assert (frame.x / scale, frame.y / scale) == pytest.approx((70, 55), abs=2)
    assert frame.half_width / scale == pytest.approx(38, rel=0.06)


def test_a_tilted_trunk_is_tilted_and_its_places_turn_with_it() -> None:
    frame, _ = find_trunk(draw_trunk(tilt=0.2))
    assert frame is not None
    assert frame.tilt == pytest.approx(0.2, abs=0.03)
    x, y = frame.place(1, 0)
    assert x == pytest.approx(frame.x + np.cos(0.2) * frame.half_width, abs=1)
    assert y == pytest.approx(frame.y + np.sin(0.2) * frame.half_width, abs=1.5)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_flat_image_has_no_frame(level: int) -> None:
    frame, reason = find_trunk(np.full((64, 96), level, np.uint8))
    assert frame is None
    assert reason in ("no body", "no tissue")


def test_a_table_alone_is_no_body() -> None:
    image = draw_trunk(tissue=0, fat=0, bone=0)
    image[100:102] = 255
    assert find_trunk(image) == (None, "no body")
